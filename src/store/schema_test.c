/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Migrations: steps, copies, and files that are refused. */
#include "store/schema.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "store/schema_private.h"

struct fixture {
	char directory[64];
	char path[96];
	struct db *db;
	struct err err;
};

static const struct schema_step STEPS[] = {
	{ "one", "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;" },
	{ "two",
		"ALTER TABLE a ADD COLUMN name TEXT; INSERT INTO a (name) VALUES ('x');" },
};
static const struct schema_step OTHER_STEPS[] = {
	{ "one", "CREATE TABLE b (id INTEGER PRIMARY KEY) STRICT;" },
};
static const struct schema_step BROKEN_STEPS[] = {
	{ "one", "CREATE TABLE a (id INTEGER PRIMARY KEY) STRICT;" },
	{ "broken", "CREATE TABLE c (id INTEGER); nonsense;" },
};

static const struct schema_steps ONE = { "test", 77, STEPS, 1 };
static const struct schema_steps TWO = { "test", 77, STEPS, 2 };
static const struct schema_steps FOREIGN = { "test", 78, STEPS, 2 };
static const struct schema_steps OTHER = { "test", 77, OTHER_STEPS, 1 };
static const struct schema_steps BROKEN = { "test", 77, BROKEN_STEPS, 2 };

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(f->directory, sizeof(f->directory),
		"/tmp/mh-schema-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(f->path, sizeof(f->path), "%s/t.db", f->directory);
	assert_int_equal(db_open(f->path, DB_WRITE, DB_SYNC_NORMAL, 1000,
				 &f->db, &f->err),
		0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	db_close(&f->db);
	assert_int_equal(fs_remove_tree(f->directory, NULL), 0);
	x_free(&f);
	return 0;
}

static int
count_copies(const char *directory)
{
	DIR *d = opendir(directory);
	struct dirent *entry;
	int n = 0;

	while ((entry = readdir(d)) != NULL)
		n += strncmp(entry->d_name, "test-1-", 7) == 0;
	(void)closedir(d);
	return n;
}

static void
test_steps(void **state)
{
	struct fixture *f = *state;

	/* No tables: new only where the caller says that it may be. */
	assert_int_equal(schema_check_steps(f->db, &ONE, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_int_equal(
		schema_migrate_steps(f->db, &ONE, f->directory, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_non_null(strstr(f->err.remedy, "backup"));
	assert_int_equal(schema_migrate_steps(f->db, &ONE, NULL, &f->err), 0);
	assert_int_equal(count_copies(f->directory), 0);
	assert_int_equal(schema_check_steps(f->db, &ONE, &f->err), 0);
	assert_int_equal(schema_check_steps(f->db, &TWO, &f->err), -1);
	assert_int_equal(
		schema_migrate_steps(f->db, &TWO, f->directory, &f->err), 0);
	assert_int_equal(count_copies(f->directory), 1);
	assert_int_equal(schema_check_steps(f->db, &TWO, &f->err), 0);
	/* Nothing to do: no further copy. */
	assert_int_equal(
		schema_migrate_steps(f->db, &TWO, f->directory, &f->err), 0);
	assert_int_equal(count_copies(f->directory), 1);
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(schema_migrate_steps(f->db, &TWO, NULL, &f->err), 0);
	assert_int_equal(schema_check_steps(f->db, &ONE, &f->err), -1);
	assert_non_null(strstr(f->err.text, "version 2"));
	assert_non_null(strstr(f->err.remedy, "newer release"));
	assert_int_equal(schema_migrate_steps(f->db, &ONE, NULL, &f->err), -1);
	assert_int_equal(
		schema_migrate_steps(f->db, &FOREIGN, NULL, &f->err), -1);
}

static void
test_other_text(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(schema_migrate_steps(f->db, &OTHER, NULL, &f->err), 0);
	assert_int_equal(schema_check_steps(f->db, &ONE, &f->err), -1);
	assert_non_null(strstr(f->err.text, "another text"));
	assert_int_equal(schema_migrate_steps(f->db, &TWO, NULL, &f->err), -1);
}

/* A step that fails leaves the version before it, whole. */
static void
test_broken(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		schema_migrate_steps(f->db, &BROKEN, NULL, &f->err), -1);
	assert_non_null(strstr(f->err.text, "broken"));
	assert_int_equal(schema_check_steps(f->db, &ONE, &f->err), 0);
	assert_int_equal(db_script(f->db, "SELECT * FROM c", &f->err), -1);
}

static void
test_pruning(void **state)
{
	static const char *const NAMES[] = { "test-1-999.db", "test-1-998.db",
		"test-1-1000.db", "test-1-1001.db", "test-10-1.db",
		"other-1-1.db" };
	struct fixture *f = *state;
	char path[128];

	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		(void)snprintf(
			path, sizeof(path), "%s/%s", f->directory, NAMES[i]);
		assert_int_equal(fs_write_atomic(path, "", 0, 0600, (uid_t)-1,
					 (gid_t)-1, &f->err),
			0);
	}
	schema_prune_copies(f->directory, "test-1", "test-1-998.db");
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
		(void)snprintf(
			path, sizeof(path), "%s/%s", f->directory, NAMES[i]);
		assert_int_equal(fs_exists(path), i != 0);
	}
}

static void
test_read_version(void **state)
{
	struct fixture *f = *state;
	int version = -1;

	assert_int_equal(schema_read_version(f->db, &version, &f->err), 0);
	assert_int_equal(version, 0);
	assert_int_equal(schema_migrate_steps(f->db, &TWO, NULL, &f->err), 0);
	assert_int_equal(schema_read_version(f->db, &version, &f->err), 0);
	assert_int_equal(version, 2);
}

static void
test_ours(void **state)
{
	struct fixture *f = *state;
	struct db *usage;
	char path[128];

	assert_int_equal(schema_migrate(f->db, SCHEMA_CORE, NULL, &f->err), 0);
	assert_int_equal(schema_check(f->db, SCHEMA_CORE, &f->err), 0);
	assert_int_equal(schema_check(f->db, SCHEMA_USAGE, &f->err), -1);
	(void)snprintf(path, sizeof(path), "%s/usage.db", f->directory);
	assert_int_equal(
		db_open(path, DB_WRITE, DB_SYNC_NORMAL, 100, &usage, &f->err),
		0);
	assert_int_equal(schema_migrate(usage, SCHEMA_USAGE, NULL, &f->err), 0);
	assert_int_equal(schema_check(usage, SCHEMA_USAGE, &f->err), 0);
	db_close(&usage);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_steps),
		ROW(test_refused),
		ROW(test_other_text),
		ROW(test_broken),
		ROW(test_pruning),
		ROW(test_read_version),
		ROW(test_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
