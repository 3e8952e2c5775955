/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tables of each database file and the numbered migrations between
 * their versions. A file that is newer than the program is refused.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "base/err.h"
#include "store/db.h"

enum schema_file {
	SCHEMA_CORE,
	SCHEMA_USAGE
};

/* Version that this program writes. */
int schema_version(enum schema_file file);
/*
 * Brings the file to schema_version() in one transaction per step. With
 * copy_directory NULL the file may be new. Else it must have tables (an
 * empty one is ERR_CORRUPT: it lost them), and a VACUUM INTO copy is
 * written there before the first step.
 */
MUST_CHECK int schema_migrate(struct db *db, enum schema_file file,
	const char *copy_directory, struct err *err);
/* ERR_INVALID when the file is older or newer than this program, ERR_CORRUPT
 * when it has no tables at all. */
MUST_CHECK int schema_check(
	struct db *db, enum schema_file file, struct err *err);
/* Whether schema_migrate() could: of our kind and not newer. Older is fine. */
MUST_CHECK int schema_check_known(struct db *db, enum schema_file file,
	int *version_out, struct err *err);
/* Whatever the file says, also one of a newer release. */
MUST_CHECK int schema_read_version(
	struct db *db, int *version_out, struct err *err);
/*
 * Removes all but the newest copies "PREFIX-...", whose names must grow
 * with time, and the one of the name `except` (may be NULL). Migrations do
 * it for their own ("core-", "usage-").
 */
#define SCHEMA_COPIES_KEPT 2
void schema_prune_copies(
	const char *directory, const char *prefix, const char *except);

#endif
