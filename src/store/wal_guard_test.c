/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A backup in the place of a database whose log was left beside it. */
#include "store/wal_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "store/db.h"

#define ROWS 2000

static const struct db_statement SQL_COUNT = { "count",
	"SELECT count(*) FROM t WHERE name > ''", NULL };
static const struct db_statement SQL_FILL = { "fill",
	"INSERT INTO t (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
	" SELECT i + 1 FROM n WHERE i < ?1) SELECT hex(randomblob(40)) FROM n",
	NULL };

struct fixture {
	char directory[24];
	char path[64];
	char backup[64];
	struct db *holder; /* as mailherd-jobs: open all the time */
	struct err err;
};

static int
fill(struct db *db, int64_t rows)
{
	struct db_query q = db_query(db, &SQL_FILL);

	db_bind_number(&q, 1, rows);
	return db_run(&q, NULL);
}

static int64_t
count(struct db *db)
{
	struct db_query q = db_query(db, &SQL_COUNT);
	int64_t rows = db_step(&q, NULL) == 1 ? db_number(&q, 0) : -1;

	db_finish(&q);
	return rows;
}

static int
open_as(struct fixture *f, enum db_mode mode, struct db **db)
{
	return db_open(f->path, mode, DB_SYNC_NORMAL, 100, db, &f->err);
}

/* A backup with ROWS rows, then as many again in the log. */
static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;

	snprintf(f->directory, sizeof(f->directory), "/tmp/mh-guard-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%.23s/t.db", f->directory);
	snprintf(f->backup, sizeof(f->backup), "%.23s/backup", f->directory);
	assert_int_equal(open_as(f, DB_WRITE, &f->holder), 0);
	assert_int_equal(
		db_script(f->holder,
			"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);"
			"CREATE INDEX t_name ON t (name)",
			NULL),
		0);
	assert_int_equal(fill(f->holder, ROWS), 0);
	assert_int_equal(db_copy_to(f->holder, f->backup, &f->err), 0);
	assert_int_equal(fill(f->holder, ROWS), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	db_close(&f->holder);
	return fs_remove_tree(f->directory, NULL);
}

static bool
exists(const struct fixture *f, const char *suffix)
{
	char path[96];

	snprintf(path, sizeof(path), "%s%s", f->path, suffix);
	return access(path, F_OK) == 0;
}

static void
test_stale_log_is_moved_away(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;

	assert_false(wal_guard_is_stale(f->path));
	assert_int_equal(rename(f->backup, f->path), 0);
	assert_true(wal_guard_is_stale(f->path));
	/* A reader cannot mend it, and must not read a mixture. */
	assert_int_equal(open_as(f, DB_READ, &db), -1);
	assert_int_equal(f->err.code, ERR_BUSY);
	assert_int_equal(open_as(f, DB_WRITE, &db), 0);
	assert_int_equal(count(db), ROWS);
	assert_true(exists(f, "-wal.stale"));
	assert_false(wal_guard_is_stale(f->path));
	/* Who held the old one goes, and takes nothing of the new one along. */
	assert_int_equal(fill(db, 1), 0);
	db_close(&f->holder);
	assert_int_equal(count(db), ROWS + 1);
	assert_true(exists(f, "-wal"));
	db_close(&db);
	assert_int_equal(open_as(f, DB_WRITE, &db), 0);
	assert_int_equal(count(db), ROWS + 1);
	db_close(&db);
}

/* SQLite took the log of an empty file away, the index is still mapped. */
static void
test_index_without_log(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;
	char log[96];

	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(open_as(f, DB_WRITE, &db), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_true(exists(f, "-wal"));
	snprintf(log, sizeof(log), "%s-wal", f->path);
	assert_int_equal(unlink(log), 0);
	assert_int_equal(rename(f->backup, f->path), 0);
	assert_true(wal_guard_is_stale(f->path));
	assert_int_equal(open_as(f, DB_WRITE, &db), 0);
	assert_int_equal(count(db), ROWS);
	assert_int_equal(fill(db, 1), 0);
	db_close(&db);
}

static void
test_own_log_stays(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;

	/* As after kill -9 of the holder: the log is needed. */
	assert_int_equal(wal_guard_settle(f->path, &f->err), 0);
	assert_int_equal(open_as(f, DB_WRITE, &db), 0);
	assert_int_equal(count(db), 2 * ROWS);
	db_close(&db);
	assert_false(exists(f, "-wal.stale"));
}

static void
test_both_from_elsewhere_are_trusted(void **state)
{
	struct fixture *f = *state;
	char from[96], to[96];

	/* A directory that was restored as a whole: other files, all of it. */
	assert_int_equal(rename(f->backup, f->path), 0);
	snprintf(from, sizeof(from), "%s-wal", f->path);
	snprintf(to, sizeof(to), "%s-other", f->path);
	assert_int_equal(rename(from, to), 0);
	assert_int_equal(
		fs_write_atomic(from, "x", 1, 0644, (uid_t)-1, (gid_t)-1, NULL),
		0);
	assert_false(wal_guard_is_stale(f->path));
	assert_int_equal(wal_guard_settle(f->path, &f->err), 0);
	assert_true(exists(f, "-wal"));
}

static void
test_no_note_no_verdict(void **state)
{
	struct fixture *f = *state;
	char held[96];

	snprintf(held, sizeof(held), "%s-held", f->path);
	assert_int_equal(truncate(held, 5), 0);
	assert_int_equal(rename(f->backup, f->path), 0);
	assert_false(wal_guard_is_stale(f->path));
	assert_int_equal(unlink(held), 0);
	assert_int_equal(wal_guard_settle(f->path, &f->err), 0);
	assert_true(exists(f, "-wal"));
}

static void
test_damage_is_seen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_check_file(f->holder, &f->err), 0);
	db_close(&f->holder);
	assert_int_equal(open_as(f, DB_WRITE, &f->holder), 0);
	assert_int_equal(db_check_file(f->holder, &f->err), 0);
	assert_int_equal(truncate(f->path, 8192), 0);
	assert_int_equal(db_check_file(f->holder, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_non_null(strstr(f->err.text, "8192 bytes where"));
	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(db_check_file(f->holder, &f->err), -1);
	assert_non_null(strstr(f->err.text, "is empty"));
	assert_int_equal(truncate(f->path, 8192), 0);
	assert_int_equal(db_check_file(f->holder, &f->err), -1);
	assert_non_null(strstr(f->err.text, "not a database"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_stale_log_is_moved_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_index_without_log, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_own_log_stays, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_both_from_elsewhere_are_trusted, set_up,
			tear_down),
		cmocka_unit_test_setup_teardown(
			test_no_note_no_verdict, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_damage_is_seen, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
