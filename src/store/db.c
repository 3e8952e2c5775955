/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SQLite behind db.h. Prepared statements are kept in a small table keyed
 * by the address of their struct db_statement; sqlite3_reset() after use
 * ends the read snapshot that an open statement would pin.
 */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "store/wal_guard.h"

#define STATEMENTS_MAX 512 /* slots; a power of two */
#define CACHE_KIB_READ 2048
#define CACHE_KIB_WRITE 4096
#define HEADER_SIZE 100
/* The second one makes the log, also of a new file: wal_guard notes it. */
#define WRITER_PRAGMAS "PRAGMA journal_mode=WAL; PRAGMA user_version;"
#define RESTORE_PAUSE_MS 20

static const char HEADER_MAGIC[16] = "SQLite format 3";

struct slot {
	const struct db_statement *statement;
	sqlite3_stmt *handle;
};

struct db {
	sqlite3 *handle;
	char *path;
	struct db_failures failures;
	size_t slot_count;
	struct slot slots[STATEMENTS_MAX];
};

static const struct db_statement SQL_BEGIN = { "begin", "BEGIN IMMEDIATE",
	NULL };
static const struct db_statement SQL_BEGIN_READ = { "begin-read", "BEGIN",
	NULL };
static const struct db_statement SQL_COMMIT = { "commit", "COMMIT", NULL };
static const struct db_statement SQL_ROLLBACK = { "rollback", "ROLLBACK",
	NULL };
static const struct db_statement SQL_DATA_VERSION = { "data-version",
	"PRAGMA data_version", NULL };

struct code_row {
	int result; /* of SQLite: extended, or primary where no extended fits */
	enum err_code code;
};

static const struct code_row CODES[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, ERR_EXISTS },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS },
	{ SQLITE_CONSTRAINT, ERR_INVALID },
	{ SQLITE_BUSY, ERR_BUSY },
	{ SQLITE_LOCKED, ERR_BUSY },
	{ SQLITE_PROTOCOL, ERR_BUSY },
	{ SQLITE_READONLY_DBMOVED, ERR_BUSY },
	{ SQLITE_CORRUPT, ERR_CORRUPT },
	{ SQLITE_NOTADB, ERR_CORRUPT },
	{ SQLITE_PERM, ERR_DENIED },
	{ SQLITE_AUTH, ERR_DENIED },
	{ SQLITE_READONLY, ERR_DENIED },
	{ SQLITE_CANTOPEN, ERR_UNAVAILABLE },
	{ SQLITE_TOOBIG, ERR_TOO_BIG },
};

static enum err_code
result_code(int result)
{
	for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
		if (CODES[i].result == result)
			return CODES[i].code;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(CODES); i++) {
		if (CODES[i].result == (result & 0xff))
			return CODES[i].code;
	}
	return ERR_SYSTEM;
}

/* What a person can do about it, by primary result. */
static const struct {
	int result;
	const char *remedy;
} REMEDIES[] = {
	{ SQLITE_BUSY, "another program is writing to it: try again" },
	{ SQLITE_LOCKED, "another program is writing to it: try again" },
	{ SQLITE_PROTOCOL,
		"a foreign program locks its readers out: end that (fuser FILE-shm)" },
	{ SQLITE_FULL,
		"nothing was changed: free space on its file system and try again" },
	{ SQLITE_IOERR,
		"nothing was changed: see whether its disk is full (df) or broken (dmesg)" },
	{ SQLITE_CORRUPT,
		"stop with mailherd down, keep the broken file and restore it from a backup" },
	{ SQLITE_NOTADB,
		"stop with mailherd down, keep the broken file and restore it from a backup" },
	{ SQLITE_CANTOPEN,
		"see whether its directory is there and its disk is full (df)" },
	{ SQLITE_READONLY,
		"see who owns the file and its directory: mailherd setup sets that right" },
	{ SQLITE_PERM,
		"see who owns the file and its directory: mailherd setup sets that right" },
};

/* Of a statement that works; all else is about the file. */
static bool
is_answer(enum err_code code)
{
	return code == ERR_EXISTS || code == ERR_INVALID || code == ERR_TOO_BIG;
}

static int
fail(struct db *db, int result, const char *what, struct err *err)
{
	const char *text = db->handle == NULL ? sqlite3_errstr(result)
					      : sqlite3_errmsg(db->handle);
	enum err_code code = result_code(result);

	if (!is_answer(code)) {
		db->failures.count++;
		(void)snprintf(db->failures.text, sizeof(db->failures.text),
			"%s: %s", what, text);
	}
	(void)err_set(err, code, "database %s: %s: %s", db->path, what, text);
	for (size_t i = 0; i < ARRAY_LENGTH(REMEDIES); i++) {
		if (REMEDIES[i].result == (result & 0xff))
			(void)err_remedy(err, "%s", REMEDIES[i].remedy);
	}
	return -1;
}

/*
 * SQLite makes -wal and -shm with the mode of the file, so the mode of the
 * file decides who may read and write. It takes after its directory: a
 * directory that the group writes has files that the group writes.
 */
static int
create_file(const char *path, struct err *err)
{
	char directory[4096];
	const char *slash = strrchr(path, '/');
	struct stat st;
	mode_t mode = 0644;
	int fd;

	(void)snprintf(directory, sizeof(directory), "%.*s",
		slash == NULL ? 1 : (int)(slash - path),
		slash == NULL ? "." : path);
	if (stat(directory, &st) != 0)
		return err_errno(err, errno, "database: %s", directory);
	if ((st.st_mode & S_IWGRP) != 0)
		mode |= S_IWGRP;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return errno == EEXIST
			       ? 0
			       : err_errno(err, errno, "database: %s", path);
	if (fchmod(fd, mode) != 0) {
		int saved = errno;

		(void)close(fd);
		return err_errno(err, saved, "database: %s", path);
	}
	(void)close(fd);
	return 0;
}

static int
run_script(struct db *db, const char *sql, const char *what, struct err *err)
{
	int result = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

	return result == SQLITE_OK ? 0 : fail(db, result, what, err);
}

static int
configure(struct db *db, enum db_mode mode, enum db_sync sync, struct err *err)
{
	static const int switches[][2] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
		{ SQLITE_DBCONFIG_ENABLE_FKEY, 1 },
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
	};
	char pragmas[256];

	for (size_t i = 0; i < ARRAY_LENGTH(switches); i++) {
		int result = sqlite3_db_config(
			db->handle, switches[i][0], switches[i][1], NULL);

		if (result != SQLITE_OK)
			return fail(db, result, "configuration", err);
	}
	(void)snprintf(pragmas, sizeof(pragmas),
		"%s PRAGMA synchronous=%s; PRAGMA cell_size_check=ON; PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY;",
		mode == DB_WRITE ? WRITER_PRAGMAS : "",
		sync == DB_SYNC_FULL ? "FULL" : "NORMAL",
		mode == DB_WRITE ? CACHE_KIB_WRITE : CACHE_KIB_READ);
	return run_script(db, pragmas, "opening", err);
}

/* SQLite says "unable to open" for each of its reasons. */
int
db_check_access(const char *path, enum db_mode mode, struct err *err)
{
	int wanted = mode == DB_WRITE ? R_OK | W_OK : R_OK;

	if (mode == DB_READ && access(path, F_OK) != 0)
		return err_set(
			err, ERR_NOT_FOUND, "there is no database %s", path);
	if (faccessat(AT_FDCWD, path, wanted, AT_EACCESS) == 0 ||
		errno != EACCES)
		return 0;
	(void)err_set(err, ERR_DENIED,
		"database %s: this program's user may not %s it", path,
		mode == DB_WRITE ? "write" : "read");
	return err_remedy(err,
		"see who owns the file and its mode: mailherd setup sets that right");
}

/* SQLite would take it for a new one, and remove the log beside it. */
static int
check_content(const char *path, struct err *err)
{
	struct stat status;

	if (!wal_guard_is_known(path) || stat(path, &status) != 0 ||
		status.st_size > 0)
		return 0;
	(void)err_set(err, ERR_CORRUPT,
		"database %s is empty: its tables are lost", path);
	return err_remedy(
		err, "stop with mailherd down and restore it from a backup");
}

/* A log of another file is a writer's to move away. */
static int
check_log(const char *path, enum db_mode mode, struct err *err)
{
	if (mode == DB_WRITE)
		return wal_guard_settle(path, err) < 0 ? -1 : 0;
	if (!wal_guard_is_stale(path))
		return 0;
	return err_set(err, ERR_BUSY,
		"database %s was replaced, its holder has not taken it over yet",
		path);
}

static bool
is_same_file(const char *path, const struct wal_identity *before)
{
	struct wal_identity now = wal_identity_of(path);

	return wal_identity_equal(&now, before);
}

int
db_open(const char *path, enum db_mode mode, enum db_sync sync, int busy_ms,
	struct db **db_out, struct err *err)
{
	struct wal_identity identity;
	struct db *db;
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
		    SQLITE_OPEN_EXRESCODE;
	int result;

	if (mode == DB_WRITE && create_file(path, err) != 0)
		return -1;
	if (db_check_access(path, mode, err) != 0 ||
		check_content(path, err) != 0 ||
		check_log(path, mode, err) != 0)
		return -1;
	identity = wal_identity_of(path);
	flags |=
		mode == DB_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
	db = xcalloc(1, sizeof(*db));
	db->path = xstrdup(path);
	result = sqlite3_open_v2(path, &db->handle, flags, NULL);
	if (result != SQLITE_OK) {
		(void)fail(db, result, "opening", err);
		db_close(&db);
		return -1;
	}
	/* First of all: two programs that open at once wait, not fail. */
	(void)sqlite3_busy_timeout(db->handle, busy_ms);
	if (configure(db, mode, sync, err) != 0) {
		db_close(&db);
		return -1;
	}
	if (!is_same_file(path, &identity)) {
		db_close(&db);
		return err_set(err, ERR_BUSY,
			"database %s was replaced just now: try again", path);
	}
	if (mode == DB_WRITE)
		wal_guard_note(path);
	*db_out = db;
	return 0;
}

void
db_close(struct db **db)
{
	if (*db == NULL)
		return;
	for (size_t i = 0; i < STATEMENTS_MAX; i++)
		(void)sqlite3_finalize((*db)->slots[i].handle);
	(void)sqlite3_close((*db)->handle);
	x_free(&(*db)->path);
	x_free(db);
}

static size_t
slot_start(const struct db_statement *statement)
{
	return ((uintptr_t)statement >> 4) * 2654435761u % STATEMENTS_MAX;
}

/* The statement's slot, empty when it is not prepared yet. */
static struct slot *
slot_find(struct db *db, const struct db_statement *statement)
{
	size_t i = slot_start(statement);

	while (db->slots[i].statement != NULL &&
		db->slots[i].statement != statement)
		i = (i + 1) % STATEMENTS_MAX;
	return &db->slots[i];
}

struct db_query
db_query(struct db *db, const struct db_statement *statement)
{
	struct db_query q = { .db = db, .name = statement->name };
	struct slot *slot = slot_find(db, statement);

	if (slot->statement == NULL) {
		BUG_ON(db->slot_count + 1 >= STATEMENTS_MAX);
		q.failed = sqlite3_prepare_v3(db->handle, statement->sql, -1,
			SQLITE_PREPARE_PERSISTENT, &slot->handle, NULL);
		if (q.failed != SQLITE_OK)
			return q;
		slot->statement = statement;
		db->slot_count++;
	}
	/* One open query per statement: the other would lose its place. */
	BUG_ON(sqlite3_stmt_busy(slot->handle));
	q.handle = slot->handle;
	return q;
}

static void
note(struct db_query *q, int result)
{
	if (result != SQLITE_OK && q->failed == SQLITE_OK)
		q->failed = result;
}

void
db_bind_text(struct db_query *q, int index, const char *text)
{
	if (q->handle != NULL)
		note(q, sqlite3_bind_text(
				q->handle, index, text, -1, SQLITE_TRANSIENT));
}

void
db_bind_bytes(struct db_query *q, int index, const void *data, size_t length)
{
	if (q->handle != NULL)
		note(q, sqlite3_bind_blob64(q->handle, index, data, length,
				SQLITE_TRANSIENT));
}

void
db_bind_number(struct db_query *q, int index, int64_t number)
{
	if (q->handle != NULL)
		note(q, sqlite3_bind_int64(q->handle, index, number));
}

void
db_bind_null(struct db_query *q, int index)
{
	if (q->handle != NULL)
		note(q, sqlite3_bind_null(q->handle, index));
}

int
db_step(struct db_query *q, struct err *err)
{
	int result = q->failed;

	if (result == SQLITE_OK && q->handle != NULL)
		result = sqlite3_step(q->handle);
	if (result == SQLITE_ROW)
		return 1;
	if (result == SQLITE_DONE)
		return 0;
	(void)fail(q->db, result, q->name, err);
	return -1;
}

const char *
db_text(struct db_query *q, int column)
{
	return (const char *)sqlite3_column_text(q->handle, column);
}

const void *
db_bytes(struct db_query *q, int column, size_t *length_out)
{
	const void *data = sqlite3_column_blob(q->handle, column);

	*length_out = (size_t)sqlite3_column_bytes(q->handle, column);
	return data;
}

int64_t
db_number(struct db_query *q, int column)
{
	return sqlite3_column_int64(q->handle, column);
}

bool
db_is_null(struct db_query *q, int column)
{
	return sqlite3_column_type(q->handle, column) == SQLITE_NULL;
}

const char *
db_column_name(struct db_query *q, int column)
{
	if (q->handle == NULL || column >= sqlite3_column_count(q->handle))
		return NULL;
	return sqlite3_column_name(q->handle, column);
}

void
db_finish(struct db_query *q)
{
	if (q->handle == NULL)
		return;
	(void)sqlite3_reset(q->handle);
	(void)sqlite3_clear_bindings(q->handle);
	q->handle = NULL;
}

int
db_run(struct db_query *q, struct err *err)
{
	int got = db_step(q, err);

	BUG_ON(got == 1);
	db_finish(q);
	return got;
}

static int
run_plain(struct db *db, const struct db_statement *statement, struct err *err)
{
	struct db_query q = db_query(db, statement);

	return db_run(&q, err);
}

int
db_begin(struct db *db, struct err *err)
{
	return run_plain(db, &SQL_BEGIN, err);
}

int
db_begin_read(struct db *db, struct err *err)
{
	return run_plain(db, &SQL_BEGIN_READ, err);
}

int
db_commit(struct db *db, struct err *err)
{
	return run_plain(db, &SQL_COMMIT, err);
}

void
db_rollback(struct db *db)
{
	if (db != NULL && sqlite3_get_autocommit(db->handle) == 0)
		(void)run_plain(db, &SQL_ROLLBACK, NULL);
}

int64_t
db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

int64_t
db_changes(struct db *db)
{
	return sqlite3_changes64(db->handle);
}

int64_t
db_data_version(struct db *db)
{
	struct db_query q = db_query(db, &SQL_DATA_VERSION);
	int64_t version = -1;

	if (db_step(&q, NULL) == 1)
		version = db_number(&q, 0);
	db_finish(&q);
	return version;
}

const struct db_failures *
db_failures(const struct db *db)
{
	return &db->failures;
}

void
db_set_busy(struct db *db, int busy_ms)
{
	(void)sqlite3_busy_timeout(db->handle, busy_ms);
}

static uint32_t
big_endian(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

/* https://www.sqlite.org/fileformat.html 1.3, the database header. */
static int
check_header(const unsigned char header[HEADER_SIZE], sqlite3_int64 size,
	const char *path, struct err *err)
{
	sqlite3_int64 page = header[16] << 8 | header[17];
	sqlite3_int64 pages = big_endian(header + 28);
	bool counted = big_endian(header + 24) == big_endian(header + 92);

	if (memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0)
		return err_set(err, ERR_CORRUPT,
			"%s is not a database any more", path);
	if (page == 1)
		page = 65536;
	if (counted && size < page * pages)
		return err_set(err, ERR_CORRUPT,
			"%s has %lld bytes where %lld belong", path,
			(long long)size, (long long)(page * pages));
	return 0;
}

int
db_check_file(struct db *db, struct err *err)
{
	unsigned char header[HEADER_SIZE] = { 0 };
	sqlite3_int64 size = 0;
	sqlite3_file *file = NULL;

	/* Another descriptor of ours would lose SQLite's locks at its close. */
	if (sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER,
		    &file) != SQLITE_OK ||
		file == NULL || file->pMethods == NULL)
		return err_set(err, ERR_SYSTEM, "%s is not open", db->path);
	if (file->pMethods->xFileSize(file, &size) != SQLITE_OK || size == 0)
		(void)err_set(err, ERR_CORRUPT, "%s is empty", db->path);
	else if (file->pMethods->xRead(file, header, sizeof(header), 0) !=
		 SQLITE_OK)
		(void)err_set(err, ERR_CORRUPT, "%s cannot be read", db->path);
	else if (check_header(header, size, db->path, err) == 0)
		return 0;
	return err_remedy(err, "keep it aside and put a backup in its place");
}

int
db_script(struct db *db, const char *sql, struct err *err)
{
	return run_script(db, sql, "script", err);
}

int
db_explain(struct db *db, const struct db_statement *statement, char *plan_out,
	size_t plan_size, struct err *err)
{
	sqlite3_stmt *explain = NULL;
	char *sql = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", statement->sql);
	int result = sqlite3_prepare_v2(db->handle, sql, -1, &explain, NULL);
	size_t length = 0;

	sqlite3_free(sql);
	if (result != SQLITE_OK)
		return fail(db, result, statement->name, err);
	plan_out[0] = '\0';
	while (sqlite3_step(explain) == SQLITE_ROW && length < plan_size) {
		const char *line =
			(const char *)sqlite3_column_text(explain, 3);

		if (strncmp(line, "SCAN", 4) == 0 &&
			strcmp(line, "SCAN CONSTANT ROW") != 0)
			length += (size_t)snprintf(plan_out + length,
				plan_size - length, "%s\n", line);
	}
	(void)sqlite3_finalize(explain);
	return 0;
}

/* SQLite does not sync what VACUUM INTO wrote. */
static int
sync_path(const char *path, int flags, struct err *err)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	int result = 0;

	if (fd < 0)
		return err_errno(err, errno, "database: %s", path);
	if (fsync(fd) != 0)
		result = err_errno(err, errno, "database: syncing %s", path);
	(void)close(fd);
	return result;
}

static int
vacuum_into(struct db *db, const char *path, struct err *err)
{
	sqlite3_stmt *copy = NULL;
	int result = sqlite3_prepare_v2(
		db->handle, "VACUUM INTO ?1", -1, &copy, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_bind_text(copy, 1, path, -1, SQLITE_TRANSIENT);
	if (result == SQLITE_OK)
		result = sqlite3_step(copy);
	if (result != SQLITE_DONE)
		(void)fail(db, result, path, err);
	(void)sqlite3_finalize(copy);
	return result == SQLITE_DONE ? 0 : -1;
}

int
db_copy_to(struct db *db, const char *path, struct err *err)
{
	char fresh[4096], directory[4096];
	const char *slash = strrchr(path, '/');

	(void)snprintf(fresh, sizeof(fresh), "%s.part", path);
	(void)snprintf(directory, sizeof(directory), "%.*s",
		slash == NULL ? 1 : (int)(slash - path + 1),
		slash == NULL ? "." : path);
	(void)unlink(fresh); /* VACUUM INTO wants none, or an empty one */
	if (vacuum_into(db, fresh, err) != 0 ||
		sync_path(fresh, O_RDONLY, err) != 0) {
		(void)unlink(fresh);
		return -1;
	}
	if (rename(fresh, path) != 0)
		return err_errno(err, errno, "database: naming %s", path);
	return sync_path(directory, O_RDONLY | O_DIRECTORY, err);
}

/* All pages in one step: nobody sees a mixture. */
static int
copy_pages(struct db *db, sqlite3 *source, int busy_ms, struct err *err)
{
	sqlite3_backup *backup =
		sqlite3_backup_init(db->handle, "main", source, "main");
	int result, waited_ms = 0;

	if (backup == NULL)
		return fail(db, sqlite3_errcode(db->handle), "restoring", err);
	do {
		result = sqlite3_backup_step(backup, /* all pages */ -1);
		if (result == SQLITE_BUSY || result == SQLITE_LOCKED)
			waited_ms += sqlite3_sleep(RESTORE_PAUSE_MS);
	} while ((result == SQLITE_BUSY || result == SQLITE_LOCKED) &&
		 waited_ms < busy_ms);
	(void)sqlite3_backup_finish(backup);
	return result == SQLITE_DONE ? 0 : fail(db, result, "restoring", err);
}

int
db_restore_from(struct db *db, const char *path, int busy_ms, struct err *err)
{
	sqlite3 *source = NULL;
	int result = sqlite3_open_v2(path, &source,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW |
			SQLITE_OPEN_NOMUTEX,
		NULL);

	if (result == SQLITE_OK)
		result = copy_pages(db, source, busy_ms, err);
	else
		result = err_set(err, result_code(result), "database: %s: %s",
			path, sqlite3_errstr(result));
	(void)sqlite3_close(source);
	return result;
}
