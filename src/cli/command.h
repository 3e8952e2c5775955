/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs the commands of `mailherd`: reads the arguments by the entry of the
 * table (cli/groups.h), prints help when it is asked for, and gives up
 * privileges as the entry says.
 *
 * A command reads its arguments with command_argument() and
 * command_option(), prints with stdout (people) or as JSON when call->json
 * is set, and returns an exit status; failures go through command_fail().
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "cli/groups.h"

struct command_given {
	const char *name;
	const char *value; /* "" for a switch */
	int file; /* of is_file; else -1 */
};

struct command_call {
	const struct command *command;
	struct paths paths; /* by --root */
	bool json;
	struct arena *arena; /* lives as long as the call */
	const char *const *arguments; /* NULL-ended */
	size_t argument_count;
	int argument_file; /* of command.argument_is_file; else -1 */
	struct command_given *given; /* options in their order */
	size_t given_count;
	const char *actor; /* for the audit: "cli:root" */
};

/* Runs `mailherd ARGUMENTS`; the exit status of main(). */
int command_main(int argc, char **argv);

/* The entry of that name, NULL when there is none. */
const struct command *command_find(const char *name);

/* NULL beyond the last one. */
const char *command_argument(const struct command_call *call, size_t index);
/* The last value given (a switch: ""), or NULL. */
const char *command_option(const struct command_call *call, const char *name);
/* Descriptor of an is_file option, owned by the call; -1: not given. */
int command_option_file(const struct command_call *call, const char *name);
/* The value of each time it was given: start with *cursor 0; NULL ends. */
const char *command_option_next(
	const struct command_call *call, const char *name, size_t *cursor);

/*
 * Says the error, on standard error for people or as
 * {"error":{"code","field","text","remedy"}} on standard output with
 * --json. Returns its exit status: "return command_fail(call, &err);".
 */
int command_fail(const struct command_call *call, const struct err *err);
/* Becomes the database's user without network; COMMAND_DATABASE does it. */
MUST_CHECK int command_drop(const struct paths *paths, struct err *err);

#endif
