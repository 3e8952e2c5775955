/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A report that the agent did not take is sent again, the newest only,
 * until it is taken. A check that is still running when the next is due
 * cannot be: its limit is shorter than the interval.
 */
#include "watch/program.h"

#include <jansson.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "io/ipc.h"
#include "model/instance.h"
#include "watch/resolver_check.h"

#define INTERVAL_S 30
#define LIMIT_MS 28000 /* of the 30 seconds that a check may take */
#define DNS_LIMIT_MS 20000
#define DNS_AGAIN_MS 500
#define PING_ATTEMPTS 3
#define PING_INTERVAL_MS 5000
#define REPORT_DEADLINE_MS 2000
#define REPORT_AGAIN_S 1

struct program {
	struct event_base *loop;
	struct arena *arena;
	struct instance instance;
	char agent[PATHS_MAX];
	struct resolver_check_options options;
	struct resolver_check *check;
	struct event *tick;
	struct event *report_again;
	struct resolver_result result; /* the last one */
	bool checked; /* result is one */
	bool reporting; /* a report is on its way */
	bool report_stale; /* result is newer than what is on its way */
	bool agent_silent; /* and that was said */
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
	if (instance_load(&state->paths, program->arena, instance, err) < 0)
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
on_reported(json_t *reply UNUSED, const struct err *err, void *context)
{
	struct program *program = context;
	bool failed = err && err->code != ERR_NONE;
	struct timeval wait = { .tv_sec = failed ? REPORT_AGAIN_S : 0 };

	program->reporting = false;
	if (failed && !program->agent_silent)
		log_warn("agent does not take the resolver's health, sending"
			 " it again",
			LOG_ERR(err));
	program->agent_silent = failed;
	if (failed || program->report_stale)
		event_add(program->report_again, &wait);
}

static void
report(struct program *program)
{
	json_t *request;

	if (program->reporting) {
		program->report_stale = true;
		return;
	}
	program->reporting = true;
	program->report_stale = false;
	request = json_pack("{s:s, s:s, s:b, s:s}", "verb", "health", "name",
		"resolver", "ok", (int)program->result.healthy, "text",
		program->result.text);
	BUG_ON(!request);
	ipc_request_async(program->loop, program->agent, request,
		REPORT_DEADLINE_MS, on_reported, program);
	json_decref(request);
}

static void
on_report_again(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	report(context);
}

static void
on_checked(const struct resolver_result *result, void *context)
{
	struct program *program = context;
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
	report(program);
}

static void
on_tick(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct program *program = context;

	BUG_ON(program->check);
	program->check = resolver_check_start(
		program->loop, &program->options, on_checked, program);
}

MUST_CHECK int
program_start(struct service_state *state, struct err *err UNUSED)
{
	struct program *program = state->program;
	struct timeval interval = { .tv_sec = INTERVAL_S };

	program->loop = state->loop;
	program->report_again =
		evtimer_new(state->loop, on_report_again, program);
	program->tick =
		event_new(state->loop, -1, EV_PERSIST, on_tick, program);
	event_add(program->tick, &interval);
	on_tick(-1, 0, program);
	return 0;
}

void
program_drain(struct service_state *state)
{
	service_done(state); /* nothing here is worth waiting for */
}
