/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of commit_watch.c on a database in a directory of its own. */
#include "jobs/commit_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/fs.h"

#define SOON_MS 500 /* on a busy machine; the aim is 20 */

struct fixture {
	char directory[40];
	struct event_base *loop;
	struct db *ours;
	struct db *theirs;
	int commits;
};

static void
on_committed(void *context)
{
	struct fixture *fixture = context;

	fixture->commits++;
}

static int
setup(void **state)
{
	static struct fixture fixture;
	char path[80];
	struct err err;

	fixture.commits = 0;
	snprintf(fixture.directory, sizeof(fixture.directory),
		"/tmp/mh-commit-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(path, sizeof(path), "%s/test.db", fixture.directory);
	assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_FULL, 1000,
				 &fixture.ours, &err),
		0);
	assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_FULL, 1000,
				 &fixture.theirs, &err),
		0);
	assert_int_equal(
		db_script(fixture.ours, "CREATE TABLE t (a)", &err), 0);
	fixture.loop = event_base_new();
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	db_close(&fixture->ours);
	db_close(&fixture->theirs);
	event_base_free(fixture->loop);
	return fs_remove_tree(fixture->directory, NULL);
}

static void
loop_until(struct fixture *fixture, int commits, int64_t limit_ms)
{
	int64_t end = clock_monotonic_ms() + limit_ms;

	while (fixture->commits < commits && clock_monotonic_ms() < end)
		event_base_loop(fixture->loop, EVLOOP_ONCE);
}

static void
test_sees_each_commit(void **state)
{
	struct fixture *fixture = *state;
	struct commit_watch *watch = commit_watch_new(fixture->loop,
		fixture->ours, fixture->directory, on_committed, fixture);
	struct err err;

	for (int i = 1; i <= 5; i++) {
		assert_int_equal(db_script(fixture->theirs,
					 "INSERT INTO t VALUES (1)", &err),
			0);
		loop_until(fixture, i, SOON_MS);
		assert_int_equal(fixture->commits, i);
	}
	commit_watch_free(&watch);
}

static void
test_own_commits_are_silent(void **state)
{
	struct fixture *fixture = *state;
	struct commit_watch *watch = commit_watch_new(fixture->loop,
		fixture->ours, fixture->directory, on_committed, fixture);
	struct err err;

	assert_int_equal(
		db_script(fixture->ours, "INSERT INTO t VALUES (1)", &err), 0);
	loop_until(fixture, 1, 100);
	assert_int_equal(fixture->commits, 0);
	commit_watch_free(&watch);
}

/* Without the kernel's help, as when no directory can be watched. */
static void
test_blind(void **state)
{
	struct fixture *fixture = *state;
	struct commit_watch *watch = commit_watch_new(fixture->loop,
		fixture->ours, "/nonexistent", on_committed, fixture);
	struct err err;

	assert_int_equal(
		db_script(fixture->theirs, "INSERT INTO t VALUES (1)", &err),
		0);
	loop_until(fixture, 1, 2 * SOON_MS);
	assert_int_equal(fixture->commits, 1);
	commit_watch_free(&watch);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(
			test_sees_each_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_own_commits_are_silent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blind, setup, teardown),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
