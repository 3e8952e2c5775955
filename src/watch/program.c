/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The next check begins when one is over: soon, while the resolver is ill. */
#include "watch/program.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "io/health.h"
#include "model/instance.h"
#include "watch/disk_check.h"
#include "watch/resolver_check.h"

#define HEALTHY_S 30
#define ILL_S 5
#define LIMIT_MS 28000
#define DNS_LIMIT_MS 20000
#define DNS_AGAIN_MS 500
#define PING_ATTEMPTS 3
#define PING_INTERVAL_MS 5000

struct program {
	struct event_base *loop;
	struct arena *arena;
	struct instance instance;
	char agent[PATHS_MAX];
	struct resolver_check_options options;
	struct resolver_check *check;
	struct event *tick;
	struct health *health;
	struct disk_check *disks;
	struct resolver_result result; /* the last one */
	bool checked; /* result is one */
};

MUST_CHECK int
program_prepare(struct service_state *state, struct err *err)
{
	struct program *program = xmalloc(sizeof(*program));
	struct instance *instance = &program->instance;

	state->program = program;
	program->arena = arena_new();
	snprintf(program->agent, sizeof(program->agent), "%.*s/watch/agent",
		(int)sizeof(program->agent) - (int)sizeof("/watch/agent"),
		state->paths.sockets);
	if (instance_load_or_last(
		    &state->paths, program->arena, instance, err) < 0)
		return -1;
	program->options = (struct resolver_check_options){
		.skip = instance->resolver_check_skip,
		.limit_ms = LIMIT_MS,
		.dns = {
			.resolver = instance->resolver_address,
			.names = instance->resolver_check_names,
			.limit_ms = DNS_LIMIT_MS,
			.again_ms = DNS_AGAIN_MS,
		},
		.ping = {
			.addresses = instance->resolver_check_addresses,
			.attempts = PING_ATTEMPTS,
			.interval_ms = PING_INTERVAL_MS,
		},
	};
	ping_sockets_open(&program->options.ping.sockets);
	if (program->options.ping.sockets.v4 < 0)
		log_warn("ping is not permitted here, checking the resolver"
			 " without it",
			LOG_END);
	return 0;
}

static void
on_checked(const struct resolver_result *result, void *context)
{
	struct program *program = context;
	const struct timeval wait = { .tv_sec = result->healthy ? HEALTHY_S
								: ILL_S };
	bool changed =
		!program->checked || program->result.healthy != result->healthy;

	program->check = NULL;
	program->checked = true;
	program->result = *result;
	log_debug("resolver checked", LOG_TEXT("text", result->text),
		LOG_NUMBER("healthy", result->healthy));
	if (changed && result->healthy)
		log_info("resolver is healthy", LOG_TEXT("text", result->text));
	else if (changed)
		log_error("resolver is not healthy, mail cannot be delivered"
			  " to others",
			LOG_TEXT("text", result->text));
	health_set(program->health, result->healthy, result->text);
	event_add(program->tick, &wait);
}

static void
on_tick(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct program *program = context;

	program->check = resolver_check_start(
		program->loop, &program->options, on_checked, program);
}

MUST_CHECK int
program_start(struct service_state *state, struct err *err UNUSED)
{
	struct program *program = state->program;

	program->loop = state->loop;
	program->health = health_new(state->loop, program->agent, "resolver");
	program->tick = evtimer_new(state->loop, on_tick, program);
	on_tick(-1, 0, program);
	program->disks =
		disk_check_new(state->loop, &state->paths, program->agent);
	return 0;
}

void
program_drain(struct service_state *state)
{
	service_done(state); /* nothing here is worth waiting for */
}
