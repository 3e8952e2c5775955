/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Options of `mailherd setup` as a container is given them:
 * MAILHERD_HOSTNAME for --hostname, and so on by a table. A variable that
 * begins so and means nothing is refused, because a slip of the pen would
 * else make another server than the one that was meant.
 */
#ifndef CLI_SETUP_ENVIRONMENT_H
#define CLI_SETUP_ENVIRONMENT_H

#include "cli/command.h"

/*
 * Reads "NAME=value" (NULL ends the list). A value that is empty counts as
 * not given; one of an option that may be given more than once is divided
 * at blanks and commas. The options come in the table's order.
 */
MUST_CHECK int setup_environment_read(const char *const *environment,
	struct arena *arena, struct command_given **given_out,
	size_t *count_out, struct err *err);

#endif
