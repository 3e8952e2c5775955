/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands of `mailherd`: each is one entry of a table, in the file of
 * its group. The entry says how it is called, what it may and what runs;
 * command.c reads the arguments by it and gives up privileges as it says,
 * help.c prints --help from it and man.c the manual page.
 */
#ifndef CLI_GROUPS_H
#define CLI_GROUPS_H

#include <stdbool.h>
#include <stddef.h>

#define COMMAND_ARGUMENTS_MAX 4096 /* more is ERR_TOO_BIG */
#define COMMAND_ANY_COUNT COMMAND_ARGUMENTS_MAX

struct command_call;
struct object_kind;
struct resource;

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
extern const struct command upgrade_commands[];
extern const struct command config_commands[];
extern const struct command uninstall_commands[];
extern const struct command setup_commands[];
extern const struct command dns_commands[];
extern const struct command doctor_commands[];
extern const struct command key_commands[];
extern const struct command domain_commands[];
extern const struct command alias_domain_commands[];
extern const struct command mailbox_commands[];
extern const struct command mail_commands[];
extern const struct command alias_commands[];
extern const struct command search_commands[];
extern const struct command app_password_commands[];

/* All groups in the order of the help, NULL-ended. */
extern const struct command *const command_groups[];

#endif
