/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd restart: all, one service, or what is stale (--changed). The
 * agent does it; its own turn comes first, asked for from here, because it
 * can not answer for its own end. Each question may be asked again.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/lifecycle.h"
#include "cli/upgrade.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define ASK_DEADLINE_MS 10000
#define RESTART_DEADLINE_MS 300000
#define ROLL_DEADLINE_MS 900000
#define AGENT_DEADLINE_MS 30000
#define AGENT_ROUNDS 3
#define POLL_MS 20

static void
read_agent(const struct command_call *call, struct record_started *started_out,
	bool *ready_out)
{
	const char *directory = arena_printf(
		call->arena, "%s/" LIFECYCLE_AGENT, call->paths.services);
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
	if (lifecycle_ask(call, "restart", LIFECYCLE_AGENT, ASK_DEADLINE_MS,
		    NULL, err) == -1)
		return -1;
	for (;;) {
		read_agent(call, &now, &ready);
		if (ready && now.count != before.count)
			return 0;
		if (clock_monotonic_ms() > deadline_ms)
			break;
		lifecycle_pause(POLL_MS);
	}
	err_set(err, ERR_UNAVAILABLE, "the agent is not ready after %d s",
		AGENT_DEADLINE_MS / 1000);
	return err_remedy(err, "mailherd logs " LIFECYCLE_AGENT);
}

static bool
is_agent_stale(const json_t *report)
{
	const json_t *services = json_object_get(report, "services");

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *service = json_array_get(services, i);

		if (strcmp(lifecycle_text(service, "name"), LIFECYCLE_AGENT) ==
			0)
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

	if (lifecycle_ask(
		    call, "status", NULL, ASK_DEADLINE_MS, &report, err) == -1)
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

		if (strcmp(lifecycle_text(service, "name"), LIFECYCLE_AGENT) ==
				0 &&
			json_object_set_new(service, "action",
				json_string("restarted")) == -1)
			return; /* no memory: it is only told */
	}
	(void)json_object_set_new(reply, "changed", json_integer(changed + 1));
}

/* A new configuration may be one for the agent, too: it says so. */
int
lifecycle_roll(
	const struct command_call *call, json_t **reply_out, struct err *err)
{
	bool renewed;

	if (renew_agent(call, &renewed, err) == -1)
		return -1;
	for (int i = 0; i < AGENT_ROUNDS; i++) {
		json_t *reply;

		if (lifecycle_ask(call, "roll", NULL, ROLL_DEADLINE_MS, &reply,
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

static void
print_roll(const json_t *reply, int64_t ms)
{
	const json_t *services = json_object_get(reply, "services");

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *service = json_array_get(services, i);
		const char *reason = lifecycle_text(service, "reason");

		if (strcmp(lifecycle_text(service, "action"), "untouched") == 0)
			continue;
		printf("%s %s%s%s\n", lifecycle_text(service, "name"),
			lifecycle_text(service, "action"), *reason ? ": " : "",
			reason);
	}
	if (json_integer_value(json_object_get(reply, "changed")) == 0)
		puts("nothing to do");
	else
		printf("%s after %.1f s\n", lifecycle_text(reply, "state"),
			(double)ms / 1000);
}

/* Programs of a newer build would touch the data before it is copied. */
static int
refuse_when_due(const struct command_call *call, struct err *err)
{
	if (!upgrade_is_due(call))
		return 0;
	(void)err_set(err, ERR_BUSY,
		"a newer build is installed and not in force yet");
	return err_remedy(
		err, "mailherd upgrade brings it into force, or goes back");
}

int
lifecycle_restart_changed(const struct command_call *call)
{
	int64_t began_ms = clock_monotonic_ms();
	struct err err = { 0 };
	json_t *reply;

	if (refuse_when_due(call, &err) == -1 ||
		lifecycle_roll(call, &reply, &err) == -1)
		return command_fail(call, &err);
	(void)json_object_del(reply, "ok"); /* the protocol's, not ours */
	if (call->json) {
		json_dumpf(reply, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_roll(reply, clock_monotonic_ms() - began_ms);
	}
	json_decref(reply);
	return 0;
}

int
lifecycle_restart(struct command_call *call)
{
	const char *service = command_argument(call, 0);
	bool changed = command_option(call, "changed") != NULL;
	struct err err = { 0 };

	if (changed && service != NULL) {
		err_field(&err, ERR_INVALID, "changed",
			"--changed finds the services itself; name none");
		return command_fail(call, &err);
	}
	if (!s6_scan_running(call->paths.services)) {
		err_set(&err, ERR_UNAVAILABLE, "mailherd is not running");
		err_remedy(&err, "mailherd up");
		return command_fail(call, &err);
	}
	if (changed)
		return lifecycle_restart_changed(call);
	if ((service == NULL && refuse_when_due(call, &err) == -1) ||
		lifecycle_ask(call, "restart", service, RESTART_DEADLINE_MS,
			NULL, &err) == -1)
		return command_fail(call, &err);
	if (service == NULL)
		return lifecycle_wait_healthy(call);
	puts(call->json ? "{\"state\":\"restarted\"}" : "restarted");
	return 0;
}
