/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arithmetic on borrowed bytes: here and in strbuf.c, nowhere else. */
#include "base/span.h"

#include <string.h>

struct span
span_from(const char *text)
{
	return (struct span){ .data = text, .length = text ? strlen(text) : 0 };
}

bool
span_equal(struct span a, struct span b)
{
	return a.length == b.length &&
	       (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool
span_equal_text(struct span a, const char *text)
{
	return span_equal(a, span_from(text));
}

bool
span_starts_with(struct span a, const char *prefix)
{
	size_t length = strlen(prefix);
	return a.length >= length &&
	       (length == 0 || memcmp(a.data, prefix, length) == 0);
}

ptrdiff_t
span_find(struct span a, char byte)
{
	const char *found =
		a.length ? memchr(a.data, (unsigned char)byte, a.length) : NULL;
	return found ? found - a.data : -1;
}

bool
span_split(struct span *rest, char separator, struct span *piece_out)
{
	if (!rest->data)
		return false;
	ptrdiff_t at = span_find(*rest, separator);
	if (at < 0) {
		*piece_out = *rest;
		*rest = (struct span){ 0 };
		return true;
	}
	*piece_out = (struct span){ rest->data, (size_t)at };
	rest->data += at + 1;
	rest->length -= (size_t)at + 1;
	return true;
}

int
span_parse_uint64(struct span a, uint64_t max, uint64_t *out)
{
	if (a.length == 0)
		return -1;
	uint64_t value = 0;
	for (size_t i = 0; i < a.length; i++) {
		if (a.data[i] < '0' || a.data[i] > '9')
			return -1;
		uint64_t digit = (uint64_t)(a.data[i] - '0');
		if (digit > max || value > (max - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	*out = value;
	return 0;
}
