/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The caller holds the lock of preparing, so there is one scratch tree; a
 * killed rehearsal's is removed by the next one or with old generations.
 */
#include "agent/rehearsal.h"

#include <stdio.h>
#include <string.h>

#include "agent/checker.h"
#include "agent/compare.h"
#include "agent/generation.h"
#include "base/json_write.h"
#include "io/child.h"

#define SCRATCH "next"
#define DIFF "/usr/bin/diff"
#define DIFF_DEADLINE_MS 30000
#define DIFF_SIZE_MAX (1024 * 1024)
#define JSON_SIZE_MAX (8 * 1024 * 1024)

struct report {
	struct strbuf text;
	struct json_writer json;
	bool is_json;
};

static void
report_open(struct report *report, const struct rehearsal *rehearsal)
{
	report->is_json = rehearsal->json;
	strbuf_init(&report->text, JSON_SIZE_MAX);
	json_writer_init(&report->json, &report->text);
	json_object_open(&report->json, NULL);
}

static void
report_close(struct report *report)
{
	json_object_close(&report->json);
	if (report->is_json)
		puts(report->text.data);
	strbuf_deinit(&report->text);
}

/* What stands below a line belongs to it. */
static void
print_indented(const char *text)
{
	struct span rest = span_from(text), line;

	while (span_split(&rest, '\n', &line))
		printf("  %.*s\n", (int)line.length, line.data);
}

static void
report_fault(struct report *report, const struct fault *fault)
{
	struct json_writer *w = &report->json;

	if (!report->is_json) {
		if (fault->file == NULL)
			printf("%s: refused\n", fault->engine);
		else if (fault->line == 0)
			printf("%s: %s\n", fault->engine, fault->file);
		else
			printf("%s: %s line %d\n", fault->engine, fault->file,
				fault->line);
		print_indented(fault->text);
		fflush(stdout);
		return;
	}
	json_object_open(w, NULL);
	json_text(w, "engine", fault->engine);
	json_text(w, "file", fault->file);
	if (fault->line > 0)
		json_number(w, "line", fault->line);
	else
		json_write_null(w, "line");
	json_text(w, "text", fault->text);
	json_object_close(w);
}

static bool
check_engine(const struct rehearsal *rehearsal, const struct engine *engine,
	const char *tree, struct report *report)
{
	struct fault fault = { .engine = engine->name };
	struct err err = { 0 };
	int result = checker_run(rehearsal->input->paths, engine, tree,
		rehearsal->arena, &fault, &err);

	if (result == -1)
		fault.text = arena_strdup(rehearsal->arena, err.text);
	if (result != 0) {
		report_fault(report, &fault);
		return false;
	}
	if (!rehearsal->json && engine->checks[0].argv[0] != NULL) {
		printf("%s ok\n", engine->name);
		fflush(stdout);
	}
	return true;
}

static int
check_engines(const struct rehearsal *rehearsal, const char *tree,
	const struct engine *engines, size_t count)
{
	struct report report;
	int faults = 0;

	report_open(&report, rehearsal);
	json_array_open(&report.json, "faults");
	for (size_t i = 0; i < count; i++)
		if (!check_engine(rehearsal, &engines[i], tree, &report))
			faults++;
	json_array_close(&report.json);
	json_bool(&report.json, "ok", faults == 0);
	report_close(&report);
	if (!rehearsal->json && faults == 0)
		puts("OK");
	return faults == 0 ? 0 : 1;
}

static int
scratch_tree(const struct rehearsal *rehearsal, const char **tree_out,
	struct err *err)
{
	const struct paths *paths = rehearsal->input->paths;

	if (generation_current(paths) == 0) {
		return err_set(err, ERR_UNAVAILABLE,
			"no configuration was ever in force here: mailherd up makes the first");
	}
	*tree_out = arena_printf(
		rehearsal->arena, "%s/" SCRATCH, paths->generations);
	return 0;
}

int
rehearsal_check(const struct rehearsal *rehearsal, struct err *err)
{
	const struct tree_input *input = rehearsal->input;
	struct engine *engines;
	const char *tree;
	size_t count;
	int result;

	if (scratch_tree(rehearsal, &tree, err) == -1)
		return -1;
	result = generation_render(input, rehearsal->arena, tree, tree, err);
	if (result == 0)
		result = engine_load_all(input->paths, input->instance, tree,
			rehearsal->arena, &engines, &count, err);
	if (result == 0)
		result = check_engines(rehearsal, tree, engines, count);
	generation_discard(tree);
	return result;
}

/* Its status says nothing of owners and modes, so it is not asked. */
static int
run_diff(const struct rehearsal *rehearsal, struct strbuf *output,
	struct err *err)
{
	const struct paths *paths = rehearsal->input->paths;
	const char *names[] = { strrchr(paths->rendered, '/') + 1,
		strrchr(paths->generations, '/') + 1 };
	const char *argv[] = { DIFF, "-ruN", "--",
		arena_printf(rehearsal->arena, "%s/", names[0]),
		arena_printf(rehearsal->arena, "%s/" SCRATCH "/", names[1]),
		NULL };
	struct child_spec spec = { .argv = argv,
		.directory = paths->state,
		.output_max = DIFF_SIZE_MAX,
		.deadline_ms = DIFF_DEADLINE_MS };
	struct child_result result;

	if (child_run(&spec, output, &result, err) == -1)
		return -1;
	if (result.status > 1 || result.timed_out)
		return err_set(err, ERR_SYSTEM, "comparing: %s", output->data);
	return 0;
}

static int
compare(const struct rehearsal *rehearsal, const char *tree, struct err *err)
{
	bool same = compare_same(rehearsal->input->paths->rendered, tree);
	struct report report;
	struct strbuf diff;

	strbuf_init(&diff, DIFF_SIZE_MAX);
	if (!same && run_diff(rehearsal, &diff, err) == -1) {
		strbuf_deinit(&diff);
		return -1;
	}
	report_open(&report, rehearsal);
	json_bool(&report.json, "same", same);
	json_text(&report.json, "diff", diff.data);
	report_close(&report);
	if (!rehearsal->json)
		fputs(diff.data, stdout);
	if (!rehearsal->json && !same && diff.length == 0)
		puts("owners or modes of files differ");
	strbuf_deinit(&diff);
	return same ? 0 : 1;
}

int
rehearsal_diff(const struct rehearsal *rehearsal, struct err *err)
{
	const struct tree_input *input = rehearsal->input;
	const char *tree;
	int result;

	if (scratch_tree(rehearsal, &tree, err) == -1)
		return -1;
	result = generation_render(
		input, rehearsal->arena, tree, input->paths->rendered, err);
	if (result == 0)
		result = compare(rehearsal, tree, err);
	generation_discard(tree);
	return result;
}
