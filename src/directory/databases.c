/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A file away is said once when it goes and once when it comes back, not
 * per request. busy_ms is short because the loop waits with it.
 */
#include "directory/databases.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "store/schema.h"

#define CHECK_MS 250
#define BUSY_MS 100
/* Pages of the covering indexes that a look-up walks, and little more. */
#define CORE_PRAGMAS "PRAGMA cache_size=-4096"

struct file {
	const char *path;
	struct db **db;
	int (*open)(const char *path, struct db **db_out, struct err *err);
	dev_t device;
	ino_t inode;
	bool was_open; /* once */
	bool said_away;
};

struct databases {
	struct directory *directory;
	struct event *timer;
	struct file core;
	struct file usage;
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

static void
file_open(struct databases *databases, struct file *file)
{
	struct err err = { 0 };
	struct stat st;
	/* Before: one that is replaced meanwhile is seen at the next check. */
	bool is_there = stat(file->path, &st) == 0;

	if (file->open(file->path, file->db, &err) == -1) {
		if (!file->said_away)
			log_warn(
				"database not available, answers are temporary failures until it is",
				LOG_TEXT("file", file->path), LOG_ERR(&err));
		file->said_away = true;
		return;
	}
	if (is_there || stat(file->path, &st) == 0) {
		file->device = st.st_dev;
		file->inode = st.st_ino;
	}
	if (file->was_open)
		directory_count(databases->directory, DIRECTORY_REOPENED);
	if (file->was_open || file->said_away)
		log_info("database open", LOG_TEXT("file", file->path));
	file->was_open = true;
	file->said_away = false;
}

static bool
file_replaced(const struct file *file)
{
	struct stat st;

	return stat(file->path, &st) != 0 || st.st_dev != file->device ||
	       st.st_ino != file->inode;
}

static void
file_check(struct databases *databases, struct file *file)
{
	if (*file->db != NULL && !file_replaced(file))
		return;
	if (file == &databases->core)
		lookup_set_database(databases->directory->lookup, NULL);
	db_close(file->db);
	file_open(databases, file);
	if (file == &databases->core)
		lookup_set_database(databases->directory->lookup, *file->db);
}

void
databases_check(struct databases *databases)
{
	file_check(databases, &databases->core);
	file_check(databases, &databases->usage);
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

	databases->directory = directory;
	databases->core = (struct file){ .path = directory->paths->core_db,
		.db = &directory->core,
		.open = open_core };
	databases->usage = (struct file){ .path = directory->paths->usage_db,
		.db = &directory->usage,
		.open = open_usage };
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
	lookup_set_database(directory->lookup, NULL);
	db_close(&directory->core);
	db_close(&directory->usage);
	x_free(databases);
}
