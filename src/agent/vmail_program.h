/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * main() of the small programs that work on mail as user vmail: they take
 * --root R and some words, and a directory to work beneath. What lies
 * there belongs to users of mail, so nothing follows a link.
 */
#ifndef AGENT_VMAIL_PROGRAM_H
#define AGENT_VMAIL_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/paths.h"

struct vmail_call {
	struct paths paths;
	int vmail; /* the directory of all mail, open for reading */
	const char *const *words; /* behind the options */
	size_t word_count;
};

typedef int vmail_run_fn(struct vmail_call *call, struct err *err);

/* The exit status. Errors go to standard error. */
int vmail_program_main(int argc, char **argv, size_t words_min,
	size_t words_max, vmail_run_fn *run);
/*
 * A directory directly beneath another, open for reading, or -1 with errno:
 * name is one name, and no link.
 */
int vmail_open_directory(int parent, const char *name);
bool vmail_is_older(const struct timespec *a, const struct timespec *b);

#endif
