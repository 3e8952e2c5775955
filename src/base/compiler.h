/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the compiler is told: the few attributes and macros that every
 * module may use. Nothing here has a run-time part.
 */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define ARRAY_LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* A broken invariant of ours, never input: says where, then aborts. */
#define BUG_ON(condition)                                                      \
	do {                                                                   \
		if (condition)                                                 \
			bug_abort(__FILE__, __LINE__, #condition);             \
	} while (0)

NORETURN void bug_abort(const char *file, int line, const char *condition);

#endif
