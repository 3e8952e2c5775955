/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Readiness means that core.db has the right version and is held. Redis
 * and the agent may come later: what needs them waits in the outbox.
 */
#include "jobs/program.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "base/secret.h"
#include "io/health.h"
#include "jobs/audit_pruner.h"
#include "jobs/commit_watch.h"
#include "jobs/core_holder.h"
#include "jobs/dkim_projector.h"
#include "jobs/effects.h"
#include "jobs/expunger.h"
#include "jobs/garbage_collector.h"
#include "jobs/indexer.h"
#include "jobs/recounter.h"
#include "jobs/runner.h"
#include "jobs/store_keeper.h"
#include "model/instance.h"
#include "model/seal.h"
#include "store/db.h"

/* Whoever shares the writers' group may write what we create. */
#define SHARED_UMASK 0002

struct program {
	struct service_state *state;
	struct core_holder *holder; /* NULL while it is made */
	struct secret seal;
	struct commit_watch *commits;
	struct runner *runner;
	struct store_keeper *keeper;
	struct garbage_collector *collector;
	int undelete_days; /* mail.undelete_days; -1: not known */
	struct expunger *expunger;
	struct audit_pruner *pruner;
	struct recounter *recounter;
	struct indexer *indexer; /* NULL: there is no search index */
	struct indexer_options search; /* workers 0: there is none */
	struct effects effects;
	char agent_socket[PATHS_MAX + 32];
	char redis_socket[PATHS_MAX + 32];
	char core_directory[PATHS_MAX + 32];
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
}

static void
on_committed(void *context)
{
	struct program *program = context;

	runner_wake(program->runner);
	store_keeper_wake(program->keeper);
}

static void
start_indexer(struct program *program, struct db *core)
{
	program->search.paths = &program->state->paths;
	program->search.core = core;
	program->search.agent_socket = program->agent_socket;
	program->indexer = indexer_new(program->state->loop, &program->search);
}

/* What outlives mailherd.conf's texts. */
static void
take_settings(struct program *program, const struct instance *instance)
{
	program->undelete_days = instance->mail_undelete_days;
	program->search = (struct indexer_options){
		.lag_ms = instance->search_lag_s * 1000,
		.workers =
			instance->search_enabled ? instance->search_workers : 0,
		.optimize_days = instance->search_optimize_days
	};
}

static void
on_opened(struct db *core, void *context)
{
	struct program *program = context;
	struct service_state *state = program->state;
	struct dkim_projector_options dkim = { .core = core,
		.seal = &program->seal,
		.redis_socket = program->redis_socket };

	dkim.health = health_new(state->loop, program->agent_socket, "dkim");
	program->effects = (struct effects){
		.loop = state->loop,
		.agent_socket = program->agent_socket,
		.dkim = dkim_projector_new(state->loop, &dkim),
	};
	program->runner =
		runner_new(state->loop, core, effects_table, &program->effects);
	program->keeper =
		store_keeper_new(state->loop, core, program->agent_socket);
	program->collector =
		garbage_collector_new(state->loop, core, program->agent_socket);
	if (program->undelete_days >= 0)
		program->expunger = expunger_new(state->loop, core,
			program->undelete_days, program->agent_socket);
	program->pruner = audit_pruner_new(state->loop, core);
	program->recounter = recounter_new(
		state->loop, core, &state->paths, program->agent_socket);
	if (program->search.workers > 0)
		start_indexer(program, core);
	program->commits = commit_watch_new(state->loop, core,
		program->core_directory, on_committed, program);
	service_ready(state);
}

static void
on_replaced(void *context)
{
	struct program *program = context;

	service_renew(program->state);
}

static struct program *
program_new(struct service_state *state)
{
	struct program *program = xmalloc(sizeof(*program));

	state->program = program;
	program->state = state;
	program->undelete_days = -1;
	return program;
}

/* What is wrong with mailherd.conf is for others to say and no hindrance. */
MUST_CHECK int
program_prepare(struct service_state *state, struct err *err)
{
	struct program *program = program_new(state);
	struct arena *arena = arena_new();
	struct instance instance;

	if (instance_load_or_last(&state->paths, arena, &instance, err) >= 0)
		take_settings(program, &instance);
	else
		log_warn("settings are not known, keeping deleted messages,"
			 " not indexing for searches",
			LOG_ERR(err));
	arena_free(&arena);
	return 0;
}

MUST_CHECK int
program_start(struct service_state *state, struct err *err UNUSED)
{
	struct program *program =
		state->program ? state->program : program_new(state);
	struct core_holder_options holder = { .paths = &state->paths,
		.agent_socket = program->agent_socket,
		.opened = on_opened,
		.replaced = on_replaced,
		.context = program };
	struct err cause;

	set_paths(program, &state->paths);
	umask(SHARED_UMASK);
	if (seal_load(&state->paths, &program->seal, &cause) < 0)
		log_error("sealed secrets cannot be opened, mail goes out"
			  " unsigned",
			LOG_ERR(&cause), LOG_TEXT("remedy", cause.remedy));
	program->holder = core_holder_new(state->loop, &holder);
	return 0;
}

static void
on_idle(void *context)
{
	struct program *program = context;

	/* The last one out leaves one file, without a log beside it. */
	core_holder_free(&program->holder);
	service_done(program->state);
}

static void
on_runner_idle(void *context)
{
	struct program *program = context;

	store_keeper_stop(program->keeper, on_idle, program);
}

void
program_drain(struct service_state *state)
{
	struct program *program = state->program;

	commit_watch_free(&program->commits);
	garbage_collector_free(&program->collector);
	expunger_free(&program->expunger);
	audit_pruner_free(&program->pruner);
	recounter_free(&program->recounter);
	if (program->runner)
		runner_stop(program->runner, on_runner_idle, program);
	else
		on_idle(program);
}
