/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of directories and secrets; a child per user that owns data. */
#include "cli/setup_data.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/random.h"
#include "base/secret.h"
#include "cli/command.h"
#include "cli/mail_keys.h"
#include "cli/owner.h"
#include "model/domain.h"
#include "model/model.h"
#include "store/db.h"
#include "store/schema.h"

#define SECRET_BYTES 32
#define BUSY_MS 10000
#define COPIES_MODE 0770 /* as mailherd-jobs makes it */

struct directory {
	size_t base; /* member of struct paths */
	const char *suffix;
	mode_t mode;
	const char *owner;
	const char *group;
};

/* Parents before children. */
static const struct directory DIRECTORIES[] = {
	{ offsetof(struct paths, overrides), "", 0755, "root", "root" },
	{ offsetof(struct paths, state), "", 0755, "root", "root" },
	{ offsetof(struct paths, database), "", 0750, "root", "mailherd-read" },
	{ offsetof(struct paths, database), "/core", 02775, "mailherd",
		"mailherd-write" },
	{ offsetof(struct paths, database), "/usage", 02755,
		"mailherd-directory", "mailherd-read" },
	{ offsetof(struct paths, secrets), "", 0711, "root", "root" },
	{ offsetof(struct paths, vmail), "", 0700, "vmail", "vmail" },
	{ offsetof(struct paths, index), "", 0700, "vmail", "vmail" },
	{ offsetof(struct paths, engines), "", 0755, "root", "root" },
	{ offsetof(struct paths, generations), "", 0755, "root", "root" },
	{ offsetof(struct paths, state), "/tls", 0700, "root", "root" },
	{ offsetof(struct paths, logs), "", 02750, "mailherd-log", "adm" },
};

/* One file each, readable by its one consumer. */
static const struct {
	const char *name;
	const char *owner;
} SECRETS[] = {
	{ "seal", "mailherd" }, /* of sealed columns in core.db */
};

static const char *
directory_path(const struct paths *paths, const struct directory *directory,
	struct arena *arena)
{
	return arena_printf(arena, "%s%s",
		(const char *)paths + directory->base, directory->suffix);
}

/* They must not come back with another mode than what was put into them. */
static int
sync_directories(
	const struct paths *paths, struct arena *arena, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(DIRECTORIES); i++)
		if (fs_sync_directory(
			    directory_path(paths, &DIRECTORIES[i], arena),
			    err) == -1)
			return -1;
	return 0;
}

int
setup_directories(
	const struct paths *paths, struct arena *arena, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(DIRECTORIES); i++) {
		const struct directory *d = &DIRECTORIES[i];
		const char *path = directory_path(paths, d, arena);
		uid_t uid;
		gid_t gid, unused;

		if (fs_user(d->owner, &uid, &unused, err) == -1 ||
			fs_group(d->group, &gid, err) == -1 ||
			fs_make_directory(path, d->mode, uid, gid, err) == -1)
			return -1;
	}
	return sync_directories(paths, arena, err);
}

static int
make_secret(const char *path, const char *owner, struct err *err)
{
	unsigned char bytes[SECRET_BYTES];
	uid_t uid;
	gid_t gid;
	int result;

	if (fs_user(owner, &uid, &gid, err) == -1)
		return -1;
	random_bytes(bytes, sizeof(bytes));
	result = fs_write_atomic(
		path, bytes, sizeof(bytes), 0400, uid, gid, err);
	secret_wipe(bytes, sizeof(bytes));
	return result;
}

int
setup_secrets(const struct paths *paths, struct arena *arena, bool *made_out,
	struct err *err)
{
	bool made = false;

	*made_out = false;
	for (size_t i = 0; i < ARRAY_LENGTH(SECRETS); i++) {
		const char *path = arena_printf(
			arena, "%s/%s", paths->secrets, SECRETS[i].name);

		if (fs_exists(path))
			continue;
		if (make_secret(path, SECRETS[i].owner, err) == -1)
			return -1;
		*made_out = true;
	}
	if (mail_keys_ensure(paths, &made, err) == -1)
		return -1;
	*made_out = *made_out || made;
	return 0;
}

/* Children. */

struct task {
	const struct paths *paths;
	const char *domain;
	const char *hostname;
	/* Becomes the user that owns the data. */
	owner_enter_fn *enter;
	/* 0, or 1 for "nothing to do", or -1. */
	int (*run)(const struct task *task, struct err *err);
};

static int
run_as_owner(void *context, struct err *err)
{
	const struct task *task = context;

	return task->run(task, err);
}

static int
run_task(struct task *task, struct err *err)
{
	return owner_run(task->paths, task->enter, run_as_owner, task, err);
}

/* Made last of the data, so where it has content core.db was complete. */
static bool
was_complete(const struct paths *paths)
{
	struct stat st;

	return stat(paths->usage_db, &st) == 0 && st.st_size > 0;
}

static int
migrate(const char *path, enum schema_file file, enum db_sync sync,
	const char *copies, struct err *err)
{
	struct db *db = NULL;
	int result;

	if (db_open(path, DB_WRITE, sync, BUSY_MS, &db, err) == -1)
		return -1;
	result = schema_migrate(db, file, copies, err);
	db_close(&db);
	return result;
}

static int
run_core(const struct task *task, struct err *err)
{
	char copies[PATHS_MAX + 16];

	if (!was_complete(task->paths))
		return migrate(task->paths->core_db, SCHEMA_CORE, DB_SYNC_FULL,
			NULL, err);
	(void)snprintf(copies, sizeof(copies), "%s/core/copies",
		task->paths->database);
	if (fs_make_directory(copies, COPIES_MODE, (uid_t)-1, (gid_t)-1, err) ==
		-1)
		return -1;
	return migrate(
		task->paths->core_db, SCHEMA_CORE, DB_SYNC_FULL, copies, err);
}

static int
run_usage(const struct task *task, struct err *err)
{
	return migrate(
		task->paths->usage_db, SCHEMA_USAGE, DB_SYNC_NORMAL, NULL, err);
}

/* Columns of the first schema: the file may be older than this program. */
static const struct db_statement SQL_NAME = { "setup-name",
	"SELECT 1 FROM domain WHERE name = ?1"
	" UNION ALL SELECT 1 FROM alias_domain WHERE name = ?1",
	NULL };
static const struct db_statement SQL_TARGET = { "setup-target",
	"SELECT d.name FROM alias_domain AS a"
	" JOIN domain AS d ON d.id = a.domain_id WHERE a.name = ?1",
	NULL };

static int
check_hostname(struct db *core, const char *hostname, struct err *err)
{
	struct db_query q = db_query(core, &SQL_NAME);
	int got;

	db_bind_text(&q, 1, hostname);
	got = db_step(&q, err);
	db_finish(&q);
	if (got != 1)
		return got;
	(void)err_field(err, ERR_INVALID, "hostname",
		"%s is a mail domain of this server", hostname);
	return err_remedy(err, "take a host name below it: mail.%s", hostname);
}

static int
check_domain(struct db *core, const char *domain, struct err *err)
{
	struct db_query q = db_query(core, &SQL_TARGET);
	int got;

	db_bind_text(&q, 1, domain);
	got = db_step(&q, err);
	if (got == 1)
		(void)err_field(err, ERR_EXISTS, "domain",
			"%s is an alias domain of %s", domain, db_text(&q, 0));
	db_finish(&q);
	return got == 1 ? err_remedy(err, "leave --domain out") : got;
}

static int
check_names(struct db *core, const struct task *task, struct err *err)
{
	if (check_hostname(core, task->hostname, err) == -1)
		return -1;
	return task->domain == NULL ? 0 : check_domain(core, task->domain, err);
}

/* A new file in the place of a lost one would hide the loss. */
static int
lost(const struct paths *paths, const char *path, struct err *err)
{
	(void)err_set(err, ERR_CORRUPT,
		"%s is gone or empty, though this instance was complete once",
		path);
	return err_remedy(err,
		"restore it from a backup; to begin anew without any mailbox, move %s away",
		paths->state);
}

/* Version 0: without any table. */
static int
judge_version(
	struct db *core, const struct task *task, int version, struct err *err)
{
	if (version > 0)
		return check_names(core, task, err);
	return was_complete(task->paths)
		       ? lost(task->paths, task->paths->core_db, err)
		       : 0;
}

static int
run_check(const struct task *task, struct err *err)
{
	struct db *core = NULL;
	int version = 0;
	int result = -1;

	if (db_open(task->paths->core_db, DB_WRITE, DB_SYNC_FULL, BUSY_MS,
		    &core, err) == 0 &&
		schema_check_known(core, SCHEMA_CORE, &version, err) == 0)
		result = judge_version(core, task, version, err);
	db_close(&core);
	return result;
}

int
setup_check_data(const struct paths *paths, const char *hostname,
	const char *domain, struct err *err)
{
	struct task task = { .paths = paths,
		.hostname = hostname,
		.domain = domain,
		.enter = command_drop,
		.run = run_check };
	bool complete = was_complete(paths);
	char seal[PATHS_MAX + 8];
	struct stat st;

	if (mail_keys_judge(paths, err) == -1)
		return -1;
	if (stat(paths->core_db, &st) == -1 || st.st_size == 0)
		return complete ? lost(paths, paths->core_db, err) : 0;
	(void)snprintf(seal, sizeof(seal), "%s/seal", paths->secrets);
	if (complete && !fs_exists(seal))
		return lost(paths, seal, err);
	return run_task(&task, err);
}

int
setup_databases(const struct paths *paths, struct err *err)
{
	struct task core = {
		.paths = paths, .enter = command_drop, .run = run_core
	};
	struct task usage = {
		.paths = paths, .enter = owner_enter_usage, .run = run_usage
	};

	if (run_task(&core, err) == -1)
		return -1;
	return run_task(&usage, err);
}

static int
add_domain(struct model *model, const char *name, struct err *err)
{
	struct domain domain;
	struct err cause = { 0 };

	if (domain_load(model, name, &domain, &cause) == 0)
		return 1;
	if (cause.code != ERR_NOT_FOUND) {
		*err = cause;
		return -1;
	}
	resource_defaults(&domain_resource, &domain);
	domain.name = name;
	return domain_add(model, &domain, NULL, err);
}

static int
run_domain(const struct task *task, struct err *err)
{
	struct arena *arena = arena_new();
	struct model model;
	int result = -1;

	if (model_open(task->paths, "cli:setup", arena, &model, err) == 0) {
		result = add_domain(&model, task->domain, err);
		model_close(&model);
	}
	arena_free(&arena);
	return result;
}

int
setup_domain(const struct paths *paths, const char *domain, bool *added_out,
	struct err *err)
{
	struct task task = { .paths = paths,
		.domain = domain,
		.enter = command_drop,
		.run = run_domain };
	int result = run_task(&task, err);

	*added_out = result == 0;
	return result == -1 ? -1 : 0;
}
