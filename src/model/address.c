/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Domains go through libidn2 (UTS 46, non-transitional); its output is
 * judged again label by label, since it lets more through than DNS.
 */
#include "model/address.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"

#define LABEL_MAX 63
#define DOMAIN_TEXT_MAX 253
#define ADDRESS_TEXT_MAX 254 /* RFC 5321 4.5.3.1.3, without the brackets */
#define INPUT_MAX 1024

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct span
trim(const char *text)
{
	struct span s = span_from(text);

	while (s.length > 0 && is_space(s.data[0])) {
		s.data++;
		s.length--;
	}
	while (s.length > 0 && is_space(s.data[s.length - 1]))
		s.length--;
	return s;
}

static bool
is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Letters, digits, hyphen: libidn2's own STD3 test lets '_' through. */
static bool
label_valid(struct span label)
{
	if (label.length == 0 || label.length > LABEL_MAX)
		return false;
	if (label.data[0] == '-' || label.data[label.length - 1] == '-')
		return false;
	for (size_t i = 0; i < label.length; i++) {
		char c = label.data[i];

		if (!is_lower(c) && !is_digit(c) && c != '-')
			return false;
	}
	return true;
}

static bool
all_digits(struct span label)
{
	for (size_t i = 0; i < label.length; i++) {
		if (!is_digit(label.data[i]))
			return false;
	}
	return true;
}

/* At least two labels; a numeric last one would be an IPv4 address. */
static bool
labels_valid(const char *domain)
{
	struct span rest = span_from(domain);
	struct span label = { 0 };
	int count = 0;

	while (span_split(&rest, '.', &label)) {
		if (!label_valid(label))
			return false;
		count++;
	}
	return count >= 2 && !all_digits(label);
}

static int
domain_invalid(struct err *err, const char *field, const char *text)
{
	(void)err_field(err, ERR_INVALID, field,
		"\"%.80s\" is not a valid domain name", text);
	return err_remedy(err, "write it like example.org");
}

int
address_domain(const char *text, const char *field, char domain_out[DOMAIN_MAX],
	struct err *err)
{
	struct span input = trim(text);
	char copy[INPUT_MAX];
	char *ascii = NULL;
	int status;
	bool valid;

	if (input.length == 0 || input.length >= sizeof(copy))
		return domain_invalid(err, field, text);
	memcpy(copy, input.data, input.length);
	copy[input.length] = '\0';
	status = idn2_to_ascii_8z(
		copy, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (status != IDN2_OK)
		return domain_invalid(err, field, copy);
	valid = strlen(ascii) <= DOMAIN_TEXT_MAX && labels_valid(ascii);
	if (valid)
		(void)snprintf(domain_out, DOMAIN_MAX, "%s", ascii);
	idn2_free(ascii);
	return valid ? 0 : domain_invalid(err, field, copy);
}

/* atext of RFC 5322 3.2.3, lower case already. */
static bool
is_atext(char c)
{
	return is_lower(c) || is_digit(c) ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* dot-atom of RFC 5322 3.2.3, made lower case; -1 when it is none. */
static int
local_part(struct span text, char *out)
{
	if (text.length > ADDRESS_LOCAL_MAX)
		return -1;
	for (size_t i = 0; i < text.length; i++) {
		char c = text.data[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c == '.') {
			if (i == 0 || i + 1 == text.length || out[i - 1] == '.')
				return -1;
		} else if (!is_atext(c)) {
			return -1;
		}
		out[i] = c;
	}
	out[text.length] = '\0';
	return 0;
}

static ptrdiff_t
last_at(struct span text)
{
	for (size_t i = text.length; i > 0; i--) {
		if (text.data[i - 1] == '@')
			return (ptrdiff_t)(i - 1);
	}
	return -1;
}

static int
address_invalid(struct err *err, const char *field, const char *text)
{
	(void)err_field(err, ERR_INVALID, field,
		"\"%.120s\" is not a valid mail address", text);
	return err_remedy(err,
		"write it like name@example.org, the name in ASCII and without quotes");
}

int
address_canonical(const char *text, bool catch_all, const char *field,
	char address_out[ADDRESS_MAX], struct err *err)
{
	struct span input = trim(text);
	ptrdiff_t at = last_at(input);
	char local[ADDRESS_LOCAL_MAX + 1];
	char rest[INPUT_MAX];
	char domain[DOMAIN_MAX];
	char joined[ADDRESS_LOCAL_MAX + 1 + DOMAIN_MAX];
	size_t rest_length;
	int length;

	if (at < 0 || input.length >= sizeof(rest))
		return address_invalid(err, field, text);
	if (at == 0 && !catch_all)
		return address_invalid(err, field, text);
	if (local_part((struct span){ input.data, (size_t)at }, local) != 0)
		return address_invalid(err, field, text);
	rest_length = input.length - (size_t)at - 1;
	memcpy(rest, input.data + at + 1, rest_length);
	rest[rest_length] = '\0';
	if (address_domain(rest, field, domain, err) != 0)
		return -1;
	length = snprintf(joined, sizeof(joined), "%s@%s", local, domain);
	if (length > ADDRESS_TEXT_MAX)
		return address_invalid(err, field, text);
	memcpy(address_out, joined, (size_t)length + 1);
	return 0;
}

const char *
address_domain_part(const char *address)
{
	const char *at = strrchr(address, '@');

	return at == NULL ? "" : at + 1;
}
