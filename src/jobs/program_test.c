/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of program.c: a core.db that is not there, goes, or is replaced. */
#include "jobs/program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/db.h"
#include "store/schema.h"

#define PATIENCE_MS 10000

/* The program ends with its process; it is not freed here either. */
struct fixture {
	struct service_state service;
	char root[40];
	char away[PATHS_MAX + 32];
	int gone; /* logged */
	char last[1000]; /* line of the log */
};

static const struct service SERVICE = { .name = "test" };

static void
count_line(const char *line, void *context)
{
	struct fixture *fixture = context;

	snprintf(fixture->last, sizeof(fixture->last), "%s", line);
	fixture->gone += strstr(line, "core.db is gone") != NULL;
}

static void
make_core(const char *path)
{
	struct db *db;
	struct err err;

	if (db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000, &db, &err) < 0 ||
		schema_migrate(db, SCHEMA_CORE, NULL, &err) < 0)
		fail_msg("%s", err.text);
	db_close(&db);
}

static int
setup(void **state)
{
	static struct fixture fixtures[8]; /* reachable to the end */
	static int used;
	struct fixture *fixture = &fixtures[used++];
	char directory[PATHS_MAX + 8];
	struct err err;

	fixture->service.service = &SERVICE;
	fixture->service.loop = event_base_new();
	snprintf(fixture->root, sizeof(fixture->root), "/tmp/mh-jobs-XXXXXX");
	assert_non_null(mkdtemp(fixture->root));
	assert_int_equal(
		paths_init(&fixture->service.paths, fixture->root, &err), 0);
	snprintf(directory, sizeof(directory), "%s/core",
		fixture->service.paths.database);
	snprintf(fixture->away, sizeof(fixture->away), "%s/core.db-away",
		directory);
	if (fs_make_directory(directory, 0755, (uid_t)-1, (gid_t)-1, &err) < 0)
		fail_msg("%s", err.text);
	log_set_sink(count_line, fixture);
	*state = fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	log_set_sink(NULL, NULL);
	return fs_remove_tree(fixture->root, NULL);
}

static void
turn(struct fixture *fixture)
{
	struct timeval wait = { .tv_usec = 20 * 1000 };

	event_base_loopexit(fixture->service.loop, &wait);
	event_base_dispatch(fixture->service.loop);
}

/* Whether a line of the log had the text, before long. */
static bool
is_said(struct fixture *fixture, const char *text)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;

	while (!strstr(fixture->last, text) && clock_monotonic_ms() < until)
		turn(fixture);
	return strstr(fixture->last, text) != NULL;
}

/* An empty one in its place would make every address unknown for ever. */
static void
test_does_not_create_it(void **state)
{
	struct fixture *fixture = *state;
	struct err err = { 0 };

	assert_int_equal(program_start(&fixture->service, &err), 0);
	assert_true(is_said(fixture, "there is no database"));
	turn(fixture);
	assert_false(fs_exists(fixture->service.paths.core_db));
	make_core(fixture->service.paths.core_db);
	assert_true(is_said(fixture, "ready"));
	assert_false(fixture->service.done);
}

static void
put_zeros(const char *path, size_t length)
{
	static const char ZEROS[8192];

	assert_int_equal(fs_write_atomic(path, ZEROS, length, 0644, (uid_t)-1,
				 (gid_t)-1, NULL),
		0);
}

static void
test_does_not_take_an_empty_one(void **state)
{
	static const struct {
		size_t length;
		const char *want;
	} rows[] = {
		{ 0, "its tables are lost" },
		{ 8192, "file is not a database" },
	};
	struct fixture *fixture = *state;
	struct err err = { 0 };

	put_zeros(fixture->service.paths.core_db, rows[0].length);
	assert_int_equal(program_start(&fixture->service, &err), 0);
	assert_true(is_said(fixture, rows[0].want));
	make_core(fixture->away);
	assert_int_equal(
		rename(fixture->away, fixture->service.paths.core_db), 0);
	assert_true(is_said(fixture, "ready"));
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		put_zeros(fixture->service.paths.core_db, rows[i].length);
		assert_true(is_said(fixture, rows[i].want));
		assert_false(fixture->service.done);
		put_zeros(fixture->service.paths.core_db, 0);
	}
}

static void
test_ends_when_it_is_replaced(void **state)
{
	struct fixture *fixture = *state;
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	struct err err = { 0 };

	make_core(fixture->service.paths.core_db);
	make_core(fixture->away);
	assert_int_equal(program_start(&fixture->service, &err), 0);
	turn(fixture);
	assert_false(fixture->service.done);
	assert_int_equal(
		rename(fixture->away, fixture->service.paths.core_db), 0);
	while (!fixture->service.done && clock_monotonic_ms() < until)
		turn(fixture);
	assert_true(fixture->service.done);
}

/* Moved away for a restore: what is in it is still held. */
static void
test_waits_while_it_is_gone(void **state)
{
	struct fixture *fixture = *state;
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	struct err err = { 0 };

	make_core(fixture->service.paths.core_db);
	assert_int_equal(program_start(&fixture->service, &err), 0);
	assert_int_equal(
		rename(fixture->service.paths.core_db, fixture->away), 0);
	while (fixture->gone == 0 && clock_monotonic_ms() < until)
		turn(fixture);
	assert_int_equal(fixture->gone, 1);
	assert_false(fixture->service.done);
	assert_int_equal(
		rename(fixture->away, fixture->service.paths.core_db), 0);
	assert_true(is_said(fixture, "well again"));
	assert_false(fixture->service.done);
	assert_int_equal(fixture->gone, 1);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	static const struct CMUnitTest TESTS[] = {
		CASE(test_does_not_create_it),
		CASE(test_does_not_take_an_empty_one),
		CASE(test_ends_when_it_is_replaced),
		CASE(test_waits_while_it_is_gone),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
