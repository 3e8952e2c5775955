/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is judged before `mailherd setup` changes anything: users, memory,
 * disk, ports. Each error says what to do. Nothing here writes.
 */
#ifndef CLI_SETUP_CHECK_H
#define CLI_SETUP_CHECK_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "model/instance.h"

/* Whether this instance's agent answers: its ports are its own then. */
bool setup_check_is_running(const struct paths *paths);
/* The number behind a key of a file of /proc or /sys; -1: there is none. */
long setup_check_number(const char *path, const char *key);
/* MiB of memory that this machine, or its control group, has. */
long setup_check_memory_mib(void);
/* The largest profile for so much memory. */
enum instance_profile setup_check_profile(long memory_mib);
/* Whether the kernel knows IPv6. */
bool setup_check_ipv6(void);

/* All of it. present: the settings in force, the same where there are none. */
MUST_CHECK int setup_check(const struct paths *paths,
	const struct instance *present, const struct instance *instance,
	struct err *err);

#endif
