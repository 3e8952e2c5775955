/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting, feeding, killing and failing children. */
#include "io/child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

struct output_case {
	const char *argv[4];
	const char *input;
	size_t output_max;
	int want_status;
	const char *want_output;
};

static const struct output_case CASES[] = {
	{ { "/bin/echo", "hello" }, "", 100, 0, "hello\n" },
	{ { "/bin/sh", "-c", "echo out; echo err >&2; exit 7" }, "", 100, 7,
		"out\nerr\n" },
	{ { "/bin/sh", "-c", "kill -TERM $$" }, "", 100, 143, "" },
	{ { "/bin/cat" }, "some input", 100, 0, "some input" },
	{ { "/bin/cat" }, "", 100, 0, "" },
	{ { "/bin/echo", "0123456789" }, "", 4, 0, "0123" },
	{ { "/bin/true" }, "nobody reads this", 100, 0, "" },
	{ { "/bin/sh", "-c", "pwd; echo $LANG $HOME" }, "", 100, 0, "/\nC\n" },
};

static void
runs_programs(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		const struct output_case *c = &CASES[i];
		struct child_spec spec = { .argv = c->argv,
			.input = span_from(c->input),
			.output_max = c->output_max,
			.deadline_ms = 10000 };
		struct child_result result = { .status = -1 };
		struct err err = { 0 };
		struct strbuf output;
		strbuf_init(&output, 1000);
		assert_int_equal(child_run(&spec, &output, &result, &err), 0);
		assert_int_equal(result.status, c->want_status);
		assert_false(result.timed_out);
		assert_string_equal(output.data, c->want_output);
		strbuf_deinit(&output);
	}
}

static const struct {
	const char *argv[4];
	int want;
	const char *want_text; /* output, or how the error's text begins */
} SUCCEED[] = {
	{ { "/bin/echo", "fine" }, 0, "fine\n" },
	{ { "/bin/sh", "-c", "echo; echo a; echo b; echo" }, 0, "\na\nb\n\n" },
	{ { "/bin/sh", "-c", "echo it is wrong; exit 3" }, -1,
		"trying: it is wrong" },
	{ { "/bin/false" }, -1, "trying: it ended with status 1" },
	{ { "/bin/sleep", "60" }, -1, "trying: no end in time" },
	{ { "/bin/sh", "-c", "head -c 3000 /dev/zero | tr '\\0' x; exit 1" },
		-1, "trying: xxx" },
};

static void
must_succeed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(SUCCEED); i++) {
		struct child_spec spec = { .argv = SUCCEED[i].argv,
			.output_max = 4000,
			.deadline_ms = 300 };
		const char *got;
		struct err err = { 0 };
		struct strbuf output;

		strbuf_init(&output, 4000);
		assert_int_equal(child_succeed(&spec, "trying", &output, &err),
			SUCCEED[i].want);
		got = SUCCEED[i].want == 0 ? output.data : err.text;
		if (SUCCEED[i].want == 0)
			assert_string_equal(got, SUCCEED[i].want_text);
		else if (strncmp(got, SUCCEED[i].want_text,
				 strlen(SUCCEED[i].want_text)) != 0)
			fail_msg("%zu: got \"%s\"", i, got);
		strbuf_deinit(&output);
	}
}

static void
on_heard(struct span bytes, void *context)
{
	strbuf_add_span(context, bytes);
}

static void
on_end(const struct child_result *result, const struct strbuf *output,
	const struct err *err, void *context)
{
	assert_null(err);
	assert_int_equal(result->status, 0);
	assert_int_equal(output->length, 0); /* output_max */
	strbuf_add_text(context, "end");
}

static void
output_is_heard_and_priority_given_up(void **state)
{
	(void)state;
	struct event_base *loop = event_base_new();
	struct strbuf heard;
	struct child_spec spec = {
		.argv = (const char *const[]){ "/usr/bin/nice", NULL },
		.deadline_ms = 10000,
		.nice = 7,
		.ends_with_us = true,
		.on_output = on_heard
	};
	strbuf_init(&heard, 100);
	child_start(loop, &spec, on_end, &heard);
	event_base_dispatch(loop);
	assert_string_equal(heard.data, "7\nend");
	strbuf_deinit(&heard);
	event_base_free(loop);
}

static void
much_input_and_output_do_not_block(void **state)
{
	(void)state;
	const size_t size = 1000000;
	const char *const argv[] = { "/bin/cat", NULL };
	struct strbuf input, output;
	struct child_result result;
	struct err err = { 0 };
	strbuf_init(&input, size);
	strbuf_init(&output, size);
	while (input.length < size)
		strbuf_add_text(&input, "0123456789");
	struct child_spec spec = { .argv = argv,
		.input = strbuf_span(&input),
		.output_max = size,
		.deadline_ms = 10000 };
	assert_int_equal(child_run(&spec, &output, &result, &err), 0);
	assert_int_equal(output.length, size);
	assert_memory_equal(output.data, input.data, size);
	strbuf_deinit(&input);
	strbuf_deinit(&output);
}

static void
the_deadline_kills_the_group(void **state)
{
	(void)state;
	const char *const argv[] = { "/bin/sh", "-c",
		"sleep 100 & echo begun; wait", NULL };
	struct child_spec spec = {
		.argv = argv, .output_max = 100, .deadline_ms = 200
	};
	struct child_result result;
	struct err err = { 0 };
	struct strbuf output;
	strbuf_init(&output, 100);
	assert_int_equal(child_run(&spec, &output, &result, &err), 0);
	assert_true(result.timed_out);
	assert_int_equal(result.status, 128 + 9);
	assert_string_equal(output.data, "begun\n");
	strbuf_deinit(&output);
}

static void
what_cannot_start_says_why(void **state)
{
	(void)state;
	const char *const absent[] = { "/nonexistent/program", NULL };
	const char *const present[] = { "/bin/true", NULL };
	struct child_result result;
	struct err err = { 0 };
	struct child_spec spec = { .argv = absent, .output_max = 10 };
	assert_int_equal(child_run(&spec, NULL, &result, &err), -1);
	assert_string_equal(err.text,
		"starting /nonexistent/program: execution: No such file or directory");
	spec = (struct child_spec){ .argv = present,
		.directory = "/nonexistent" };
	assert_int_equal(child_run(&spec, NULL, &result, &err), -1);
	assert_non_null(strstr(err.text, "working directory"));
	spec = (struct child_spec){ .argv = present, .user = "no-such-user-x" };
	assert_int_equal(child_run(&spec, NULL, &result, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void
changes_user_and_environment(void **state)
{
	(void)state;
	const char *const argv[] = { "/bin/sh", "-c",
		"id -u; id -G; echo $A; echo $PATH", NULL };
	const char *const environment[] = { "A=b", "PATH=/bin", NULL };
	struct child_spec spec = { .argv = argv,
		.environment = environment,
		.user = "nobody",
		.output_max = 100,
		.deadline_ms = 10000 };
	struct child_result result;
	struct err err = { 0 };
	struct strbuf output;
	if (geteuid() != 0)
		skip();
	strbuf_init(&output, 100);
	assert_int_equal(child_run(&spec, &output, &result, &err), 0);
	assert_string_equal(output.data, "65534\n65534\nb\n/bin\n");
	strbuf_deinit(&output);
}

/* More than a pipe holds, and nobody reads before the end. */
static void
errors_are_apart(void **state)
{
	(void)state;
	const char *const argv[] = { "/bin/sh", "-c",
		"echo first >&2; echo out; head -c 300000 /dev/zero >&2; exit 4",
		NULL };
	struct strbuf output, errors;
	struct child_spec spec = { .argv = argv,
		.output_max = 100,
		.errors = &errors,
		.deadline_ms = 10000 };
	struct err err = { 0 };
	strbuf_init(&output, 100);
	strbuf_init(&errors, 6);
	assert_int_equal(child_succeed(&spec, "trying", &output, &err), -1);
	assert_string_equal(output.data, "out\n");
	assert_string_equal(err.text, "trying: first");
	strbuf_deinit(&output);
	strbuf_deinit(&errors);
}

/* "yes" writes on for ever; it ends when nobody reads any more. */
static void
a_loud_grandchild_does_not_hold_us(void **state)
{
	(void)state;
	const char *const argv[] = { "/bin/sh", "-c",
		"yes & yes & yes & yes & sleep 0.1", NULL };
	struct child_spec spec = {
		.argv = argv, .output_max = 100, .deadline_ms = 10000
	};
	struct child_result result;
	struct err err = { 0 };
	struct strbuf output;
	strbuf_init(&output, 100);
	alarm(20);
	assert_int_equal(child_run(&spec, &output, &result, &err), 0);
	alarm(0);
	assert_int_equal(result.status, 0);
	assert_int_equal(output.length, 100);
	strbuf_deinit(&output);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_programs),
		cmocka_unit_test(must_succeed),
		cmocka_unit_test(output_is_heard_and_priority_given_up),
		cmocka_unit_test(much_input_and_output_do_not_block),
		cmocka_unit_test(the_deadline_kills_the_group),
		cmocka_unit_test(errors_are_apart),
		cmocka_unit_test(a_loud_grandchild_does_not_hold_us),
		cmocka_unit_test(what_cannot_start_says_why),
		cmocka_unit_test(changes_user_and_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
