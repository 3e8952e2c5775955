/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The command line against a table of commands of this test: what a
 * command is given, which lines are refused and with which exit status.
 */
#include "cli/command.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/mailbox.h"

#define ARGV_MAX 10
#define SAID_MAX 512
#define STATUS_INVALID 2

/* What the last command was given; commands have no other way out. */
static int
run_say(struct command_call *call)
{
	size_t cursor = 0;
	const char *text;

	(void)printf("%s%s", call->command->name, call->json ? " json" : "");
	for (size_t i = 0; command_argument(call, i) != NULL; i++)
		(void)printf(" [%s]", command_argument(call, i));
	while ((text = command_option_next(call, "many", &cursor)) != NULL)
		(void)printf(" many=%s", text);
	if (command_option(call, "on") != NULL)
		(void)printf(" on");
	if (command_option(call, "f") != NULL)
		(void)printf(" f");
	if (command_option(call, "force-password-change") != NULL)
		(void)printf(" force=%s",
			command_option(call, "force_password_change"));
	if (command_option_file(call, "file") >= 0)
		(void)printf(" file");
	return 7;
}

static const struct command_option OPTIONS[] = {
	{ .name = "many", .value = "X", .sentence = "m", .repeatable = true },
	{ .name = "on", .sentence = "o" },
	{ .name = "f", .sentence = "f" },
	{ .name = "file", .value = "FILE", .sentence = "f", .is_file = true },
	{ .name = "password-file",
		.value = "FILE",
		.sentence = "p",
		.is_file = true },
	{ .name = NULL },
};

static const struct command COMMANDS[] = {
	{ .name = "one",
		.usage = "[A]",
		.summary = "One",
		.run = run_say,
		.arguments_max = 1,
		.options = OPTIONS },
	{ .name = "thing add",
		.usage = "A B",
		.summary = "Add",
		.run = run_say,
		.arguments_min = 1,
		.arguments_max = 2,
		.resource = &mailbox_resource,
		.resource_flags = FIELD_ADD },
	{ .name = "pass",
		.usage = "TOOL ...",
		.summary = "Pass",
		.run = run_say,
		.arguments_min = 1,
		.arguments_max = COMMAND_ANY_COUNT,
		.pass_through = true },
	{ .name = NULL },
};

const struct command *const command_groups[] = { COMMANDS, NULL };

/* Runs one line with standard output caught. */
static int
run_line(const char *line, char said[SAID_MAX])
{
	char copy[256];
	char *words[ARGV_MAX + 2] = { "mailherd" };
	char *rest = copy;
	int argc = 1;
	int pipes[2];
	int kept = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
	int status;
	ssize_t got;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	while (argc <= ARGV_MAX && (words[argc] = strsep(&rest, " ")) != NULL)
		argc++;
	words[argc] = NULL;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	(void)fflush(stdout);
	assert_true(dup3(pipes[1], STDOUT_FILENO, 0) >= 0);
	status = command_main(argc, words);
	(void)fflush(stdout);
	assert_true(dup3(kept, STDOUT_FILENO, 0) >= 0);
	(void)close(kept);
	(void)close(pipes[1]);
	got = read(pipes[0], said, SAID_MAX - 1);
	said[got < 0 ? 0 : got] = '\0';
	(void)close(pipes[0]);
	return status;
}

static const struct {
	const char *line;
	int status;
	const char *said; /* NULL: not compared */
} LINES[] = {
	{ "one", 7, "one" },
	{ "one a", 7, "one [a]" },
	{ "one --json a", 7, "one json [a]" },
	{ "--json one", 7, "one json" },
	{ "--root /tmp one", 7, "one" },
	{ "--root=/tmp one", 7, "one" },
	{ "one --many a --many=b", 7, "one many=a many=b" },
	{ "one -f --on", 7, "one on f" },
	{ "one -- --on", 7, "one [--on]" },
	{ "one -", 7, "one [-]" },
	{ "one --file /dev/null", 7, "one file" },
	{ "thing add a --force-password-change yes b", 7,
		"thing add [a] [b] force=yes" },
	{ "pass tool -x --json --root", 7,
		"pass [tool] [-x] [--json] [--root]" },
	{ "pass --json tool", 7, "pass json [tool]" },
	{ "one --help", 0, NULL },
	{ "thing --help", 0, NULL },
	{ "--help", 0, NULL },
	{ "", STATUS_INVALID, NULL },
	{ "two", STATUS_INVALID, "" },
	{ "thing", STATUS_INVALID, "" },
	{ "thing sub", STATUS_INVALID, "" },
	{ "thing add", STATUS_INVALID, "" },
	{ "one a b", STATUS_INVALID, "" },
	{ "one --on --on", STATUS_INVALID, "" },
	{ "one --on=1", STATUS_INVALID, "" },
	{ "one --many", STATUS_INVALID, "" },
	{ "one --nonsense", STATUS_INVALID, "" },
	{ "thing add a --force_password_change yes", STATUS_INVALID, "" },
	/* Kept by the model, or secret: no options. */
	{ "thing add a --store-id x", STATUS_INVALID, "" },
	{ "thing add a --id 1", STATUS_INVALID, "" },
	{ "one --root relative", STATUS_INVALID, "" },
	{ "one --file /nonexistent", 3, "" },
};

static void
test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(LINES); i++) {
		char said[SAID_MAX];
		int status = run_line(LINES[i].line, said);

		if (status != LINES[i].status ||
			(LINES[i].said != NULL &&
				strcmp(said, LINES[i].said) != 0))
			fail_msg("\"%s\": got %d \"%s\"", LINES[i].line, status,
				said);
	}
}

static void
test_json_errors(void **state)
{
	char said[SAID_MAX];

	(void)state;
	assert_int_equal(
		run_line("one --nonsense --json", said), STATUS_INVALID);
	assert_int_equal(run_line("--json two", said), STATUS_INVALID);
	assert_string_equal(said,
		"{\"error\":{\"code\":\"invalid\",\"field\":\"command\","
		"\"text\":\"there is no command \\\"two\\\"\","
		"\"remedy\":\"mailherd --help shows what there is\"}}\n");
	assert_int_equal(
		run_line("--json one --password secret", said), STATUS_INVALID);
	assert_non_null(strstr(said, "--password-file"));
	assert_null(strstr(said, "secret"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_json_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
