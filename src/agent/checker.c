/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A check refuses by its exit status, or by a line of its output: postconf
 * only warns of a parameter that nothing reads.
 */
#include "agent/checker.h"

#include <string.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "io/child.h"

#define CHECK_DEADLINE_MS 60000
#define OUTPUT_MAX 65536

static int
run(const char *const *argv, int deadline_ms, const char *what,
	struct strbuf *output, int *status_out, struct err *err)
{
	struct child_spec spec = { .argv = argv,
		.output_max = OUTPUT_MAX,
		.deadline_ms = deadline_ms };
	struct child_result result;

	strbuf_init(output, OUTPUT_MAX);
	if (child_run(&spec, output, &result, err) == -1)
		return -1;
	if (result.timed_out)
		return err_set(err, ERR_SYSTEM, "%s: no end within %d s", what,
			deadline_ms / 1000);
	while (output->length > 0 && output->data[output->length - 1] == '\n')
		output->data[--output->length] = '\0';
	*status_out = result.status;
	return 0;
}

int
checker_tool(const char *const *argv, int deadline_ms, const char *what,
	struct err *err)
{
	struct strbuf output;
	int status, result;

	result = run(argv, deadline_ms, what, &output, &status, err);
	if (result == 0 && status != 0)
		result = err_set(err, ERR_INVALID, "%s: %s", what,
			output.length > 0 ? output.data : "it failed");
	strbuf_deinit(&output);
	return result;
}

/* The lines of output that count as a refusal; NULL: none. */
static const char *
find_refusals(
	const struct engine *engine, const char *output, struct arena *arena)
{
	struct span rest = span_from(output), line;
	const char *found = NULL;

	while (span_split(&rest, '\n', &line))
		for (size_t i = 0; engine->check_refuse[i] != NULL; i++) {
			const char *text = engine->check_refuse[i];

			/* Behind the words, so that it is no warning. */
			const char *at = memmem(
				line.data, line.length, text, strlen(text));

			if (at == NULL)
				continue;
			found = arena_printf(arena, "%s%s%.*s",
				found == NULL ? "" : found,
				found == NULL ? "" : "\n",
				(int)(line.data + line.length - at), at);
		}
	return found;
}

static int
run_check(const struct engine *engine, const struct engine_check *check,
	const struct blame_scope *scope, struct arena *arena,
	struct fault *fault_out, struct err *err)
{
	const char *what = arena_printf(
		arena, "the configuration check of %s", engine->name);
	const char *complaint = NULL;
	struct strbuf output;
	int status, result;

	result = run(
		check->argv, CHECK_DEADLINE_MS, what, &output, &status, err);
	if (result == 0)
		complaint = find_refusals(engine, output.data, arena);
	if (result == 0 && complaint == NULL && status != 0)
		complaint = output.length > 0 ? output.data : "it failed";
	if (complaint != NULL) {
		blame_find(scope, complaint, arena, fault_out);
		result = 1;
	}
	strbuf_deinit(&output);
	return result;
}

int
checker_run(const struct paths *paths, const struct engine *engine,
	const char *tree, struct arena *arena, struct fault *fault_out,
	struct err *err)
{
	const struct blame_scope scope = { engine->name, tree,
		paths->overrides };
	int result = 0;

	for (size_t i = 0; result == 0 && engine->checks[i].argv[0] != NULL;
		i++) {
		const struct engine_check *check = &engine->checks[i];

		if (check->condition == NULL || fs_exists(check->condition))
			result = run_check(
				engine, check, &scope, arena, fault_out, err);
	}
	return result;
}
