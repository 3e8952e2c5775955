/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help on the terminal, printed from the tables. */
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

#include "model/resource.h"

#define COLUMN_WIDTH 30
#define SUMMARY_WIDTH 28

static const struct command_option GLOBAL_OPTIONS[] = {
	{ .name = "root",
		.value = "DIRECTORY",
		.sentence =
			"Use the instance below this directory; default: MAILHERD_ROOT of the environment" },
	{ .name = "json", .sentence = "Print JSON, errors too" },
	{ .name = "help", .sentence = "Explain the command" },
	{ .name = NULL },
};

const struct command_option *
help_global_options(void)
{
	return GLOBAL_OPTIONS;
}

bool
help_group_exists(const char *group)
{
	size_t length = strlen(group);

	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g];
			c->name != NULL; c++) {
			if (strncmp(c->name, group, length) == 0 &&
				c->name[length] == ' ')
				return true;
		}
	}
	return false;
}

static const char *
type_name(const struct field *field, struct arena *arena)
{
	static const char *const names[] = {
		[FIELD_TEXT] = "TEXT",
		[FIELD_NUMBER] = "NUMBER",
		[FIELD_SIZE] = "SIZE",
		[FIELD_BOOL] = "yes|no",
		[FIELD_TIME] = "TIME",
		[FIELD_LIST] = "LIST",
	};
	const char *text;

	if (field->words[0] == NULL)
		return names[field->type];
	text = field->words[0];
	for (size_t i = 1; i < RESOURCE_WORDS_MAX && field->words[i] != NULL;
		i++)
		text = arena_printf(arena, "%s|%s", text, field->words[i]);
	return text;
}

static const char *
field_option(const struct field *field, struct arena *arena)
{
	char *name = arena_strdup(arena, field->name);

	for (char *c = name; *c != '\0'; c++) {
		if (*c == '_')
			*c = '-';
	}
	return arena_printf(arena, "--%s %s", name, type_name(field, arena));
}

void
help_each_option(const struct command *command, help_option_fn *option_fn,
	void *context, struct arena *arena)
{
	const struct resource *resource = command->resource;

	for (const struct command_option *o = command->options;
		o != NULL && o->name != NULL; o++)
		option_fn(context,
			arena_printf(arena, "%s%s%s%s",
				o->name[1] == '\0' ? "-" : "--", o->name,
				o->value == NULL ? "" : " ",
				o->value == NULL ? "" : o->value),
			o->sentence, NULL);
	for (size_t i = 0; resource != NULL && i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if ((field->flags & command->resource_flags) != 0)
			option_fn(context, field_option(field, arena),
				field->sentence,
				(command->resource_flags & FIELD_ADD) != 0
					? field->default_text
					: NULL);
	}
}

static void
print_option(UNUSED void *context, const char *option, const char *sentence,
	const char *default_text)
{
	(void)printf("  %-*s %s%s%s%s\n", COLUMN_WIDTH, option, sentence,
		default_text == NULL ? "" : " (",
		default_text == NULL ? "" : default_text,
		default_text == NULL ? "" : ")");
}

static void
print_global_options(void)
{
	for (const struct command_option *o = help_global_options();
		o->name != NULL; o++)
		(void)printf("  --%-*s %s\n", COLUMN_WIDTH - 2,
			o->value == NULL ? o->name : "root DIRECTORY",
			o->sentence);
}

static void
print_summary(const struct command *command)
{
	(void)printf(
		"  %-*s %s\n", SUMMARY_WIDTH, command->name, command->summary);
}

static void
help_all(void)
{
	(void)puts("mailherd runs this machine's mail server.\n");
	(void)puts("Usage: mailherd COMMAND [ARGUMENTS] [OPTIONS]\n");
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g];
			c->name != NULL; c++)
			print_summary(c);
	}
	(void)puts("\nOptions of every command:");
	print_global_options();
	(void)puts(
		"\nmailherd COMMAND --help explains one; see also mailherd(1).");
}

void
help_group(const char *group)
{
	size_t length = strlen(group);

	(void)printf("Usage: mailherd %s ... [OPTIONS]\n\n", group);
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g];
			c->name != NULL; c++) {
			if (strncmp(c->name, group, length) == 0 &&
				c->name[length] == ' ')
				print_summary(c);
		}
	}
}

void
help_command(const struct command *command)
{
	struct arena *arena;

	if (command == NULL) {
		help_all();
		return;
	}
	arena = arena_new();
	(void)printf("Usage: mailherd %s %s%s[OPTIONS]\n\n%s.\n", command->name,
		command->usage == NULL ? "" : command->usage,
		command->usage == NULL || command->usage[0] == '\0' ? "" : " ",
		command->summary);
	if (command->description != NULL)
		(void)printf("\n%s\n", command->description);
	(void)puts("\nOptions:");
	help_each_option(command, print_option, NULL, arena);
	print_global_options();
	arena_free(&arena);
}
