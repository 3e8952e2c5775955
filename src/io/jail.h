/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a process gives up what it does not need: user, groups,
 * capabilities, no_new_privs, landlock (where the kernel has it), seccomp,
 * and that others of its user could read its memory. A jail is a constant table in the program's main.c and reads as its
 * security statement.
 */
#ifndef IO_JAIL_H
#define IO_JAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/paths.h"

enum jail_network {
	JAIL_UNIX_ONLY,
	JAIL_DATAGRAM, /* and UDP, over IPv4 and IPv6 */
	JAIL_INET
};

struct jail_path {
	/* Relative to a member of struct paths: offsetof(struct paths, run). */
	size_t base_offset;
	const char *suffix; /* "/sock/control" or "" */
	bool write;
};

struct jail {
	const char *user; /* NULL: stays root */
	const char *const *groups; /* supplementary, NULL-ended; may be NULL */
	const int
		*capabilities; /* kept where there; ends with -1; NULL: none */
	enum jail_network network;
	/* May start other programs; who may not, has no memory that is both
	 * written and run either. */
	bool exec;
	const struct jail_path *
		paths; /* landlock; ends with base_offset SIZE_MAX; NULL: no landlock */
};

/* In this order; fails closed. Landlock missing in the kernel is a warning. */
MUST_CHECK int jail_enter(
	const struct jail *jail, const struct paths *paths, struct err *err);

#endif
