/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Help for people, from the tables of commands and resources: on the
 * terminal here, as manual pages in man.c. Both walk over options with
 * help_each_option().
 */
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdbool.h>

#include "base/arena.h"
#include "cli/groups.h"

/* --root, --json, --help; name NULL ends. */
const struct command_option *help_global_options(void);
/* "mailbox": whether commands begin with that word. */
bool help_group_exists(const char *group);
void help_group(const char *group);
/* Help of one command, or with NULL of all. */
void help_command(const struct command *command);

/* option is "--max-quota SIZE"; sentence has no final stop. */
typedef void help_option_fn(void *context, const char *option,
	const char *sentence, const char *default_text);
/* Options of the command itself and those of its resource's fields. */
void help_each_option(const struct command *command, help_option_fn *option_fn,
	void *context, struct arena *arena);

#endif
