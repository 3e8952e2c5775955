/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The real tables: names are unique, everything is described, no option
 * means two things. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/help.h"
#include "cli/object.h"

struct seen {
	const struct command *command;
	const char *options[128];
	size_t count;
	struct arena *arena;
};

static void
check_option(void *context, const char *option, const char *sentence,
	const char *default_text)
{
	struct seen *seen = context;
	const char *name =
		arena_strndup(seen->arena, option, strcspn(option, " "));

	(void)default_text;
	if (sentence == NULL || sentence[0] == '\0' ||
		sentence[strlen(sentence) - 1] == '.')
		fail_msg("%s %s: sentence", seen->command->name, option);
	for (size_t i = 0; i < seen->count; i++) {
		if (strcmp(seen->options[i], name) == 0)
			fail_msg("%s %s: twice", seen->command->name, option);
	}
	assert_true(seen->count < ARRAY_LENGTH(seen->options));
	seen->options[seen->count++] = name;
}

/* A generic command without its kind would crash when it runs. */
static void
check_object(const struct command *command)
{
	bool generic = command->run == object_run_list ||
		       command->run == object_run_show ||
		       command->run == object_run_edit ||
		       command->run == object_run_remove;

	if (generic && command->object == NULL)
		fail_msg("%s: no kind of object", command->name);
	if (command->object != NULL && command->resource != NULL &&
		command->object->resource != command->resource)
		fail_msg("%s: two resources", command->name);
}

static void
check_command(const struct command *command)
{
	struct seen seen = { .command = command, .arena = arena_new() };
	const char *summary = command->summary;

	if (summary == NULL || summary[0] == '\0' ||
		summary[strlen(summary) - 1] == '.')
		fail_msg("%s: summary", command->name);
	if (command_find(command->name) != command)
		fail_msg("%s: two commands", command->name);
	assert_non_null(command->run);
	assert_true(command->arguments_min <= command->arguments_max);
	check_object(command);
	check_option(&seen, "--root", "x", NULL);
	check_option(&seen, "--json", "x", NULL);
	check_option(&seen, "--help", "x", NULL);
	help_each_option(command, check_option, &seen, seen.arena);
	arena_free(&seen.arena);
}

static void
test_tables(void **state)
{
	(void)state;
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g];
			c->name != NULL; c++)
			check_command(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
