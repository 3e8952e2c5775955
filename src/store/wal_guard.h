/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps a write-ahead log from being applied to a file that it does not
 * belong to. SQLite knows a log by its name alone: whoever puts a backup
 * in the place of FILE and leaves FILE-wal beside it gets a mixture of
 * both, usually a broken one. So each writer notes, in FILE-held, which
 * file and which log go together; when the file is another and the log is
 * the same, the log is a stranger's and is moved to FILE-wal.stale.
 *
 * A file and a log that came together (a whole directory was restored)
 * are both new here and are trusted. For db.c; nobody else needs it.
 */
#ifndef STORE_WAL_GUARD_H
#define STORE_WAL_GUARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A file as it is on its file system now; all zero when there is none. */
struct wal_identity {
	uint64_t device;
	uint64_t inode;
	uint64_t born_s; /* an inode's number is used again */
	uint64_t born_ns;
};

struct wal_identity wal_identity_of(const char *path);
bool wal_identity_equal(
	const struct wal_identity *a, const struct wal_identity *b);

/* The log beside the file belongs to another one. */
bool wal_guard_is_stale(const char *path);
/* A writer had the file, or one of its name, open before. */
bool wal_guard_is_known(const char *path);
/* Before a writer opens the file: moves a stranger's log away. 1: it did. */
MUST_CHECK int wal_guard_settle(const char *path, struct err *err);
/* After a writer opened it: notes what belongs together, when it can. */
void wal_guard_note(const char *path);

#endif
