/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are absent, foreign, removed and replaced while we run. */
#include "directory/databases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/test_core.h"
#include "store/schema.h"

struct fixture {
	struct test_core core;
	struct paths paths;
	struct directory directory;
	struct databases *databases;
	int lines; /* logged */
};

static void
count_line(const char *line, void *context)
{
	struct fixture *fixture = context;

	(void)line;
	fixture->lines++;
}

static int
setup(void **state)
{
	static struct fixture fixture;
	struct directory *directory = &fixture.directory;

	memset(&fixture, 0, sizeof(fixture));
	log_set_sink(count_line, &fixture);
	test_core_init(&fixture.core);
	(void)snprintf(fixture.paths.core_db, sizeof(fixture.paths.core_db),
		"%s", fixture.core.core_path);
	(void)snprintf(fixture.paths.usage_db, sizeof(fixture.paths.usage_db),
		"%s/own-usage.db", fixture.core.directory);
	directory->loop = event_base_new();
	directory->paths = &fixture.paths;
	directory->lookup = lookup_new();
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	databases_free(&fixture->databases);
	assert_null(fixture->directory.core);
	assert_null(fixture->directory.usage);
	lookup_free(&fixture->directory.lookup);
	event_base_free(fixture->directory.loop);
	test_core_deinit(&fixture->core);
	log_set_sink(NULL, NULL);
	return 0;
}

static enum lookup_answer
ask(struct fixture *fixture, const char *address)
{
	struct strbuf value;
	struct err err = { 0 };
	enum lookup_answer answer;

	strbuf_init(&value, 1000);
	answer = lookup_ask(fixture->directory.lookup,
		lookup_map_find(span_from("mailboxes")), span_from(address),
		&value, &err);
	lookup_end(fixture->directory.lookup);
	strbuf_deinit(&value);
	return answer;
}

/* As a restore does: the log of the old file is not the new one's. */
static void
remove_log(struct fixture *fixture)
{
	char path[512];

	db_close(&fixture->core.core);
	db_close(&fixture->core.core_writer);
	(void)snprintf(path, sizeof(path), "%s-wal", fixture->paths.core_db);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s-shm", fixture->paths.core_db);
	(void)unlink(path);
}

/* Another file under the name of core.db, without anna. */
static void
make_replacement(struct fixture *fixture, const char *path)
{
	struct err err = { 0 };
	struct db *db;

	assert_int_equal(db_copy_to(fixture->core.core_writer, path, &err), 0);
	assert_int_equal(
		db_open(path, DB_WRITE, DB_SYNC_NORMAL, 100, &db, &err), 0);
	assert_int_equal(
		db_script(db, "DELETE FROM mailbox WHERE id = 1", &err), 0);
	db_close(&db);
}

static void
test_there_from_the_start(void **state)
{
	struct fixture *fixture = *state;

	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_FOUND);
	assert_non_null(fixture->directory.usage);
	assert_int_equal(fixture->lines, 0);
}

static void
test_absent_at_start(void **state)
{
	struct fixture *fixture = *state;
	char away[512];

	(void)snprintf(away, sizeof(away), "%s-away", fixture->paths.core_db);
	assert_int_equal(rename(fixture->paths.core_db, away), 0);
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_TEMP);
	databases_check(fixture->databases);
	databases_check(fixture->databases);
	assert_int_equal(fixture->lines, 1); /* said once */

	assert_int_equal(rename(away, fixture->paths.core_db), 0);
	databases_check(fixture->databases);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_FOUND);
	assert_int_equal(fixture->lines, 2);
}

static void
test_replaced(void **state)
{
	struct fixture *fixture = *state;
	char other[512];

	(void)snprintf(
		other, sizeof(other), "%s/other.db", fixture->core.directory);
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_FOUND);
	make_replacement(fixture, other);
	remove_log(fixture);
	assert_int_equal(rename(other, fixture->paths.core_db), 0);
	databases_check(fixture->databases);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_NOT_FOUND);
	assert_int_equal(ask(fixture, "bert@example.org"), LOOKUP_FOUND);
	assert_int_equal(fixture->directory.counters[DIRECTORY_REOPENED], 1);
}

/* A backup was put in its place, and its log was forgotten there. */
static void
test_replaced_beside_its_log(void **state)
{
	struct fixture *fixture = *state;
	struct err err = { 0 };
	struct db *writer;
	char other[512];

	(void)snprintf(
		other, sizeof(other), "%s/other.db", fixture->core.directory);
	db_close(&fixture->core.core_writer);
	assert_int_equal(
		db_open(fixture->paths.core_db, DB_WRITE, DB_SYNC_NORMAL, 100,
			&fixture->core.core_writer, &err),
		0);
	make_replacement(fixture, other);
	test_core_run(&fixture->core, "UPDATE mailbox SET name = 'Other'");
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_FOUND);
	assert_int_equal(rename(other, fixture->paths.core_db), 0);
	for (int i = 0; i < 2; i++) {
		databases_check(fixture->databases);
		assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_TEMP);
	}
	/* What mailherd-jobs does a second later. */
	assert_int_equal(db_open(fixture->paths.core_db, DB_WRITE,
				 DB_SYNC_NORMAL, 100, &writer, &err),
		0);
	databases_check(fixture->databases);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_NOT_FOUND);
	assert_int_equal(ask(fixture, "bert@example.org"), LOOKUP_FOUND);
	db_close(&writer);
}

static void
test_removed(void **state)
{
	struct fixture *fixture = *state;

	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(unlink(fixture->paths.core_db), 0);
	databases_check(fixture->databases);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_TEMP);
	assert_int_equal(ask(fixture, "nobody@plain.example"), LOOKUP_TEMP);
}

static void
test_newer_schema(void **state)
{
	struct fixture *fixture = *state;
	char sql[100];

	(void)snprintf(sql, sizeof(sql), "PRAGMA user_version = %d",
		schema_version(SCHEMA_CORE) + 1);
	test_core_run(&fixture->core, sql);
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_TEMP);
	assert_non_null(fixture->directory.usage);
}

static void
test_not_a_database(void **state)
{
	struct fixture *fixture = *state;
	FILE *file;

	remove_log(fixture);
	assert_int_equal(unlink(fixture->paths.core_db), 0);
	file = fopen(fixture->paths.core_db, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		(void)fputs("this is no database ", file);
	assert_int_equal(fclose(file), 0);
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(ask(fixture, "anna@example.org"), LOOKUP_TEMP);
}

static const struct db_statement SQL_DOUBT = { "doubt",
	"SELECT doubt FROM quota_state", "of a test" };

static int64_t
doubt(struct fixture *fixture)
{
	struct db_query q = db_query(fixture->directory.usage, &SQL_DOUBT);
	int64_t number = db_step(&q, NULL) == 1 ? db_number(&q, 0) : -1;

	db_finish(&q);
	return number;
}

static void
report(struct fixture *fixture)
{
	struct err err;

	assert_int_equal(
		db_script(fixture->directory.usage,
			"INSERT INTO quota VALUES (1, 1, 1, 1, 5)", &err),
		0);
}

static void
test_a_clean_end_and_another(void **state)
{
	struct fixture *fixture = *state;

	fixture->databases = databases_new(&fixture->directory);
	databases_check(fixture->databases);
	assert_int_equal(doubt(fixture), 1); /* a new file */
	report(fixture);
	databases_stop(fixture->databases);
	databases_free(&fixture->databases);
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(doubt(fixture), 1);
	databases_free(&fixture->databases);
	fixture->databases = databases_new(&fixture->directory);
	assert_int_equal(doubt(fixture), 6);
}

/* An older copy, of a time when all was well. */
static void
test_another_usage_is_in_doubt(void **state)
{
	struct fixture *fixture = *state;

	fixture->databases = databases_new(&fixture->directory);
	db_close(&fixture->core.usage);
	assert_int_equal(
		rename(fixture->core.usage_path, fixture->paths.usage_db), 0);
	databases_check(fixture->databases);
	assert_non_null(fixture->directory.usage);
	assert_int_equal(doubt(fixture), 1);
	databases_check(fixture->databases);
	assert_int_equal(doubt(fixture), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_there_from_the_start),
		CASE(test_absent_at_start),
		CASE(test_replaced),
		CASE(test_replaced_beside_its_log),
		CASE(test_removed),
		CASE(test_newer_schema),
		CASE(test_not_a_database),
		CASE(test_a_clean_end_and_another),
		CASE(test_another_usage_is_in_doubt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
