/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent's own turn comes first, asked for from here, because it can
 * not answer for its own end. Each question may be asked again.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/suite.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define ASK_DEADLINE_MS 10000
#define ROLL_DEADLINE_MS 900000
#define AGENT_DEADLINE_MS 30000
#define AGENT_ROUNDS 3
#define POLL_MS 20

static void
read_agent(const struct command_call *call, struct record_started *started_out,
	bool *ready_out)
{
	const char *directory = arena_printf(
		call->arena, "%s/" SUITE_AGENT, call->paths.services);
	struct s6_status status;

	s6_status_read(directory, &status);
	record_read_started(directory, started_out);
	*ready_out = s6_status_running(&status) && status.ready;
}

/* Returns when another agent is ready. */
static int
restart_agent(const struct command_call *call, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + AGENT_DEADLINE_MS;
	struct record_started before, now;
	bool ready;

	read_agent(call, &before, &ready);
	if (suite_ask(call, "restart", SUITE_AGENT, ASK_DEADLINE_MS, NULL,
		    err) == -1)
		return -1;
	for (;;) {
		read_agent(call, &now, &ready);
		if (ready && now.count != before.count)
			return 0;
		if (clock_monotonic_ms() > deadline_ms)
			break;
		suite_pause(POLL_MS);
	}
	err_set(err, ERR_UNAVAILABLE, "the agent is not ready after %d s",
		AGENT_DEADLINE_MS / 1000);
	return err_remedy(err, "mailherd logs " SUITE_AGENT);
}

static bool
is_agent_stale(const json_t *report)
{
	const json_t *services = json_object_get(report, "services");

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *service = json_array_get(services, i);

		if (strcmp(suite_text(service, "name"), SUITE_AGENT) == 0)
			return json_object_get(service, "stale") != NULL ||
			       json_is_true(json_object_get(
				       service, "program_replaced"));
	}
	return false;
}

/* An agent of an older release may not know what follows. */
static int
renew_agent(const struct command_call *call, bool *renewed_out, struct err *err)
{
	json_t *report;
	bool stale;

	if (suite_ask(call, "status", NULL, ASK_DEADLINE_MS, &report, err) ==
		-1)
		return -1;
	stale = is_agent_stale(report);
	json_decref(report);
	*renewed_out = stale;
	return stale ? restart_agent(call, err) : 0;
}

/* Its own part, which the new agent knows nothing of. */
static void
note_agent(json_t *reply)
{
	json_t *services = json_object_get(reply, "services");
	json_int_t changed =
		json_integer_value(json_object_get(reply, "changed"));

	for (size_t i = 0; i < json_array_size(services); i++) {
		json_t *service = json_array_get(services, i);

		if (strcmp(suite_text(service, "name"), SUITE_AGENT) == 0 &&
			json_object_set_new(service, "action",
				json_string("restarted")) == -1)
			return; /* no memory: it is only told */
	}
	(void)json_object_set_new(reply, "changed", json_integer(changed + 1));
}

/* A new configuration may be one for the agent, too: it says so. */
int
suite_roll(const struct command_call *call, json_t **reply_out, struct err *err)
{
	bool renewed;

	if (renew_agent(call, &renewed, err) == -1)
		return -1;
	for (int i = 0; i < AGENT_ROUNDS; i++) {
		json_t *reply;

		if (suite_ask(call, "roll", NULL, ROLL_DEADLINE_MS, &reply,
			    err) == -1)
			return -1;
		if (!json_is_true(json_object_get(reply, "restart_agent"))) {
			if (renewed)
				note_agent(reply);
			*reply_out = reply;
			return 0;
		}
		json_decref(reply);
		renewed = true;
		if (restart_agent(call, err) == -1)
			return -1;
	}
	return err_set(err, ERR_BUSY,
		"the configuration changes faster than it comes into force");
}
