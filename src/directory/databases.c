/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file away is said once when it goes and once when it comes back, not
 * per request. busy_ms is short because the loop waits with it.
 *
 * A file is another when its inode is, or that of the index (-shm) that all
 * connections share: then somebody removed the log, and ours is nobody's.
 * One that fails is closed and opened anew when it has had time to be
 * mended, because what is cached may be from the time of the damage.
 */
#include "directory/databases.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/usage_mark.h"
#include "io/health.h"
#include "store/schema.h"
#include "store/wal_guard.h"

#define CHECK_MS 250
#define BUSY_MS 100
#define MENDING_MS 3000 /* after the last failure */
/* Pages of the covering indexes that a look-up walks, and little more. */
#define CORE_PRAGMAS "PRAGMA cache_size=-4096"

struct file {
	const char *path;
	struct db **db;
	int (*open)(const char *path, struct db **db_out, struct err *err);
	struct wal_identity file;
	struct wal_identity index;
	bool was_open; /* once */
	bool said_away;
	uint64_t failures; /* of the connection, seen by now */
	int64_t mending_until_ms; /* 0: it does not fail */
	struct health *health;
};

struct databases {
	struct directory *directory;
	struct event *timer;
	struct file core;
	struct file usage;
	struct wal_identity marked_file; /* the usage.db that is */
	struct wal_identity marked_index;
	bool was_marked; /* once: another one is in doubt */
	bool said_unmarked;
};

static int
open_core(const char *path, struct db **db_out, struct err *err)
{
	struct db *db = NULL;

	if (db_open(path, DB_READ, DB_SYNC_NORMAL, BUSY_MS, &db, err) == -1)
		return -1;
	if (schema_check(db, SCHEMA_CORE, err) == -1 ||
		db_script(db, CORE_PRAGMAS, err) == -1) {
		db_close(&db);
		return -1;
	}
	*db_out = db;
	return 0;
}

static int
open_usage(const char *path, struct db **db_out, struct err *err)
{
	struct db *db = NULL;

	if (db_open(path, DB_WRITE, DB_SYNC_NORMAL, BUSY_MS, &db, err) == -1)
		return -1;
	if (schema_migrate(db, SCHEMA_USAGE, NULL, err) == -1) {
		db_close(&db);
		return -1;
	}
	*db_out = db;
	return 0;
}

static struct wal_identity
index_identity(const struct file *file)
{
	char path[PATHS_MAX + 8];

	(void)snprintf(path, sizeof(path), "%s-shm", file->path);
	return wal_identity_of(path);
}

static void
note_away(struct file *file, const struct err *err)
{
	char text[HEALTH_TEXT_SIZE];

	if (!file->said_away)
		log_warn(
			"database not available, answers are temporary failures until it is",
			LOG_TEXT("file", file->path), LOG_ERR(err));
	file->said_away = true;
	(void)snprintf(
		text, sizeof(text), "%.120s; %.75s", err->text, err->remedy);
	health_set(file->health, false, text);
}

static void
note_open(struct databases *databases, struct file *file)
{
	if (file->was_open)
		directory_count(databases->directory, DIRECTORY_REOPENED);
	if (file->was_open || file->said_away)
		log_info("database open", LOG_TEXT("file", file->path));
	file->was_open = true;
	file->said_away = false;
	file->failures = 0;
	file->mending_until_ms = 0;
	health_set(file->health, true, "it is read without failures");
}

static void
file_open(struct databases *databases, struct file *file)
{
	struct err err = { 0 };

	if (file->open(file->path, file->db, &err) == -1) {
		note_away(file, &err);
		return;
	}
	/* db_open() made sure that it is the one that it opened. */
	file->file = wal_identity_of(file->path);
	file->index = index_identity(file);
	note_open(databases, file);
}

static bool
file_replaced(const struct file *file)
{
	struct wal_identity now = wal_identity_of(file->path);
	struct wal_identity index = index_identity(file);

	return !wal_identity_equal(&now, &file->file) ||
	       !wal_identity_equal(&index, &file->index);
}

/* True when its time of failures is over and it is to be opened anew. */
static bool
file_failed(struct file *file)
{
	const struct db_failures *failures = db_failures(*file->db);
	int64_t now_ms = clock_monotonic_ms();
	char text[HEALTH_TEXT_SIZE];

	if (failures->count == file->failures)
		return file->mending_until_ms > 0 &&
		       now_ms >= file->mending_until_ms;
	file->failures = failures->count;
	file->mending_until_ms = now_ms + MENDING_MS;
	(void)snprintf(text, sizeof(text), "%.80s: %.110s", file->path,
		failures->text);
	health_set(file->health, false, text);
	return false;
}

static void
file_check(struct databases *databases, struct file *file)
{
	if (*file->db != NULL && !file_replaced(file) && !file_failed(file))
		return;
	if (file == &databases->core)
		lookup_set_database(databases->directory->lookup, NULL);
	db_close(file->db);
	file_open(databases, file);
	if (file == &databases->core)
		lookup_set_database(databases->directory->lookup, *file->db);
}

static bool
is_marked(const struct databases *databases)
{
	return databases->was_marked &&
	       wal_identity_equal(
		       &databases->marked_file, &databases->usage.file) &&
	       wal_identity_equal(
		       &databases->marked_index, &databases->usage.index);
}

/* Until it can be written, what is in it is answered all the same. */
static void
mark_usage(struct databases *databases)
{
	struct db *usage = *databases->usage.db;
	struct err err = { 0 };
	int status;

	if (usage == NULL || is_marked(databases))
		return;
	status = usage_mark_running(usage, databases->was_marked, &err);
	if (status < 0 && !databases->said_unmarked)
		log_warn("usage.db cannot be marked as in use, trying on",
			LOG_ERR(&err));
	databases->said_unmarked = status < 0;
	if (status < 0)
		return;
	databases->was_marked = true;
	databases->marked_file = databases->usage.file;
	databases->marked_index = databases->usage.index;
}

void
databases_check(struct databases *databases)
{
	file_check(databases, &databases->core);
	file_check(databases, &databases->usage);
	mark_usage(databases);
}

void
databases_stop(struct databases *databases)
{
	struct err err = { 0 };

	if (*databases->usage.db == NULL || !is_marked(databases))
		return;
	if (usage_mark_stopped(*databases->usage.db, &err) < 0)
		log_warn("usage.db cannot be marked as complete, its numbers"
			 " will be counted anew",
			LOG_ERR(&err));
}

static void
on_timer(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	databases_check(context);
}

struct databases *
databases_new(struct directory *directory)
{
	struct databases *databases = xmalloc(sizeof(*databases));
	const struct timeval interval = { .tv_usec = CHECK_MS * 1000 };
	char agent[PATHS_MAX + 32];

	(void)snprintf(agent, sizeof(agent), "%s/directory/agent",
		directory->paths->sockets);
	databases->directory = directory;
	databases->core = (struct file){ .path = directory->paths->core_db,
		.db = &directory->core,
		.open = open_core };
	databases->usage = (struct file){ .path = directory->paths->usage_db,
		.db = &directory->usage,
		.open = open_usage };
	databases->core.health =
		health_new(directory->loop, agent, "database.lookups");
	databases->usage.health =
		health_new(directory->loop, agent, "database.usage");
	databases->timer =
		event_new(directory->loop, -1, EV_PERSIST, on_timer, databases);
	BUG_ON(databases->timer == NULL);
	(void)event_add(databases->timer, &interval);
	databases_check(databases);
	return databases;
}

void
databases_free(struct databases **databases)
{
	struct directory *directory;

	if (*databases == NULL)
		return;
	directory = (*databases)->directory;
	event_free((*databases)->timer);
	health_free(&(*databases)->core.health);
	health_free(&(*databases)->usage.health);
	lookup_set_database(directory->lookup, NULL);
	db_close(&directory->core);
	db_close(&directory->usage);
	x_free(databases);
}
