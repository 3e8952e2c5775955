/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * UTF-8 (RFC 3629), strict: no overlong forms, surrogates or code points
 * above U+10FFFF. For writers that must not pass bad bytes on.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at the start of text: 1-4, or 0 when it is bad. */
size_t utf8_length(const char *text, size_t length);
/* The greatest n <= length that does not cut a character of text. */
size_t utf8_cut(const char *text, size_t length);

#endif
