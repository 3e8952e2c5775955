/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Written out rather than taken from libsodium: its decoder skips or
 * refuses by flags, ours must also refuse stray bits behind the last byte
 * (RFC 4648 3.5), so that each value has one text.
 */
#include "base/encode.h"

#include <stdint.h>
#include <string.h>

static const char BASE64_DIGITS[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
digit_value(const char *digits, size_t count, char digit)
{
	const char *found = memchr(digits, digit, count);
	return found ? (int)(found - digits) : -1;
}

void
base64_encode(struct strbuf *out, const void *data, size_t length)
{
	const unsigned char *b = data;
	for (size_t i = 0; i < length; i += 3) {
		size_t left = length - i;
		uint32_t group = (uint32_t)b[i] << 16;
		group |= left > 1 ? (uint32_t)b[i + 1] << 8 : 0;
		group |= left > 2 ? b[i + 2] : 0;
		char text[4] = { BASE64_DIGITS[group >> 18],
			BASE64_DIGITS[group >> 12 & 63],
			left > 1 ? BASE64_DIGITS[group >> 6 & 63] : '=',
			left > 2 ? BASE64_DIGITS[group & 63] : '=' };
		strbuf_add(out, text, sizeof(text));
	}
}

/* Takes "=" signs off the end; -1 when they do not fill the last group. */
static int
strip_padding(struct span *text)
{
	size_t padding = 0;
	while (padding < text->length &&
		text->data[text->length - padding - 1] == '=')
		padding++;
	if (padding > 0 && (padding > 2 || text->length % 4 != 0))
		return -1;
	text->length -= padding;
	return text->length % 4 == 1 ? -1 : 0;
}

int
base64_decode(struct span text, void *out, size_t out_size, size_t *length_out)
{
	if (strip_padding(&text) < 0 || text.length / 4 * 3 > out_size)
		return -1;
	unsigned char *at = out;
	uint32_t bits = 0;
	size_t bit_count = 0, length = 0;
	for (size_t i = 0; i < text.length; i++) {
		int value = digit_value(BASE64_DIGITS, 64, text.data[i]);
		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		bit_count += 6;
		if (bit_count < 8)
			continue;
		if (length == out_size)
			return -1;
		bit_count -= 8;
		at[length++] = (unsigned char)(bits >> bit_count);
		bits &= (1u << bit_count) - 1;
	}
	if (bits != 0)
		return -1;
	*length_out = length;
	return 0;
}

void
hex_encode(struct strbuf *out, const void *data, size_t length)
{
	static const char DIGITS[] = "0123456789abcdef";
	const unsigned char *b = data;
	for (size_t i = 0; i < length; i++) {
		char text[2] = { DIGITS[b[i] >> 4], DIGITS[b[i] & 15] };
		strbuf_add(out, text, sizeof(text));
	}
}

static int
hex_value(char digit)
{
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return digit_value("0123456789abcdef", 16, digit);
}

int
hex_decode(struct span text, void *out, size_t out_size, size_t *length_out)
{
	if (text.length % 2 != 0 || text.length / 2 > out_size)
		return -1;
	unsigned char *at = out;
	for (size_t i = 0; i < text.length; i += 2) {
		int high = hex_value(text.data[i]);
		int low = hex_value(text.data[i + 1]);
		if (high < 0 || low < 0)
			return -1;
		at[i / 2] = (unsigned char)(high << 4 | low);
	}
	*length_out = text.length / 2;
	return 0;
}
