/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands of `mailherd`: each is one entry of a table, in the file of
 * its group. The entry says how it is called, what it may and what runs;
 * command.c reads the arguments by it, prints --help from it, gives up
 * privileges as it says, and the man page is printed from the same tables.
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

#define COMMAND_ARGUMENTS_MAX 4096 /* more is ERR_TOO_BIG */
#define COMMAND_ANY_COUNT COMMAND_ARGUMENTS_MAX

struct object_kind;
struct resource;
struct command;

enum command_privilege {
	COMMAND_ANYONE, /* runs as whoever calls */
	COMMAND_ROOT, /* needs root and keeps it */
	/* Root, or the database's user; runs as that user without network. */
	COMMAND_DATABASE
};

struct command_option {
	const char *name; /* without the dashes; NULL ends the list */
	const char *
		value; /* what the value is called, "ADDRESS"; NULL: a switch */
	const char *sentence;
	bool repeatable;
	/* The value names a file ("-": standard input) that is opened before
	 * privileges are given up; command_option_file() is its descriptor. */
	bool is_file;
};

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

struct command {
	const char *name; /* "mailbox add"; NULL ends the table */
	const char *usage; /* "ADDRESS": arguments only, options are listed */
	const char *summary; /* one line, no final stop */
	enum command_privilege privilege;
	int (*run)(struct command_call *call); /* exit status */
	size_t arguments_min;
	size_t arguments_max;
	const struct command_option *options; /* may be NULL */
	/* Fields of this resource with one of these flags are options too. */
	const struct resource *resource;
	unsigned resource_flags;
	/* What object_run_show() and its like work on (cli/object.h). */
	const struct object_kind *object;
	/* Everything behind the first argument belongs to it: `exec TOOL -x`. */
	bool pass_through;
	bool argument_is_file; /* the first one, as with is_file */
	const char *description; /* paragraphs for help and man page, or NULL */
};

/* One table per group, each in the file of that name; name NULL ends it. */
extern const struct command lifecycle_commands[];
extern const struct command setup_commands[];
extern const struct command dns_commands[];
extern const struct command domain_commands[];
extern const struct command alias_domain_commands[];
extern const struct command mailbox_commands[];
extern const struct command alias_commands[];
extern const struct command app_password_commands[];

/* All groups in the order of the help, NULL-ended. */
extern const struct command *const command_groups[];

/* Runs `mailherd ARGUMENTS`; the exit status of main(). */
int command_main(int argc, char **argv);

/* The entry of that name, NULL when there is none. */
const struct command *command_find(const char *name);
/* Help of one command, or with NULL of all. */
void command_help(const struct command *command);

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
