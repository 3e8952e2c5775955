/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A borrowed run of bytes: pointer and length, not NUL-terminated, owned
 * by somebody else. Parsers of foreign bytes work on spans.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

struct span {
	const char *data;
	size_t length;
};

struct span span_from(const char *text);
bool span_equal(struct span a, struct span b);
bool span_equal_text(struct span a, const char *text);
bool span_starts_with(struct span a, const char *prefix);
/* Index of the byte, or -1. */
ptrdiff_t span_find(struct span a, char byte);
/*
 * Takes what stands before the first separator and moves *rest behind it;
 * the last piece leaves *rest empty with data NULL. False when *rest was
 * used up already.
 */
bool span_split(struct span *rest, char separator, struct span *piece_out);
/* Digits only, whole span, at most max: 0, else -1 and *out untouched. */
MUST_CHECK int span_parse_uint64(struct span a, uint64_t max, uint64_t *out);

#endif
