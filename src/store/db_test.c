/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Database files: pragmas, modes of files, statements, transactions. */
#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"

struct fixture {
	char directory[64];
	char path[96];
	struct db *db;
	struct err err;
};

static const struct db_statement SQL_PUT = { "put",
	"INSERT INTO t (id, name) VALUES (?1, ?2)", NULL };
static const struct db_statement SQL_GET = { "get",
	"SELECT name, id AS number, data FROM t WHERE id = ?1", NULL };
static const struct db_statement SQL_SCAN = { "scan",
	"SELECT id FROM t WHERE name = ?1", NULL };
static const struct db_statement SQL_QUOTED = { "quoted", "SELECT \"nothing\"",
	NULL };
static const struct db_statement SQL_COUNT = { "count",
	"SELECT count(*) FROM t", NULL };

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));

	(void)snprintf(
		f->directory, sizeof(f->directory), "/tmp/mh-db-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(f->path, sizeof(f->path), "%s/t.db", f->directory);
	assert_int_equal(db_open(f->path, DB_WRITE, DB_SYNC_NORMAL, 1000,
				 &f->db, &f->err),
		0);
	assert_int_equal(
		db_script(f->db,
			"CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB) STRICT",
			&f->err),
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
put(struct fixture *f, int64_t id, const char *name)
{
	struct db_query q = db_query(f->db, &SQL_PUT);

	db_bind_number(&q, 1, id);
	db_bind_text(&q, 2, name);
	return db_run(&q, &f->err);
}

static int64_t
count(struct db *db)
{
	struct db_query q = db_query(db, &SQL_COUNT);
	int64_t number = -1;

	if (db_step(&q, NULL) == 1)
		number = db_number(&q, 0);
	db_finish(&q);
	return number;
}

static void
test_rows(void **state)
{
	struct fixture *f = *state;
	struct db_query q;
	size_t length;

	assert_int_equal(put(f, 7, "seven"), 0);
	assert_int_equal(db_last_id(f->db), 7);
	q = db_query(f->db, &SQL_GET);
	db_bind_number(&q, 1, 7);
	assert_int_equal(db_step(&q, &f->err), 1);
	assert_string_equal(db_text(&q, 0), "seven");
	assert_int_equal(db_number(&q, 1), 7);
	assert_true(db_is_null(&q, 2));
	assert_null(db_bytes(&q, 2, &length));
	assert_int_equal(length, 0);
	assert_string_equal(db_column_name(&q, 1), "number");
	assert_null(db_column_name(&q, 3));
	assert_int_equal(db_step(&q, &f->err), 0);
	db_finish(&q);
}

static void
test_errors(void **state)
{
	struct fixture *f = *state;
	struct db_query q;

	assert_int_equal(put(f, 1, "a"), 0);
	assert_int_equal(put(f, 2, "a"), -1);
	assert_int_equal(f->err.code, ERR_EXISTS);
	/* Double quotes are no texts here. */
	q = db_query(f->db, &SQL_QUOTED);
	assert_int_equal(db_step(&q, &f->err), -1);
	db_finish(&q);
	assert_int_equal(db_script(f->db, "nonsense", &f->err), -1);
}

static void
test_transactions(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_begin(f->db, &f->err), 0);
	assert_int_equal(put(f, 1, "a"), 0);
	db_rollback(f->db);
	assert_int_equal(count(f->db), 0);
	db_rollback(f->db);
	assert_int_equal(db_begin(f->db, &f->err), 0);
	assert_int_equal(put(f, 1, "a"), 0);
	assert_int_equal(db_commit(f->db, &f->err), 0);
	assert_int_equal(count(f->db), 1);
}

static void
test_two_connections(void **state)
{
	struct fixture *f = *state;
	struct db *reader;
	struct db *writer;
	int64_t version;

	assert_int_equal(db_open(f->path, DB_READ, DB_SYNC_NORMAL, 100, &reader,
				 &f->err),
		0);
	assert_int_equal(db_open(f->path, DB_WRITE, DB_SYNC_NORMAL, 10, &writer,
				 &f->err),
		0);
	version = db_data_version(reader);
	assert_int_equal(put(f, 1, "a"), 0);
	assert_int_equal(count(reader), 1);
	assert_int_not_equal(db_data_version(reader), version);
	assert_int_equal(db_script(reader, "DELETE FROM t", &f->err), -1);
	assert_int_equal(f->err.code, ERR_DENIED);
	/* A snapshot does not see later commits. */
	assert_int_equal(db_begin_read(reader, &f->err), 0);
	assert_int_equal(count(reader), 1);
	assert_int_equal(put(f, 2, "b"), 0);
	assert_int_equal(count(reader), 1);
	assert_int_equal(db_commit(reader, &f->err), 0);
	assert_int_equal(count(reader), 2);
	assert_int_equal(db_begin(f->db, &f->err), 0);
	assert_int_equal(db_begin(writer, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BUSY);
	db_rollback(f->db);
	db_close(&reader);
	db_close(&writer);
}

static void
test_explain(void **state)
{
	struct fixture *f = *state;
	char plan[256];
	static const struct db_statement scan = { "scan-all",
		"SELECT data FROM t", NULL };

	assert_int_equal(
		db_explain(f->db, &SQL_SCAN, plan, sizeof(plan), &f->err), 0);
	assert_string_equal(plan, "");
	assert_int_equal(
		db_explain(f->db, &scan, plan, sizeof(plan), &f->err), 0);
	assert_string_equal(plan, "SCAN t\n");
}

static void
test_copy(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct db *copy;

	assert_int_equal(put(f, 1, "a"), 0);
	(void)snprintf(path, sizeof(path), "%s/copy.db", f->directory);
	assert_int_equal(db_copy_to(f->db, path, &f->err), 0);
	assert_int_equal(
		db_open(path, DB_READ, DB_SYNC_NORMAL, 100, &copy, &f->err), 0);
	assert_int_equal(count(copy), 1);
	db_close(&copy);
}

/* Whoever has it open sees the old content, then the new, and can write. */
static void
test_restore(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct db *reader;

	assert_int_equal(put(f, 1, "a"), 0);
	(void)snprintf(path, sizeof(path), "%s/copy.db", f->directory);
	assert_int_equal(db_copy_to(f->db, path, &f->err), 0);
	assert_int_equal(put(f, 2, "b"), 0);
	assert_int_equal(db_open(f->path, DB_READ, DB_SYNC_NORMAL, 100, &reader,
				 &f->err),
		0);
	assert_int_equal(count(reader), 2);
	assert_int_equal(db_restore_from(f->db, path, 100, &f->err), 0);
	assert_int_equal(count(reader), 1);
	assert_int_equal(put(f, 3, "c"), 0);
	assert_int_equal(count(reader), 2);
	db_close(&reader);
	(void)snprintf(path, sizeof(path), "%s/none.db", f->directory);
	assert_int_equal(db_restore_from(f->db, path, 100, &f->err), -1);
}

static void
test_restore_waits_for_a_writer(void **state)
{
	struct fixture *f = *state;
	char path[128];
	struct db *writer;

	assert_int_equal(put(f, 1, "a"), 0);
	(void)snprintf(path, sizeof(path), "%s/copy.db", f->directory);
	assert_int_equal(db_copy_to(f->db, path, &f->err), 0);
	assert_int_equal(db_open(f->path, DB_WRITE, DB_SYNC_NORMAL, 10, &writer,
				 &f->err),
		0);
	assert_int_equal(db_begin(writer, &f->err), 0);
	assert_int_equal(db_restore_from(f->db, path, 60, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BUSY);
	db_close(&writer);
	assert_int_equal(db_restore_from(f->db, path, 60, &f->err), 0);
}

/* A file takes after its directory, so that readers and writers differ. */
static void
test_modes(void **state)
{
	static const struct {
		mode_t directory;
		mode_t file;
	} rows[] = { { 0755, 0644 }, { 0775, 0664 } };
	struct fixture *f = *state;
	mode_t umask_before = umask(0077);

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char directory[128];
		char path[192];
		struct stat st;
		struct db *db;

		(void)snprintf(directory, sizeof(directory), "%s/%zu",
			f->directory, i);
		assert_int_equal(mkdir(directory, 0700), 0);
		assert_int_equal(chmod(directory, rows[i].directory), 0);
		(void)snprintf(path, sizeof(path), "%s/x.db", directory);
		assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_FULL, 100, &db,
					 &f->err),
			0);
		assert_int_equal(
			db_script(db, "CREATE TABLE t (id INTEGER)", &f->err),
			0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].file);
		(void)snprintf(path, sizeof(path), "%s/x.db-wal", directory);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, rows[i].file);
		db_close(&db);
	}
	(void)umask(umask_before);
}

static void
test_missing(void **state)
{
	struct fixture *f = *state;
	struct db *db = NULL;

	assert_int_equal(db_open("/nonexistent/x.db", DB_READ, DB_SYNC_NORMAL,
				 1, &db, &f->err),
		-1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	assert_int_equal(db_open("/nonexistent/x.db", DB_WRITE, DB_SYNC_NORMAL,
				 1, &db, &f->err),
		-1);
	assert_null(db);
	db_close(&db);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_rows),
		ROW(test_errors),
		ROW(test_transactions),
		ROW(test_two_connections),
		ROW(test_explain),
		ROW(test_copy),
		ROW(test_restore),
		ROW(test_restore_waits_for_a_writer),
		ROW(test_modes),
		ROW(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
