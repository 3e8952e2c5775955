/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of runner.c with effects that succeed, fail or wait as told. */
#include "jobs/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/log.h"
#include "model/outbox.h"
#include "store/schema.h"

#define HELD_MAX 32

struct fixture {
	char directory[40];
	struct event_base *loop;
	struct db *core;
	struct runner *runner;
	int started;
	size_t gathered; /* payloads of the last run that gathered */
	struct runner_task *held[HELD_MAX];
	int held_count;
	bool idle;
};

static void
succeed(struct runner_task *task, json_t *payload, void *context)
{
	struct fixture *fixture = context;

	assert_string_equal(
		json_string_value(json_object_get(payload, "name")), "x");
	fixture->started++;
	runner_finish(task, NULL);
}

static void
fail_it(struct runner_task *task, json_t *payload UNUSED, void *context)
{
	struct fixture *fixture = context;
	struct err err;

	fixture->started++;
	(void)err_set(&err, ERR_UNAVAILABLE, "not today");
	runner_finish(task, &err);
}

static void
hold(struct runner_task *task, json_t *payload UNUSED, void *context)
{
	struct fixture *fixture = context;

	fixture->started++;
	assert_true(fixture->held_count < HELD_MAX);
	fixture->held[fixture->held_count++] = task;
}

static void
hold_all(struct runner_task *task, json_t *payloads, void *context)
{
	struct fixture *fixture = context;

	fixture->gathered = json_array_size(payloads);
	hold(task, payloads, context);
}

static const struct runner_effect EFFECTS[] = {
	{ "succeed", succeed, false },
	{ "fail", fail_it, false },
	{ "hold", hold, false },
	{ "gather", hold_all, true },
	{ .kind = NULL },
};

static void
ignore_line(const char *line UNUSED, void *context UNUSED)
{
}

static int
setup(void **state)
{
	static struct fixture fixture;
	char path[80];
	struct err err;

	fixture = (struct fixture){ .loop = event_base_new() };
	snprintf(fixture.directory, sizeof(fixture.directory),
		"/tmp/mh-runner-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(path, sizeof(path), "%s/core.db", fixture.directory);
	assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_FULL, 1000,
				 &fixture.core, &err),
		0);
	assert_int_equal(
		schema_migrate(fixture.core, SCHEMA_CORE, NULL, &err), 0);
	fixture.runner =
		runner_new(fixture.loop, fixture.core, EFFECTS, &fixture);
	log_set_sink(ignore_line, NULL);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	log_set_sink(NULL, NULL);
	runner_free(&fixture->runner);
	db_close(&fixture->core);
	event_base_free(fixture->loop);
	return fs_remove_tree(fixture->directory, NULL);
}

static void
add(struct fixture *fixture, const char *kind, const char *payload)
{
	struct err err;

	assert_int_equal(outbox_add(fixture->core, kind, payload, &err), 0);
}

/* Items that differ, numbered from first. */
static void
add_many(struct fixture *fixture, const char *kind, int first, int count)
{
	char payload[64];

	for (int i = first; i < first + count; i++) {
		snprintf(payload, sizeof(payload),
			"{\"name\":\"x\",\"number\":%d}", i);
		add(fixture, kind, payload);
	}
}

static int64_t
waiting(struct fixture *fixture)
{
	int64_t count = -1;
	struct err err;

	assert_int_equal(outbox_count(fixture->core, &count, &err), 0);
	return count;
}

static void
turn(struct fixture *fixture)
{
	runner_wake(fixture->runner);
	for (int i = 0; i < 10; i++)
		event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
}

static void
test_done_is_removed(void **state)
{
	struct fixture *fixture = *state;

	add_many(fixture, "succeed", 0, 40);
	turn(fixture);
	assert_int_equal(fixture->started, 40);
	assert_int_equal(waiting(fixture), 0);
}

static const struct {
	const char *name;
	const char *kind;
	const char *payload;
	int started;
} KEPT[] = {
	{ "effect failed", "fail", "{}", 1 },
	{ "no such effect", "unknown", "{}", 0 },
	{ "payload is not JSON", "succeed", "{", 0 },
	{ "payload is not an object", "succeed", "[]", 0 },
};

static void
test_failed_is_kept(void **state)
{
	struct fixture *fixture = *state;
	int64_t due_ms;
	struct err err;

	for (size_t i = 0; i < ARRAY_LENGTH(KEPT); i++) {
		int64_t before = clock_wall_ms();

		fixture->started = 0;
		assert_int_equal(
			db_script(fixture->core, "DELETE FROM outbox", &err),
			0);
		add(fixture, KEPT[i].kind, KEPT[i].payload);
		turn(fixture);
		turn(fixture);
		if (fixture->started != KEPT[i].started)
			fail_msg("%s: started %d, want %d", KEPT[i].name,
				fixture->started, KEPT[i].started);
		assert_int_equal(outbox_due(fixture->core, &due_ms, &err), 1);
		if (due_ms < before + OUTBOX_DELAY_MIN_MS)
			fail_msg("%s: due too early", KEPT[i].name);
	}
}

static void
test_limit_at_once(void **state)
{
	struct fixture *fixture = *state;

	add_many(fixture, "hold", 0, RUNNER_AT_ONCE_MAX + 3);
	turn(fixture);
	turn(fixture);
	assert_int_equal(fixture->started, RUNNER_AT_ONCE_MAX);
	runner_finish(fixture->held[2], NULL);
	turn(fixture);
	assert_int_equal(fixture->started, RUNNER_AT_ONCE_MAX + 1);
	assert_int_equal(waiting(fixture), RUNNER_AT_ONCE_MAX + 2);
}

/* One that hangs does not keep those behind it from being done. */
static void
test_others_pass_by(void **state)
{
	struct fixture *fixture = *state;

	add_many(fixture, "hold", 0, RUNNER_AT_ONCE_MAX - 1);
	add_many(fixture, "succeed", 0, 20);
	for (int i = 0; i < 20; i++)
		turn(fixture);
	assert_int_equal(waiting(fixture), RUNNER_AT_ONCE_MAX - 1);
}

static void
test_equal_items_share_a_run(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 300; i++)
		add(fixture, "hold", "{}");
	turn(fixture);
	assert_int_equal(fixture->started, 1);
	/* Committed after it began: it does not do for this one. */
	add(fixture, "hold", "{}");
	turn(fixture);
	assert_int_equal(fixture->started, 1);
	runner_finish(fixture->held[0], NULL);
	turn(fixture);
	assert_int_equal(fixture->started, 2);
	assert_int_equal(waiting(fixture), 301 - RUNNER_ITEMS_MAX);
	runner_finish(fixture->held[1], NULL);
	turn(fixture);
	runner_finish(fixture->held[2], NULL);
	turn(fixture);
	assert_int_equal(waiting(fixture), 0);
	assert_int_equal(fixture->started, 3);
}

static void
test_a_kind_that_gathers(void **state)
{
	struct fixture *fixture = *state;

	add_many(fixture, "gather", 0, 5);
	add_many(fixture, "gather", 0, 5);
	add(fixture, "gather", "nonsense");
	add(fixture, "succeed", "{\"name\":\"x\"}");
	turn(fixture);
	assert_int_equal(fixture->gathered, 5);
	add_many(fixture, "gather", 9, 2);
	turn(fixture);
	/* The ten, one that is refused next, and the two. */
	assert_int_equal(waiting(fixture), 13);
	assert_int_equal(fixture->held_count, 1);
	runner_finish(fixture->held[0], NULL);
	turn(fixture);
	assert_int_equal(fixture->held_count, 2);
	assert_int_equal(fixture->gathered, 2);
	assert_int_equal(waiting(fixture), 3);
	runner_finish(fixture->held[1], NULL);
	assert_int_equal(waiting(fixture), 1);
}

/* All that a run took is tried again when it failed. */
static void
test_failed_together(void **state)
{
	struct fixture *fixture = *state;
	int64_t before = clock_wall_ms(), due_ms;
	struct err err;

	add_many(fixture, "gather", 0, 5);
	turn(fixture);
	(void)err_set(&err, ERR_UNAVAILABLE, "not today");
	runner_finish(fixture->held[0], &err);
	turn(fixture);
	assert_int_equal(fixture->held_count, 1);
	assert_int_equal(waiting(fixture), 5);
	assert_int_equal(outbox_due(fixture->core, &due_ms, &err), 1);
	assert_true(due_ms >= before + OUTBOX_DELAY_MIN_MS);
}

/* Killed between effect and record: it is there and done again. */
static void
test_unfinished_stays(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "hold", "{}");
	turn(fixture);
	assert_int_equal(fixture->started, 1);
	runner_free(&fixture->runner);
	fixture->runner =
		runner_new(fixture->loop, fixture->core, EFFECTS, fixture);
	turn(fixture);
	assert_int_equal(fixture->started, 2);
}

static void
on_idle(void *context)
{
	struct fixture *fixture = context;

	fixture->idle = true;
}

static void
test_stop(void **state)
{
	struct fixture *fixture = *state;

	add(fixture, "hold", "{}");
	turn(fixture);
	runner_stop(fixture->runner, on_idle, fixture);
	add(fixture, "succeed", "{\"name\":\"x\"}");
	turn(fixture);
	assert_false(fixture->idle);
	assert_int_equal(fixture->started, 1);
	runner_finish(fixture->held[0], NULL);
	assert_true(fixture->idle);
	assert_int_equal(waiting(fixture), 1);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(
			test_done_is_removed, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_failed_is_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_limit_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_others_pass_by, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_equal_items_share_a_run, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_kind_that_gathers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_failed_together, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_unfinished_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
