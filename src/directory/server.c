/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * At the end the order matters: the judge answers what it holds while the
 * databases are still open, its logins are written, then the files close.
 * Passwords that cannot be judged in time lose their connection: the peers
 * ask the next process, whose socket is this one.
 */
#include "directory/server.h"

#include "auth/judge.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "directory/databases.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/quota_warner.h"
#include "directory/status.h"
#include "directory/usage.h"
#include "directory/usage_sweep.h"

#define DRAIN_CHECK_MS 20
/* Of service.drain_ms; the rest is for hashes in threads and the files. */
#define DRAIN_PERCENT 60

struct program {
	struct directory directory;
	struct service_state *state;
	struct databases *databases;
	struct usage_sweep *sweep;
	struct quota_warner *warner;
	struct ipc_server *control;
	struct stream_server *servers[SERVICE_SOCKETS_MAX];
	struct event *drain_timer;
	int64_t drain_until_ms; /* monotonic */
};

int
server_prepare(struct service_state *state, struct err *err)
{
	struct program *program = xmalloc(sizeof(*program));
	struct directory *directory = &program->directory;

	program->state = state;
	state->program = program;
	directory->paths = &state->paths;
	return fs_user(
		"vmail", &directory->vmail_uid, &directory->vmail_gid, err);
}

void
server_start(
	struct service_state *state, const struct server_protocols *protocols)
{
	struct program *program = state->program;
	struct directory *directory = &program->directory;
	struct judge_options options = { .loop = state->loop,
		.core = &directory->core,
		.on_login = usage_judge_login };

	directory->loop = state->loop;
	directory->lookup = lookup_new();
	directory->usage_writer = usage_new(state->loop, &directory->usage);
	options.login_context = directory->usage_writer;
	directory->judge = judge_new(&options);
	program->databases = databases_new(directory);
	program->sweep = usage_sweep_new(
		state->loop, &directory->core, &directory->usage);
	program->warner = quota_warner_new(directory);
	usage_on_bytes(
		directory->usage_writer, quota_warner_bytes, program->warner);
	for (int i = 0; state->service->sockets[i].name != NULL; i++) {
		const struct stream_protocol *protocol =
			protocols->protocols[i];

		if (protocol == NULL)
			program->control = ipc_server_new(state->loop,
				state->sockets[i], status_verbs, directory);
		else
			program->servers[i] = stream_server_new(state->loop,
				state->sockets[i], protocol, directory);
	}
}

static void
finish(struct program *program)
{
	struct directory *directory = &program->directory;
	bool complete;

	event_free(program->drain_timer);
	for (int i = 0; i < SERVICE_SOCKETS_MAX; i++)
		stream_server_free(&program->servers[i]);
	ipc_server_free(&program->control);
	judge_free(&directory->judge);
	usage_sweep_free(&program->sweep);
	complete = usage_free(&directory->usage_writer);
	quota_warner_free(&program->warner);
	if (complete)
		databases_stop(program->databases);
	databases_free(&program->databases);
	lookup_free(&directory->lookup);
	service_done(program->state);
}

static void
on_drain_timer(evutil_socket_t fd, short what, void *context)
{
	struct program *program = context;
	struct judge_stats stats;

	(void)fd;
	(void)what;
	judge_stats_get(program->directory.judge, &stats);
	if ((stats.waiting == 0 && stats.running == 0) ||
		clock_monotonic_ms() >= program->drain_until_ms)
		finish(program);
}

void
server_drain(struct service_state *state)
{
	struct program *program = state->program;
	const struct timeval interval = { .tv_usec = DRAIN_CHECK_MS * 1000 };

	program->drain_until_ms =
		clock_monotonic_ms() +
		state->service->drain_ms * DRAIN_PERCENT / 100;
	for (int i = 0; i < SERVICE_SOCKETS_MAX; i++)
		if (program->servers[i] != NULL)
			stream_server_drain(program->servers[i]);
	program->drain_timer =
		event_new(state->loop, -1, EV_PERSIST, on_drain_timer, program);
	BUG_ON(program->drain_timer == NULL);
	(void)event_add(program->drain_timer, &interval);
}
