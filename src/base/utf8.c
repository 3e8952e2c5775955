/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of well-formed sequences in RFC 3629 4, as conditions. */
#include "base/utf8.h"

#include <stdbool.h>

static bool
is_tail(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Bytes that a first byte announces; 0 for one that cannot be first. */
static size_t
announced(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	if (first >= 0xf0 && first <= 0xf4)
		return 4;
	return 0;
}

size_t
utf8_length(const char *text, size_t length)
{
	const unsigned char *b = (const unsigned char *)text;
	if (length == 0)
		return 0;
	size_t n = announced(b[0]);
	if (n == 0 || n > length)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (!is_tail(b[i]))
			return 0;
	}
	bool overlong =
		(b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xf0 && b[1] < 0x90);
	bool surrogate = b[0] == 0xed && b[1] > 0x9f;
	bool too_high = b[0] == 0xf4 && b[1] > 0x8f;
	return overlong || surrogate || too_high ? 0 : n;
}

size_t
utf8_cut(const char *text, size_t length)
{
	for (size_t back = 1; back <= 3 && back <= length; back++) {
		unsigned char byte = (unsigned char)text[length - back];
		if (is_tail(byte))
			continue;
		return announced(byte) > back ? length - back : length;
	}
	return length;
}
