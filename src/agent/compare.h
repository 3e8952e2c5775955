/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Do two rendered trees, or files of them, say the same? Names, contents,
 * owners and modes count, times do not.
 */
#ifndef AGENT_COMPARE_H
#define AGENT_COMPARE_H

#include <stdbool.h>

/* Files or directories; two that do not exist are the same. */
bool compare_same(const char *a, const char *b);
/*
 * Two files say the same in all lines that do not begin with one of the
 * words; two that do not exist are the same.
 */
bool compare_same_without(
	const char *a, const char *b, const char *const *words);
bool compare_same_lines(const char *a, const char *b, const char *const *words);

#endif
