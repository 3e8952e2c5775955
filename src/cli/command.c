/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads the command line by the tables. Options may stand anywhere behind
 * `mailherd`, as --name VALUE or --name=VALUE; "--" ends them. Files that
 * options name are opened as the caller, before privileges are dropped.
 */
#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_write.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "cli/help.h"
#include "model/resource.h"

#define DATABASE_USER "mailherd"
#define ERROR_JSON_MAX 8192
#define NAME_MAX_LENGTH 64
#define ROOT_VARIABLE "MAILHERD_ROOT"

/* An option as it may be given: of the program, command or resource. */
struct known_option {
	const char *name;
	bool takes_value;
	bool repeatable;
	bool is_file;
};

struct parser {
	struct command_call *call;
	const char **arguments;
	const char *root;
	bool help;
	bool options_ended;
	int argc;
	char **argv;
	int next;
};

const struct command *
command_find(const char *name)
{
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g];
			c->name != NULL; c++) {
			if (strcmp(c->name, name) == 0)
				return c;
		}
	}
	return NULL;
}

static bool
find_in(const struct command_option *options, const char *name,
	struct known_option *out)
{
	for (; options != NULL && options->name != NULL; options++) {
		if (strcmp(options->name, name) == 0) {
			*out = (struct known_option){ options->name,
				options->value != NULL, options->repeatable,
				options->is_file };
			return true;
		}
	}
	return false;
}

static bool
find_field(const struct command *command, const char *name,
	struct known_option *out)
{
	const struct field *field =
		command->resource == NULL
			? NULL
			: resource_field(command->resource, name);

	if (field == NULL || (field->flags & command->resource_flags) == 0 ||
		strchr(name, '_') != NULL)
		return false;
	*out = (struct known_option){ field->name, true,
		field->type == FIELD_LIST, false };
	return true;
}

static int
help_remedy(const struct command *command, struct err *err)
{
	if (command == NULL)
		return err_remedy(err, "mailherd --help shows what there is");
	return err_remedy(
		err, "mailherd %s --help shows what there is", command->name);
}

static int
unknown_option(const struct command *command, const char *name, struct err *err)
{
	struct known_option option;

	(void)err_field(
		err, ERR_INVALID, name, "there is no option --%s", name);
	if (command != NULL && strcmp(name, "password") == 0 &&
		find_in(command->options, "password-file", &option)) {
		(void)err_field(err, ERR_INVALID, "password",
			"a password does not belong into the command line, where every user of this machine can read it");
		return err_remedy(err,
			"leave it out to be asked, or use --password-file FILE or --generate");
	}
	return help_remedy(command, err);
}

static void
add_given(struct parser *parser, const char *name, const char *value)
{
	struct command_call *call = parser->call;

	call->given[call->given_count++] =
		(struct command_given){ name, value, -1 };
}

/* One option; text stands behind the dashes. */
static int
parse_option(struct parser *parser, const char *text, struct err *err)
{
	const struct command *command = parser->call->command;
	const char *equals = strchr(text, '=');
	size_t length = equals == NULL ? strlen(text) : (size_t)(equals - text);
	const char *name = arena_strndup(parser->call->arena, text, length);
	const char *value = equals == NULL ? NULL : equals + 1;
	struct known_option option;

	if (!find_in(help_global_options(), name, &option) &&
		(command == NULL ||
			(!find_in(command->options, name, &option) &&
				!find_field(command, name, &option))))
		return unknown_option(command, name, err);
	if (!option.takes_value && value != NULL) {
		(void)err_field(
			err, ERR_INVALID, name, "--%s takes no value", name);
		return err_remedy(err, "write only --%s", name);
	}
	if (option.takes_value && value == NULL) {
		if (parser->next >= parser->argc) {
			(void)err_field(err, ERR_INVALID, name,
				"--%s needs a value", name);
			return help_remedy(command, err);
		}
		value = parser->argv[parser->next++];
	}
	if (!option.repeatable && command_option(parser->call, option.name)) {
		(void)err_field(
			err, ERR_INVALID, name, "--%s was given twice", name);
		return err_remedy(err, "give it once");
	}
	add_given(parser, option.name, value == NULL ? "" : value);
	return 0;
}

/* The command's first or first two words. */
static int
parse_command_word(struct parser *parser, const char *first, const char **group,
	struct err *err)
{
	const char *name = *group == NULL ? first
					  : arena_printf(parser->call->arena,
						    "%s %s", *group, first);

	parser->call->command = command_find(name);
	if (parser->call->command != NULL)
		return 0;
	if (*group == NULL && help_group_exists(first)) {
		*group = first;
		return 0;
	}
	(void)err_field(err, ERR_INVALID, "command",
		"there is no command \"%.100s\"", name);
	return err_remedy(err, "mailherd %s%s--help shows what there is",
		*group == NULL ? "" : *group, *group == NULL ? "" : " ");
}

static bool
is_option(const struct parser *parser, const char *text)
{
	const struct command_call *call = parser->call;

	if (parser->options_ended || text[0] != '-' || text[1] == '\0')
		return false;
	return call->command == NULL || !call->command->pass_through ||
	       call->argument_count == 0;
}

static int
parse_one(struct parser *parser, const char **group, struct err *err)
{
	const char *text = parser->argv[parser->next++];
	struct command_call *call = parser->call;

	if (is_option(parser, text)) {
		if (strcmp(text, "--") == 0) {
			parser->options_ended = true;
			return 0;
		}
		if (strcmp(text, "-h") == 0)
			text = "--help";
		return parse_option(
			parser, text[1] == '-' ? text + 2 : text + 1, err);
	}
	if (call->command == NULL)
		return parse_command_word(parser, text, group, err);
	if (call->argument_count == COMMAND_ARGUMENTS_MAX)
		return err_set(err, ERR_TOO_BIG, "too many arguments");
	parser->arguments[call->argument_count++] = text;
	return 0;
}

/* --json counts wherever it stands, also behind what was refused. */
static void
read_global(struct parser *parser)
{
	struct command_call *call = parser->call;

	call->json = command_option(call, "json") != NULL;
	for (int i = parser->next; i < parser->argc; i++)
		call->json =
			call->json || strcmp(parser->argv[i], "--json") == 0;
	parser->root = command_option(call, "root");
	/* Where each instance has a container or a hook of its own. */
	if (parser->root == NULL)
		parser->root = getenv(ROOT_VARIABLE);
	parser->help = command_option(call, "help") != NULL;
}

static int
check_count(const struct command_call *call, struct err *err)
{
	const struct command *command = call->command;

	if (call->argument_count >= command->arguments_min &&
		call->argument_count <= command->arguments_max)
		return 0;
	(void)err_field(err, ERR_INVALID, "arguments",
		call->argument_count < command->arguments_min
			? "%s needs more arguments"
			: "%s got too many arguments",
		command->name);
	return err_remedy(err, "mailherd %s %s", command->name,
		command->usage == NULL ? "" : command->usage);
}

static int
parse(struct parser *parser, const char **group, struct err *err)
{
	int status = 0;

	while (status == 0 && parser->next < parser->argc)
		status = parse_one(parser, group, err);
	read_global(parser);
	if (status != 0)
		return -1;
	if (parser->help)
		return 0;
	if (parser->call->command == NULL) {
		(void)err_field(err, ERR_INVALID, "command",
			*group == NULL ? "no command was given"
				       : "%s needs to know what to do",
			*group);
		return err_remedy(err,
			"mailherd %s%s--help shows what there is",
			*group == NULL ? "" : *group,
			*group == NULL ? "" : " ");
	}
	return check_count(parser->call, err);
}

static int
open_file(const char *name, const char *path, int *fd_out, struct err *err)
{
	int fd = STDIN_FILENO;

	if (strcmp(path, "-") != 0)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		(void)err_field(err,
			errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, name,
			"%s: %s", path, strerrordesc_np(errno));
		return err_remedy(err,
			"name a file that can be read, or - for standard input");
	}
	*fd_out = fd;
	return 0;
}

static int
open_files(struct command_call *call, struct err *err)
{
	const struct command *command = call->command;

	if (command->argument_is_file && call->argument_count > 0 &&
		open_file("file", call->arguments[0], &call->argument_file,
			err) != 0)
		return -1;
	for (size_t i = 0; i < call->given_count; i++) {
		struct command_given *given = &call->given[i];
		struct known_option option;

		if (find_in(command->options, given->name, &option) &&
			option.is_file &&
			open_file(given->name, given->value, &given->file,
				err) != 0)
			return -1;
	}
	return 0;
}

static void
close_files(struct command_call *call)
{
	if (call->argument_file > STDIN_FILENO)
		(void)close(call->argument_file);
	for (size_t i = 0; i < call->given_count; i++) {
		if (call->given[i].file > STDIN_FILENO)
			(void)close(call->given[i].file);
	}
}

/* Who asks: the person behind sudo, when root tells us. */
static const char *
find_actor(struct arena *arena)
{
	const char *sudo = getuid() == 0 ? getenv("SUDO_USER") : NULL;
	const struct passwd *user = getpwuid(getuid());

	if (sudo != NULL && sudo[0] != '\0')
		return arena_printf(arena, "cli:%.64s", sudo);
	if (user != NULL)
		return arena_printf(arena, "cli:%s", user->pw_name);
	return arena_printf(arena, "cli:uid-%u", (unsigned)getuid());
}

static bool
is_database_user(void)
{
	const struct passwd *user = getpwnam(DATABASE_USER);

	return user != NULL && geteuid() == user->pw_uid;
}

static int
enter_privilege(struct command_call *call, struct err *err)
{
	enum command_privilege privilege = call->command->privilege;

	if (privilege == COMMAND_ANYONE)
		return 0;
	if (privilege == COMMAND_DATABASE && is_database_user())
		return 0;
	if (geteuid() != 0) {
		(void)err_set(err, ERR_DENIED, "mailherd %s must run as root",
			call->command->name);
		return err_remedy(err, "put sudo before it");
	}
	return privilege == COMMAND_ROOT ? 0 : command_drop(&call->paths, err);
}

const char *
command_argument(const struct command_call *call, size_t index)
{
	return index < call->argument_count ? call->arguments[index] : NULL;
}

/* Options of fields are spelled with hyphens, fields with underscores. */
static bool
same_name(const char *a, const char *b)
{
	for (; *a != '\0' && *b != '\0'; a++, b++) {
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	}
	return *a == *b;
}

static const struct command_given *
find_given(const struct command_call *call, const char *name)
{
	for (size_t i = call->given_count; i > 0; i--) {
		if (same_name(call->given[i - 1].name, name))
			return &call->given[i - 1];
	}
	return NULL;
}

const char *
command_option(const struct command_call *call, const char *name)
{
	const struct command_given *given = find_given(call, name);

	return given == NULL ? NULL : given->value;
}

int
command_option_file(const struct command_call *call, const char *name)
{
	const struct command_given *given = find_given(call, name);

	return given == NULL ? -1 : given->file;
}

const char *
command_option_next(
	const struct command_call *call, const char *name, size_t *cursor)
{
	while (*cursor < call->given_count) {
		const struct command_given *given = &call->given[(*cursor)++];

		if (same_name(given->name, name))
			return given->value;
	}
	return NULL;
}

static void
fail_json(const struct err *err)
{
	struct strbuf text;
	struct json_writer w;

	strbuf_init(&text, ERROR_JSON_MAX);
	json_writer_init(&w, &text);
	json_object_open(&w, NULL);
	json_object_open(&w, "error");
	json_text(&w, "code", err_code_name(err->code));
	json_text(&w, "field", err->field);
	json_text(&w, "text", err->text);
	json_text(&w, "remedy", err->remedy);
	json_object_close(&w);
	json_object_close(&w);
	(void)puts(text.data);
	strbuf_deinit(&text);
}

/*
 * Errors quote what was given; a terminal must not obey it. Checkers of
 * engines answer with several lines.
 */
static void
say(const char *head, const char *text)
{
	(void)fputs(head, stderr);
	while (*text != '\0') {
		size_t length = utf8_length(text, strlen(text));
		unsigned char byte = (unsigned char)*text;

		if (byte == '\n') {
			(void)fputs("\n  ", stderr);
		} else if (byte < ' ' || byte == 0x7f || length == 0) {
			(void)fprintf(stderr, "\\x%02x", byte);
			length = 1;
		} else if (byte == 0xc2 && (unsigned char)text[1] < 0xa0) {
			(void)fprintf(
				stderr, "\\u%04x", (unsigned char)text[1]);
		} else {
			(void)fwrite(text, 1, length, stderr);
		}
		text += length;
	}
	(void)fputc('\n', stderr);
}

int
command_fail(const struct command_call *call, const struct err *err)
{
	if (call->json) {
		fail_json(err);
		return err_exit_status(err->code);
	}
	(void)fflush(stdout);
	say("mailherd: ", err->text);
	if (err->remedy[0] != '\0')
		say("  ", err->remedy);
	return err_exit_status(err->code);
}

static int
run(struct parser *parser, const char *group)
{
	struct command_call *call = parser->call;
	struct err err = { 0 };
	int status;

	if (parser->help) {
		if (call->command == NULL && group != NULL)
			help_group(group);
		else
			help_command(call->command);
		return 0;
	}
	if (paths_init(&call->paths, parser->root, &err) != 0 ||
		open_files(call, &err) != 0 || enter_privilege(call, &err) != 0)
		return command_fail(call, &err);
	status = call->command->run(call);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		(void)err_errno(&err, errno, "standard output");
		return command_fail(call, &err);
	}
	return status;
}

int
command_main(int argc, char **argv)
{
	struct command_call call = { .arena = arena_new(),
		.argument_file = -1 };
	struct parser parser = {
		.call = &call, .argc = argc, .argv = argv, .next = 1
	};
	const char *group = NULL;
	struct err err = { 0 };
	int status;

	parser.arguments = arena_alloc(
		call.arena, (COMMAND_ARGUMENTS_MAX + 1) * sizeof(char *));
	call.arguments = parser.arguments;
	call.given = arena_alloc(
		call.arena, ((size_t)argc + 1) * sizeof(*call.given));
	call.actor = find_actor(call.arena);
	if (argc < 2) {
		help_command(NULL);
		arena_free(&call.arena);
		return err_exit_status(ERR_INVALID);
	}
	status = parse(&parser, &group, &err) == 0 ? run(&parser, group)
						   : command_fail(&call, &err);
	close_files(&call);
	arena_free(&call.arena);
	return status;
}
