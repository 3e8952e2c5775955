/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of the config commands, and those of them that only ask
 * mailherd-prepare: check and diff. It holds the lock of preparing and
 * root's rights; we print what it prints.
 */
#include "cli/config.h"
#include "cli/suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "io/child.h"
#include "model/instance.h"

#define REHEARSAL_DEADLINE_MS 300000
#define OUTPUT_MAX (1024 * 1024)
#define TROUBLE 2 /* exit status of a rehearsal: 1 is an answer */

static int
rehearse(const struct command_call *call, const char *kind,
	const char *candidate, struct strbuf *output, int *status_out,
	struct err *err)
{
	const char *argv[] = { arena_printf(call->arena, "%s/mailherd-prepare",
				       call->paths.programs),
		"--root", arena_printf(call->arena, "%s/", call->paths.root),
		"--rehearse", kind, NULL, NULL, NULL, NULL };
	struct child_spec spec = { .argv = argv,
		.output_max = OUTPUT_MAX,
		.deadline_ms = REHEARSAL_DEADLINE_MS,
		.inherit_output = output == NULL };
	struct child_result result;
	struct strbuf unused;
	size_t count = 5;
	int answer;

	if (call->json || output != NULL)
		argv[count++] = "--json";
	if (candidate != NULL) {
		argv[count++] = "--config";
		argv[count++] = candidate;
	}
	(void)fflush(stdout);
	strbuf_init(&unused, 1);
	answer = child_run(
		&spec, output == NULL ? &unused : output, &result, err);
	strbuf_deinit(&unused);
	if (answer == 0 && result.timed_out)
		answer = err_set(err, ERR_SYSTEM, "no end within %d s",
			REHEARSAL_DEADLINE_MS / 1000);
	if (answer == 0)
		*status_out = result.status;
	return answer;
}

static int
run_rehearsal(struct command_call *call, const char *kind)
{
	struct instance instance;
	struct err err = { 0 };
	int status;

	/* Said here, a fault of mailherd.conf has its field and remedy. */
	if (instance_load(&call->paths, call->arena, &instance, &err) == -1 ||
		rehearse(call, kind, NULL, NULL, &status, &err) == -1) {
		(void)command_fail(call, &err);
		return TROUBLE;
	}
	return status;
}

static int
config_check(struct command_call *call)
{
	return run_rehearsal(call, "check");
}

static int
config_diff(struct command_call *call)
{
	return run_rehearsal(call, "diff");
}

/* The first fault is the error; how many more there are stands behind. */
static int
report_faults(const struct strbuf *output, struct err *err)
{
	json_t *report = json_loadb(output->data, output->length, 0, NULL);
	const json_t *faults = json_object_get(report, "faults");
	const json_t *first = json_array_get(faults, 0);
	size_t count = json_array_size(faults);
	json_int_t line = json_integer_value(json_object_get(first, "line"));
	const char *file = suite_text(first, "file");

	if (first == NULL)
		(void)err_set(
			err, ERR_SYSTEM, "the check ended without a word");
	else if (file[0] == '\0')
		(void)err_set(err, ERR_INVALID, "%s refuses it: %s",
			suite_text(first, "engine"), suite_text(first, "text"));
	else
		(void)err_set(err, ERR_INVALID, "%s refuses %s line %d: %s",
			suite_text(first, "engine"), file, (int)line,
			suite_text(first, "text"));
	(void)err_remedy(err,
		count > 1
			? "nothing was changed; %zu engines find fault: mailherd config check"
			: "nothing was changed",
		count);
	json_decref(report);
	return -1;
}

int
config_try(const struct command_call *call, const char *candidate,
	bool *checked_out, struct err *err)
{
	struct strbuf output;
	int status, result;

	*checked_out = access(call->paths.rendered, F_OK) == 0;
	if (!*checked_out)
		return 0;
	strbuf_init(&output, OUTPUT_MAX);
	result = rehearse(call, "check", candidate, &output, &status, err);
	if (result == 0 && status == 1)
		result = report_faults(&output, err);
	else if (result == 0 && status != 0)
		result = err_set(err, ERR_SYSTEM, "%s", output.data);
	strbuf_deinit(&output);
	return result;
}

int
config_find(const char *name, struct option *option_out, struct err *err)
{
	if (option_find(name, option_out))
		return 0;
	(void)err_field(err, ERR_NOT_FOUND, name,
		"there is no setting \"%.100s\"", name);
	return err_remedy(err, "mailherd config show lists them all");
}

static const struct command_option SHOW_OPTIONS[] = {
	{ .name = "why",
		.sentence =
			"Say where each value comes from, and which overrides of engines there are" },
	{ .name = NULL },
};

static const struct command_option SET_OPTIONS[] = {
	{ .name = "unset", .sentence = "Return to the default" },
	{ .name = "file",
		.value = "FILE",
		.is_file = true,
		.sentence =
			"The value is what FILE (- for standard input) contains" },
	{ .name = "apply",
		.sentence =
			"Bring it into force at once, as mailherd restart --changed does" },
	{ .name = NULL },
};

const struct command config_commands[] = {
	{ .name = "config show",
		.usage = "[KEY]",
		.summary = "Show settings of the host and of the suite",
		.privilege = COMMAND_DATABASE,
		.run = config_show,
		.arguments_max = 1,
		.options = SHOW_OPTIONS,
		.description =
			"With a KEY only its value. --why adds the origin: the default, a line of mailherd.conf, or the database, with who changed it and when. Secrets are not settings and are never shown." },
	{ .name = "config set",
		.usage = "KEY [VALUE]...",
		.summary = "Change a setting",
		.privilege = COMMAND_ROOT,
		.run = config_set,
		.arguments_min = 1,
		.arguments_max = COMMAND_ANY_COUNT,
		.options = SET_OPTIONS,
		.description =
			"Several values make a list. A value that can not be is refused; one that goes into mailherd.conf is first shown to every engine's own check, and what they refuse leaves the file as it was. --file takes a text of the database, such as quota.warning_text, from a file. Settings of the database are in force at once; for the others it is said what is needed." },
	{ .name = "config check",
		.usage = "",
		.summary =
			"Let every engine check what would come into force now",
		.privilege = COMMAND_ROOT,
		.run = config_check,
		.description =
			"Changes nothing. Looks at mailherd.conf and all overrides, and names file and line of what an engine refuses. Exit status 0: all is right; 1: something is not; 2: it could not be found out." },
	{ .name = "config diff",
		.usage = "",
		.summary =
			"Show what would become different if it were rendered now",
		.privilege = COMMAND_ROOT,
		.run = config_diff,
		.description =
			"Changes nothing. Prints a unified diff of the files in force (etc/) and those that mailherd restart would make (gen/next/). Exit status 0: no difference; 1: differences; 2: it could not be found out." },
	{ .name = NULL },
};
