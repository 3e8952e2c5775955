/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells within milliseconds that another process has committed to a
 * database: the kernel reports writes to its files (inotify), and SQLite
 * says whether they were a commit (data_version). When the kernel cannot
 * be asked, the database is, every quarter of a second.
 */
#ifndef JOBS_COMMIT_WATCH_H
#define JOBS_COMMIT_WATCH_H

#include <event2/event.h>

#include "base/err.h"
#include "store/db.h"

struct commit_watch;

typedef void commit_watch_fn(void *context);

/* directory holds the files of db, which outlives the watch. */
struct commit_watch *commit_watch_new(struct event_base *loop, struct db *db,
	const char *directory, commit_watch_fn *committed, void *context);
void commit_watch_free(struct commit_watch **watch);

#endif
