/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * core.db is never created here: an empty one in the place of one that is
 * gone would make every address unknown, and mail bounce. A restored one is
 * noticed by its inode; then the process ends and is started anew.
 *
 * Readiness means that core.db has the right version and is held. Redis
 * and the agent may come later: what needs them waits in the outbox.
 */
#include "jobs/program.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/secret.h"
#include "io/health.h"
#include "jobs/commit_watch.h"
#include "jobs/dkim_projector.h"
#include "jobs/effects.h"
#include "jobs/runner.h"
#include "model/seal.h"
#include "store/db.h"
#include "store/schema.h"

#define BUSY_MS 10000
/* Whoever shares the writers' group may write what we create. */
#define SHARED_UMASK 0002
#define COPIES_MODE 0770
#define LOOK_S 1 /* whether core.db is still the one that we hold */

struct program {
	struct service_state *state;
	struct db *core;
	dev_t device; /* of core.db */
	ino_t inode;
	bool gone; /* and that was said */
	struct event *look;
	struct secret seal;
	struct commit_watch *commits;
	struct runner *runner;
	struct effects effects;
	char agent_socket[PATHS_MAX + 32];
	char redis_socket[PATHS_MAX + 32];
	char core_directory[PATHS_MAX + 32];
	char copies[PATHS_MAX + 64];
};

static void
set_paths(struct program *program, const struct paths *paths)
{
	snprintf(program->agent_socket, sizeof(program->agent_socket),
		"%s/control/agent", paths->sockets);
	snprintf(program->redis_socket, sizeof(program->redis_socket),
		"%s/redis/redis", paths->sockets);
	snprintf(program->core_directory, sizeof(program->core_directory),
		"%s/core", paths->database);
	snprintf(program->copies, sizeof(program->copies), "%s/copies",
		program->core_directory);
}

static int
open_core(struct program *program, const struct paths *paths, struct err *err)
{
	struct stat status;

	if (stat(paths->core_db, &status) < 0) {
		(void)err_set(err, ERR_NOT_FOUND, "there is no database %s",
			paths->core_db);
		return err_remedy(err,
			"restore it, or run mailherd setup on a new machine");
	}
	program->device = status.st_dev;
	program->inode = status.st_ino;
	if (fs_make_directory(program->copies, COPIES_MODE, (uid_t)-1,
		    (gid_t)-1, err) < 0 ||
		db_open(paths->core_db, DB_WRITE, DB_SYNC_FULL, BUSY_MS,
			&program->core, err) < 0 ||
		schema_migrate(
			program->core, SCHEMA_CORE, program->copies, err) < 0)
		return err_prefix(err, "core.db");
	return 0;
}

static void
on_look(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct program *program = context;
	const char *path = program->state->paths.core_db;
	struct stat status;
	bool gone = stat(path, &status) < 0;

	if (gone && !program->gone)
		log_error("core.db is gone, its readers answer temporary"
			  " failures until it is back",
			LOG_TEXT("file", path));
	program->gone = gone;
	if (gone || (status.st_dev == program->device &&
			    status.st_ino == program->inode))
		return;
	log_warn("core.db was replaced, starting anew with it",
		LOG_TEXT("file", path));
	service_done(program->state);
}

static void
watch_file(struct program *program)
{
	const struct timeval interval = { .tv_sec = LOOK_S };

	program->look = event_new(
		program->state->loop, -1, EV_PERSIST, on_look, program);
	BUG_ON(!program->look);
	event_add(program->look, &interval);
}

static void
on_committed(void *context)
{
	struct program *program = context;

	runner_wake(program->runner);
}

MUST_CHECK int
program_start(struct service_state *state, struct err *err)
{
	struct program *program = xmalloc(sizeof(*program));
	struct dkim_projector_options dkim = { .seal = &program->seal };
	struct err cause;

	state->program = program;
	program->state = state;
	set_paths(program, &state->paths);
	umask(SHARED_UMASK);
	if (open_core(program, &state->paths, err) < 0)
		return -1;
	if (seal_load(&state->paths, &program->seal, &cause) < 0)
		log_error("sealed secrets cannot be opened, mail goes out"
			  " unsigned",
			LOG_ERR(&cause), LOG_TEXT("remedy", cause.remedy));
	dkim.core = program->core;
	dkim.redis_socket = program->redis_socket;
	dkim.health = health_new(state->loop, program->agent_socket, "dkim");
	program->effects = (struct effects){
		.loop = state->loop,
		.agent_socket = program->agent_socket,
		.dkim = dkim_projector_new(state->loop, &dkim),
	};
	program->runner = runner_new(
		state->loop, program->core, effects_table, &program->effects);
	program->commits = commit_watch_new(state->loop, program->core,
		program->core_directory, on_committed, program);
	watch_file(program);
	return 0;
}

static void
on_idle(void *context)
{
	struct program *program = context;

	service_done(program->state);
}

void
program_drain(struct service_state *state)
{
	struct program *program = state->program;

	event_del(program->look);
	commit_watch_free(&program->commits);
	runner_stop(program->runner, on_idle, program);
}
