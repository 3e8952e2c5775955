/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The migrations as tables, one per database file, for schema.c and its
 * tests. A migration that was released is never edited: its checksum is
 * stored in the files that it made.
 */
#ifndef STORE_SCHEMA_PRIVATE_H
#define STORE_SCHEMA_PRIVATE_H

#include "store/schema.h"

struct schema_step {
	const char *name;
	const char *sql;
};

struct schema_steps {
	const char *name; /* of the file, in errors and copies */
	int application_id; /* tells our files apart */
	const struct schema_step *steps; /* step i leads to version i + 1 */
	int count;
};

extern const struct schema_step schema_core_steps[];
extern const int schema_core_count;
extern const struct schema_step schema_usage_steps[];
extern const int schema_usage_count;

/* The same as the public functions, for any list of steps. */
MUST_CHECK int schema_migrate_steps(struct db *db,
	const struct schema_steps *steps, const char *copy_directory,
	struct err *err);
MUST_CHECK int schema_check_steps(
	struct db *db, const struct schema_steps *steps, struct err *err);

#endif
