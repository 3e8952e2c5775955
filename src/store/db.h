/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A database file: opening with our pragmas, named statements prepared
 * once, typed bind and fetch, transactions. Every SQL text stands in a
 * table of struct db_statement (one *_sql.c per subject) that a test
 * explains: none may scan a table that grows unless it says why.
 *
 *	struct db_query q = db_query(db, &SQL_MAILBOX_BY_ADDRESS);
 *	db_bind_text(&q, 1, address);
 *	while ((got = db_step(&q, err)) == 1)
 *		... db_text(&q, 0) ...
 *	db_finish(&q);
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct db;

enum db_mode {
	DB_READ,
	DB_WRITE
};

enum db_sync {
	DB_SYNC_NORMAL,
	DB_SYNC_FULL
};

struct db_statement {
	const char *name;
	const char *sql;
	/* Why a full scan is right here, or NULL: a scan fails the test. */
	const char *scan_reason;
};

/* What was about the file itself, not about a statement. */
struct db_failures {
	uint64_t count; /* since it was opened */
	char text[160]; /* of the last one */
};

struct db_query {
	struct db *db;
	const char *name; /* of the statement, for errors */
	void *handle; /* sqlite3_stmt */
	int failed; /* first bind error; db_step reports it */
};

/*
 * Waits busy_ms for locks before ERR_BUSY. DB_WRITE creates the file.
 * Sets WAL, foreign_keys, trusted_schema off, defensive mode. A write-ahead
 * log that another file of this name left behind is moved away by DB_WRITE
 * and is ERR_BUSY for DB_READ (wal_guard.h).
 */
MUST_CHECK int db_open(const char *path, enum db_mode mode, enum db_sync sync,
	int busy_ms, struct db **db_out, struct err *err);
/* Whether db_open() may: ERR_NOT_FOUND (DB_READ only), ERR_DENIED. */
MUST_CHECK int db_check_access(
	const char *path, enum db_mode mode, struct err *err);
void db_close(struct db **db);
void db_set_busy(struct db *db, int busy_ms);
const struct db_failures *db_failures(const struct db *db);
/*
 * Whether the file still looks like a database of its length, though what
 * is cached would hide that. ERR_CORRUPT; may be wrong once during a
 * checkpoint of another connection.
 */
MUST_CHECK int db_check_file(struct db *db, struct err *err);

/* Prepared on first use and kept; one open query per statement at a time. */
struct db_query db_query(struct db *db, const struct db_statement *statement);
void db_bind_text(struct db_query *q, int index,
	const char *text); /* NULL: NULL; copied */
void db_bind_bytes(
	struct db_query *q, int index, const void *data, size_t length);
void db_bind_number(struct db_query *q, int index, int64_t number);
void db_bind_null(struct db_query *q, int index);
/* 1 row, 0 end, -1 error. */
MUST_CHECK int db_step(struct db_query *q, struct err *err);
/* Valid until the next step or finish. NULL columns: NULL, 0. */
const char *db_text(struct db_query *q, int column);
const void *db_bytes(struct db_query *q, int column, size_t *length_out);
int64_t db_number(struct db_query *q, int column);
bool db_is_null(struct db_query *q, int column);
/* Name of a result column, NULL beyond the last one. */
const char *db_column_name(struct db_query *q, int column);
void db_finish(struct db_query *q); /* resets; the statement stays prepared */
/* Step once, expecting no row; finishes. */
MUST_CHECK int db_run(struct db_query *q, struct err *err);

/* BEGIN IMMEDIATE / COMMIT / ROLLBACK. db_rollback is fine when none is open. */
MUST_CHECK int db_begin(struct db *db, struct err *err);
MUST_CHECK int db_commit(struct db *db, struct err *err);
void db_rollback(struct db *db);
/* BEGIN (deferred): several reads of one snapshot. End with db_commit. */
MUST_CHECK int db_begin_read(struct db *db, struct err *err);
int64_t db_last_id(struct db *db);
int64_t db_changes(struct db *db);
/* Changes with each commit of another connection. */
int64_t db_data_version(struct db *db);
/* Several statements of ours, for migrations only. */
MUST_CHECK int db_script(struct db *db, const char *sql, struct err *err);
/* "SCAN mailbox" lines of EXPLAIN QUERY PLAN, for the test. */
MUST_CHECK int db_explain(struct db *db, const struct db_statement *statement,
	char *plan_out, size_t plan_size, struct err *err);
/* VACUUM INTO, synced; path is a whole copy or is not there. */
MUST_CHECK int db_copy_to(struct db *db, const char *path, struct err *err);
/*
 * Makes the content that of the copy, in one transaction: other programs
 * that have the file open see the one or the other, also after a power
 * loss. Waits up to busy_ms for writers.
 */
MUST_CHECK int db_restore_from(
	struct db *db, const char *path, int busy_ms, struct err *err);

#endif
