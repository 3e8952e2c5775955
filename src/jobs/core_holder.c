/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two connections: the one that the program works with, which waits for
 * locks, and a probe, which does not. The probe takes the lock of writers
 * and gives it back: nothing is written. A lock that is held only now and
 * then is what writers do, so a fault counts when it was there at several
 * looks in a row.
 */
#include "jobs/core_holder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/health.h"
#include "store/schema.h"
#include "store/wal_guard.h"

#define LOOK_S 1
#define CHECK_LOOKS 2 /* all is well: the probe is asked each second look */
#define FAULTS_MIN 3 /* looks in a row */
#define OPEN_BUSY_MS 2000 /* a migration before us */
#define WORK_BUSY_MS 1000 /* the loop stands still meanwhile */
#define COPIES_MODE 0770

struct core_holder {
	struct core_holder_options options;
	struct event *timer;
	struct health *health;
	struct db *core; /* NULL: not held yet */
	struct db *probe; /* the same file; may be NULL for a while */
	struct wal_identity file;
	struct wal_identity index; /* -shm: what all connections share */
	char index_path[PATHS_MAX + 8];
	char log_path[PATHS_MAX + 8];
	int64_t log_size;
	int looks;
	int faults; /* in a row */
	bool bad;
	char said[HEALTH_TEXT_SIZE]; /* what is bad */
};

static void
tell_good(struct core_holder *holder)
{
	if (holder->bad)
		log_info("core.db is well again", LOG_END);
	holder->bad = false;
	holder->said[0] = '\0';
	health_set(holder->health, true, "core.db is there and writable");
}

static void
tell_bad(struct core_holder *holder, const struct err *err)
{
	char text[HEALTH_TEXT_SIZE];

	snprintf(text, sizeof(text), "%.120s; %.75s", err->text, err->remedy);
	if (strcmp(text, holder->said) != 0)
		log_error("core.db is not well", LOG_ERR(err),
			LOG_TEXT("remedy", err->remedy));
	holder->bad = true;
	snprintf(holder->said, sizeof(holder->said), "%s", text);
	health_set(holder->health, false, text);
}

static int
absent(const char *path, struct err *err)
{
	(void)err_set(err, ERR_NOT_FOUND, "there is no database %s", path);
	return err_remedy(
		err, "restore it, or run mailherd setup on a new machine");
}

/* Whether it could be held: not to be used any further. */
static int
try_file(const char *path, struct err *err)
{
	struct db *db;
	int version;
	int result;

	if (!fs_exists(path))
		return absent(path, err);
	if (db_open(path, DB_WRITE, DB_SYNC_FULL, 0, &db, err) < 0)
		return -1;
	result = schema_check_known(db, SCHEMA_CORE, &version, err);
	if (result == 0 && version == 0)
		result = err_set(err, ERR_CORRUPT,
			"%s is empty: its tables are lost", path);
	db_close(&db);
	return result;
}

static int
open_core(struct core_holder *holder, struct err *err)
{
	const struct paths *paths = holder->options.paths;
	char copies[PATHS_MAX + 64];
	struct db *core;

	if (!fs_exists(paths->core_db))
		return absent(paths->core_db, err);
	snprintf(copies, sizeof(copies), "%s/core/copies", paths->database);
	if (fs_make_directory(copies, COPIES_MODE, (uid_t)-1, (gid_t)-1, err) <
			0 ||
		db_open(paths->core_db, DB_WRITE, DB_SYNC_FULL, OPEN_BUSY_MS,
			&core, err) < 0)
		return -1;
	if (schema_migrate(core, SCHEMA_CORE, copies, err) < 0) {
		db_close(&core);
		return -1;
	}
	db_set_busy(core, WORK_BUSY_MS);
	holder->core = core;
	holder->file = wal_identity_of(paths->core_db);
	holder->index = wal_identity_of(holder->index_path);
	return 0;
}

static void
try_open(struct core_holder *holder)
{
	struct err err = { 0 };

	if (open_core(holder, &err) < 0) {
		tell_bad(holder, &err);
		return;
	}
	tell_good(holder);
	holder->options.opened(holder->core, holder->options.context);
}

/* Of the log: it never shrinks as long as somebody holds it. */
static int
check_log(struct core_holder *holder, struct err *err)
{
	struct stat status;
	int64_t before = holder->log_size;

	if (stat(holder->log_path, &status) != 0)
		return 0; /* the index will tell */
	if (status.st_size >= before) {
		holder->log_size = status.st_size;
		return 0;
	}
	(void)err_set(err, ERR_CORRUPT, "%s was cut from %lld to %lld bytes",
		holder->log_path, (long long)before, (long long)status.st_size);
	return err_remedy(err, "put a backup in the place of core.db");
}

static int
take_lock(struct db *probe, struct err *err)
{
	if (db_begin(probe, err) < 0)
		return -1;
	db_rollback(probe);
	return 0;
}

static int
check_file(struct core_holder *holder, struct err *err)
{
	const char *path = holder->options.paths->core_db;

	/* What is open stays open, but the next start would fail. */
	if (db_check_access(path, DB_WRITE, err) < 0 ||
		check_log(holder, err) < 0)
		return -1;
	if (holder->probe == NULL && db_open(path, DB_WRITE, DB_SYNC_NORMAL, 0,
					     &holder->probe, err) < 0)
		return -1;
	if (db_check_file(holder->probe, err) == 0 &&
		take_lock(holder->probe, err) == 0)
		return 0;
	db_close(&holder->probe);
	return -1;
}

static void
judge(struct core_holder *holder)
{
	struct err err = { 0 };

	if (check_file(holder, &err) == 0) {
		holder->faults = 0;
		if (holder->bad)
			tell_good(holder);
	} else if (++holder->faults >= FAULTS_MIN) {
		tell_bad(holder, &err);
	}
}

static void
look_at_other(struct core_holder *holder, bool is_there)
{
	const char *path = holder->options.paths->core_db;
	struct err err = { 0 };

	if (!is_there) {
		(void)err_set(&err, ERR_NOT_FOUND,
			"core.db is gone: %s, mail and logins wait", path);
		(void)err_remedy(&err, "put it back, or restore a backup");
		tell_bad(holder, &err);
	} else if (try_file(path, &err) < 0) {
		tell_bad(holder, &err);
	} else {
		log_warn("core.db was replaced, starting anew with it",
			LOG_TEXT("file", path));
		event_del(holder->timer);
		holder->options.replaced(holder->options.context);
	}
}

static void
look(struct core_holder *holder)
{
	struct wal_identity file =
		wal_identity_of(holder->options.paths->core_db);
	struct wal_identity index = wal_identity_of(holder->index_path);

	if (!wal_identity_equal(&file, &holder->file) ||
		!wal_identity_equal(&index, &holder->index))
		look_at_other(holder, file.inode != 0);
	else if (holder->faults > 0 || holder->bad ||
		 holder->looks++ % CHECK_LOOKS == 0)
		judge(holder);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct core_holder *holder = context;

	if (holder->core == NULL)
		try_open(holder);
	else
		look(holder);
}

struct core_holder *
core_holder_new(
	struct event_base *loop, const struct core_holder_options *options)
{
	const struct timeval interval = { .tv_sec = LOOK_S };
	struct core_holder *holder = xmalloc(sizeof(*holder));
	const char *path = options->paths->core_db;

	holder->options = *options;
	snprintf(
		holder->index_path, sizeof(holder->index_path), "%s-shm", path);
	snprintf(holder->log_path, sizeof(holder->log_path), "%s-wal", path);
	holder->health = health_new(loop, options->agent_socket, "database");
	holder->timer = event_new(loop, -1, EV_PERSIST, on_timer, holder);
	BUG_ON(!holder->timer);
	event_add(holder->timer, &interval);
	try_open(holder);
	return holder;
}

void
core_holder_free(struct core_holder **holder)
{
	if (!*holder)
		return;
	event_free((*holder)->timer);
	health_free(&(*holder)->health);
	db_close(&(*holder)->probe);
	db_close(&(*holder)->core);
	x_free(holder);
}
