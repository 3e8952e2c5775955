/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * PRAGMA user_version is the version of a file, application_id says which
 * of our files it is; both change inside the transaction of a step, so a
 * file is always exactly one version. The table `migration` keeps what was
 * done when.
 */
#include "store/schema.h"

#include <dirent.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/strbuf.h"
#include "store/schema_private.h"

#define CHECKSUM_BYTES 16
#define COPY_PATH_MAX 512
#define COPIES_MAX 256 /* looked at; the rest waits for the next time */

static const struct db_statement SQL_VERSION = { "schema-version",
	"PRAGMA user_version", NULL };
static const struct db_statement SQL_APPLICATION = { "schema-application",
	"PRAGMA application_id", NULL };
static const struct db_statement SQL_RECORD = { "schema-record",
	"INSERT INTO migration (version, name, checksum, applied) VALUES (?1, ?2, ?3, ?4)",
	NULL };
static const struct db_statement SQL_CHECKSUM = { "schema-checksum",
	"SELECT checksum FROM migration WHERE version = ?1", NULL };

static const char SQL_TABLE[] = "CREATE TABLE IF NOT EXISTS migration ("
				" version INTEGER PRIMARY KEY,"
				" name TEXT NOT NULL,"
				" checksum TEXT NOT NULL,"
				" applied INTEGER NOT NULL"
				") STRICT;";

static int
read_number(struct db *db, const struct db_statement *statement, int *out,
	struct err *err)
{
	struct db_query q = db_query(db, statement);
	int got = db_step(&q, err);

	if (got == 1)
		*out = (int)db_number(&q, 0);
	db_finish(&q);
	return got == 1 ? 0 : -1;
}

static void
step_checksum(const struct schema_step *step, struct strbuf *out)
{
	unsigned char hash[CHECKSUM_BYTES];

	(void)crypto_generichash(hash, sizeof(hash),
		(const unsigned char *)step->sql, strlen(step->sql), NULL, 0);
	hex_encode(out, hash, sizeof(hash));
}

static int
record_step(struct db *db, const struct schema_steps *steps, int index,
	struct err *err)
{
	struct db_query q = db_query(db, &SQL_RECORD);
	struct strbuf checksum;
	int status;

	strbuf_init(&checksum, 2 * CHECKSUM_BYTES + 1);
	step_checksum(&steps->steps[index], &checksum);
	db_bind_number(&q, 1, index + 1);
	db_bind_text(&q, 2, steps->steps[index].name);
	db_bind_text(&q, 3, checksum.data);
	db_bind_number(&q, 4, clock_wall_seconds());
	status = db_run(&q, err);
	strbuf_deinit(&checksum);
	return status;
}

static int
run_step(struct db *db, const struct schema_steps *steps, int index,
	struct err *err)
{
	char pragmas[128];

	(void)snprintf(pragmas, sizeof(pragmas),
		"PRAGMA application_id=%d; PRAGMA user_version=%d;",
		steps->application_id, index + 1);
	if (db_begin(db, err) != 0)
		return -1;
	if (db_script(db, SQL_TABLE, err) != 0 ||
		db_script(db, steps->steps[index].sql, err) != 0 ||
		record_step(db, steps, index, err) != 0 ||
		db_script(db, pragmas, err) != 0 || db_commit(db, err) != 0) {
		db_rollback(db);
		return err_prefix(err, "%s: migration %d (%s)", steps->name,
			index + 1, steps->steps[index].name);
	}
	return 0;
}

/* The numbers in their names grow with time; length decides first. */
static int
compare_names(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	size_t length_x = strlen(x), length_y = strlen(y);

	if (length_x != length_y)
		return length_x < length_y ? -1 : 1;
	return strcmp(x, y);
}

/* Names in the directory "PREFIX-....db", sorted; free both levels. */
static size_t
list_copies(const char *directory, const char *prefix, char *names[COPIES_MAX])
{
	DIR *d = opendir(directory);
	size_t count = 0, length = strlen(prefix);
	struct dirent *entry;

	if (d == NULL)
		return 0;
	while (count < COPIES_MAX && (entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, prefix, length) != 0 ||
			entry->d_name[length] != '-')
			continue;
		names[count++] = xstrdup(entry->d_name);
	}
	(void)closedir(d);
	qsort(names, count, sizeof(*names), compare_names);
	return count;
}

void
schema_prune_copies(
	const char *directory, const char *prefix, const char *except)
{
	char *names[COPIES_MAX];
	size_t count = list_copies(directory, prefix, names);

	for (size_t i = 0; i < count; i++) {
		char path[COPY_PATH_MAX];

		(void)snprintf(
			path, sizeof(path), "%s/%s", directory, names[i]);
		/* One that stays is no fault: it only takes room. */
		if (i + SCHEMA_COPIES_KEPT < count &&
			(except == NULL || strcmp(names[i], except) != 0))
			(void)unlink(path);
		x_free(&names[i]);
	}
}

static int
copy_before(struct db *db, const struct schema_steps *steps, int version,
	const char *directory, struct err *err)
{
	char path[COPY_PATH_MAX], prefix[64];

	/* By version: a migration that fails each time must not push out what
	 * was there before the first. */
	(void)snprintf(prefix, sizeof(prefix), "%s-%d", steps->name, version);
	(void)snprintf(path, sizeof(path), "%s/%s-%lld.db", directory, prefix,
		(long long)clock_wall_ms());
	if (db_copy_to(db, path, err) != 0)
		return err_prefix(err, "copy before migration");
	schema_prune_copies(directory, prefix, NULL);
	return 0;
}

/* Right kind of file, not newer than this program. */
static int
read_version(struct db *db, const struct schema_steps *steps, int *version_out,
	struct err *err)
{
	int version = 0;
	int application = 0;

	if (read_number(db, &SQL_VERSION, &version, err) != 0 ||
		read_number(db, &SQL_APPLICATION, &application, err) != 0)
		return -1;
	if (version > 0 && application != steps->application_id)
		return err_set(err, ERR_INVALID,
			"the file is not mailherd's %s database", steps->name);
	if (version > steps->count) {
		(void)err_set(err, ERR_INVALID,
			"the %s database has version %d, this program knows %d",
			steps->name, version, steps->count);
		return err_remedy(err,
			"install the newer release of mailherd again, or restore the copy made before the upgrade");
	}
	*version_out = version;
	return 0;
}

/* The last step was made by the text that we know. */
static int
check_checksum(struct db *db, const struct schema_steps *steps, int version,
	struct err *err)
{
	struct db_query q;
	struct strbuf want;
	int got;
	bool same = false;

	if (version == 0)
		return 0;
	strbuf_init(&want, 2 * CHECKSUM_BYTES + 1);
	step_checksum(&steps->steps[version - 1], &want);
	q = db_query(db, &SQL_CHECKSUM);
	db_bind_number(&q, 1, version);
	got = db_step(&q, err);
	if (got == 1)
		same = strcmp(db_text(&q, 0), want.data) == 0;
	db_finish(&q);
	strbuf_deinit(&want);
	if (got < 0)
		return -1;
	if (!same)
		return err_set(err, ERR_INVALID,
			"the %s database was made by another text of migration %d (%s)",
			steps->name, version, steps->steps[version - 1].name);
	return 0;
}

/* A file that once had tables: nobody may mistake it for a new one. */
static int
lost(const struct schema_steps *steps, struct err *err)
{
	(void)err_set(err, ERR_CORRUPT,
		"the %s database is empty: its tables are lost", steps->name);
	return err_remedy(
		err, "stop with mailherd down and restore it from a backup");
}

int
schema_migrate_steps(struct db *db, const struct schema_steps *steps,
	const char *copy_directory, struct err *err)
{
	int version;

	if (read_version(db, steps, &version, err) != 0 ||
		check_checksum(db, steps, version, err) != 0)
		return -1;
	if (version == 0 && copy_directory != NULL)
		return lost(steps, err);
	if (version > 0 && version < steps->count && copy_directory != NULL &&
		copy_before(db, steps, version, copy_directory, err) != 0)
		return -1;
	for (int i = version; i < steps->count; i++) {
		if (run_step(db, steps, i, err) != 0)
			return -1;
	}
	return 0;
}

int
schema_check_steps(
	struct db *db, const struct schema_steps *steps, struct err *err)
{
	int version;

	if (read_version(db, steps, &version, err) != 0)
		return -1;
	if (version == 0)
		return lost(steps, err);
	if (version < steps->count) {
		(void)err_set(err, ERR_INVALID,
			"the %s database has version %d, this program needs %d",
			steps->name, version, steps->count);
		return err_remedy(err, "run mailherd up, which upgrades it");
	}
	return check_checksum(db, steps, version, err);
}

static struct schema_steps
file_steps(enum schema_file file)
{
	if (file == SCHEMA_USAGE)
		return (struct schema_steps){ "usage", 0x6d686475,
			schema_usage_steps, schema_usage_count };
	return (struct schema_steps){ "core", 0x6d686463, schema_core_steps,
		schema_core_count };
}

int
schema_version(enum schema_file file)
{
	return file_steps(file).count;
}

int
schema_migrate(struct db *db, enum schema_file file, const char *copy_directory,
	struct err *err)
{
	struct schema_steps steps = file_steps(file);

	return schema_migrate_steps(db, &steps, copy_directory, err);
}

int
schema_check(struct db *db, enum schema_file file, struct err *err)
{
	struct schema_steps steps = file_steps(file);

	return schema_check_steps(db, &steps, err);
}

int
schema_check_known(
	struct db *db, enum schema_file file, int *version_out, struct err *err)
{
	struct schema_steps steps = file_steps(file);
	int version;

	if (read_version(db, &steps, &version, err) != 0 ||
		check_checksum(db, &steps, version, err) != 0)
		return -1;
	*version_out = version;
	return 0;
}

int
schema_read_version(struct db *db, int *version_out, struct err *err)
{
	return read_number(db, &SQL_VERSION, version_out, err);
}
