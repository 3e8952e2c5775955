/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table row a file; children that have become its owner open it. */
#include "cli/upgrade_data.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/owner.h"
#include "store/db.h"
#include "store/schema.h"

#define BUSY_MS 10000
#define COPIES_MODE 0770 /* as mailherd-jobs makes it */
#define COPY_PREFIX "upgrade"
#define SPARE_BYTES (UINT64_C(32) * 1024 * 1024)
#define MIB (1024 * 1024)

struct data_file {
	size_t database; /* member of struct paths */
	const char *copies; /* below paths.database */
	enum db_sync sync;
	owner_enter_fn *enter;
	size_t version; /* member of struct upgrade_point */
};

static const struct data_file FILES[] = {
	{ offsetof(struct paths, core_db), "/core/copies", DB_SYNC_FULL,
		owner_enter_core, offsetof(struct upgrade_point, core) },
	{ offsetof(struct paths, usage_db), "/usage/copies", DB_SYNC_NORMAL,
		owner_enter_usage, offsetof(struct upgrade_point, usage) },
};

/* What a child is to do. */
struct job {
	const struct data_file *file;
	const char *database;
	char directory[PATHS_MAX + 32];
	char copy[PATHS_MAX + 96];
	char kept[64]; /* name of a copy that is not to be pruned, or "" */
};

static struct job
make_job(const struct paths *paths, const struct data_file *file,
	int64_t copied_ms)
{
	struct job job = { .file = file,
		.database = (const char *)paths + file->database };

	(void)snprintf(job.directory, sizeof(job.directory), "%s%s",
		paths->database, file->copies);
	(void)snprintf(job.copy, sizeof(job.copy), "%s/" COPY_PREFIX "-%lld.db",
		job.directory, (long long)copied_ms);
	return job;
}

static int *
version_of(struct upgrade_point *point, const struct data_file *file)
{
	return (int *)(void *)((char *)point + file->version);
}

static int
open_existing(const struct job *job, struct db **out, struct err *err)
{
	/* Opening for writing would make what is not there. */
	if (!fs_exists(job->database)) {
		(void)err_set(err, ERR_NOT_FOUND, "there is no database %s",
			job->database);
		return err_remedy(err, "restore it from a backup");
	}
	return db_open(
		job->database, DB_WRITE, job->file->sync, BUSY_MS, out, err);
}

static int
run_look(void *context, struct err *err)
{
	const struct job *job = context;
	struct db *db = NULL;
	int version = 0, result;

	if (open_existing(job, &db, err) == -1)
		return -1;
	result = schema_read_version(db, &version, err);
	db_close(&db);
	return result == -1 ? -1 : version;
}

static int
run_copy(void *context, struct err *err)
{
	const struct job *job = context;
	struct db *db = NULL;
	int result;

	if (fs_make_directory(job->directory, COPIES_MODE, (uid_t)-1, (gid_t)-1,
		    err) == -1 ||
		open_existing(job, &db, err) == -1)
		return -1;
	result = db_copy_to(db, job->copy, err);
	db_close(&db);
	if (result == 0)
		schema_prune_copies(job->directory, COPY_PREFIX, job->kept);
	return result;
}

static int
run_restore(void *context, struct err *err)
{
	const struct job *job = context;
	struct db *db = NULL;
	int result;

	if (open_existing(job, &db, err) == -1)
		return -1;
	result = db_restore_from(db, job->copy, BUSY_MS, err);
	db_close(&db);
	return result;
}

int
upgrade_data_look(
	const struct paths *paths, struct upgrade_point *out, struct err *err)
{
	struct upgrade_point point = { 0 };

	for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++) {
		struct job job = make_job(paths, &FILES[i], 0);
		int version =
			owner_run(paths, FILES[i].enter, run_look, &job, err);

		if (version == -1)
			return -1;
		*version_of(&point, &FILES[i]) = version;
	}
	*out = point;
	return 0;
}

static uint64_t
size_of(const char *path, const char *suffix)
{
	char name[PATHS_MAX + 8];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path, suffix);
	return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* Copies, a migration that rewrites tables, and the logs of both. */
static int
check_space(const struct paths *paths, struct err *err)
{
	uint64_t needed = SPARE_BYTES, free_bytes;
	struct statvfs fs;

	if (statvfs(paths->database, &fs) == -1)
		return err_errno(err, errno, "%s", paths->database);
	for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++) {
		const char *path = (const char *)paths + FILES[i].database;

		needed += 2 * (size_of(path, "") + size_of(path, "-wal"));
	}
	free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (free_bytes >= needed)
		return 0;
	(void)err_set(err, ERR_LIMIT,
		"copies of the databases need %llu MiB, %llu MiB are free below %s",
		(unsigned long long)(needed / MIB),
		(unsigned long long)(free_bytes / MIB), paths->database);
	return err_remedy(err, "free disk space, then install it again");
}

int
upgrade_data_copy(const struct paths *paths, int64_t kept_ms,
	struct upgrade_point *point, struct err *err)
{
	int64_t now_ms = clock_wall_ms();

	if (check_space(paths, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++) {
		struct job job = make_job(paths, &FILES[i], now_ms);

		(void)snprintf(job.kept, sizeof(job.kept),
			COPY_PREFIX "-%lld.db", (long long)kept_ms);
		if (owner_run(paths, FILES[i].enter, run_copy, &job, err) == -1)
			return err_prefix(err, "copying %s", job.database);
	}
	point->copied_ms = now_ms;
	return 0;
}

bool
upgrade_data_has(const struct paths *paths, const struct upgrade_point *point)
{
	for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++) {
		struct job job = make_job(paths, &FILES[i], point->copied_ms);

		if (!fs_exists(job.copy))
			return false;
	}
	return point->copied_ms > 0;
}

int
upgrade_data_restore(const struct paths *paths,
	const struct upgrade_point *point, struct err *err)
{
	struct upgrade_point wanted = *point, present;
	int count = 0;

	if (upgrade_data_look(paths, &present, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++) {
		struct job job = make_job(paths, &FILES[i], point->copied_ms);

		if (*version_of(&present, &FILES[i]) ==
			*version_of(&wanted, &FILES[i]))
			continue;
		if (!fs_exists(job.copy))
			return err_set(err, ERR_NOT_FOUND,
				"the copy %s is not there", job.copy);
		if (owner_run(paths, FILES[i].enter, run_restore, &job, err) ==
			-1)
			return err_prefix(err, "restoring %s", job.database);
		count++;
	}
	return count;
}

void
upgrade_data_describe(const struct paths *paths,
	const struct upgrade_point *point, char *out, size_t size)
{
	size_t length = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LENGTH(FILES) && length < size; i++) {
		struct job job = make_job(paths, &FILES[i], point->copied_ms);

		length += (size_t)snprintf(out + length, size - length, "%s%s",
			i == 0 ? "" : " ", job.copy);
	}
}
