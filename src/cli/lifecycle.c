/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands that start, stop and look at the service tree, and `down`
 * itself. What they are made of is suite.h.
 */
#include "cli/lifecycle.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/suite.h"
#include "cli/upgrade.h"
#include "supervise/s6.h"

#define DOWN_DEADLINE_MS 120000
#define END_DEADLINE_MS 15000
#define POLL_MS 20

int
lifecycle_wait_healthy(struct command_call *call)
{
	int64_t began_ms = clock_monotonic_ms();
	json_t *reply = NULL;
	struct err err = { 0 };
	const char *state;

	if (suite_wait(call, &reply, &err) == -1)
		return command_fail(call, &err);
	state = json_string_value(json_object_get(reply, "state"));
	if (call->json)
		printf("{\"state\":\"%s\"}\n", state ? state : "");
	else
		printf("%s after %.1f s\n", state ? state : "",
			(double)(clock_monotonic_ms() - began_ms) / 1000);
	json_decref(reply);
	upgrade_note_healthy(call);
	return 0;
}

static int
wait_for_end(const struct command_call *call, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + END_DEADLINE_MS;

	while (s6_scan_running(call->paths.services)) {
		if (clock_monotonic_ms() > deadline_ms)
			return err_set(err, ERR_BUSY,
				"services still run after %d s",
				END_DEADLINE_MS / 1000);
		(void)suite_each_supervisor(call->paths.services, NULL);
		suite_pause(POLL_MS);
	}
	return 0;
}

int
lifecycle_down(struct command_call *call)
{
	bool is_direct = command_option(call, "direct") != NULL;
	struct err err = { 0 };
	int status = 0;

	if (!s6_scan_running(call->paths.services)) {
		puts(call->json ? "{\"state\":\"down\"}" : "not running");
		return 0;
	}
	/* Else systemd would start it again. */
	if (!is_direct && suite_is_systemds(call)) {
		if (suite_systemctl("stop", NULL, &status, &err) == -1)
			return command_fail(call, &err);
		return status;
	}
	/* Without an agent all stop at once, which is better than not. */
	if (suite_ask(call, "down", NULL, DOWN_DEADLINE_MS, NULL, &err) == -1) {
		fprintf(stderr, "no ordered stop: %s\n", err.text);
		(void)s6_scan_command(call->paths.services, "t");
	}
	/* s6-svscan waits for us when it is the one that called. */
	if (!is_direct && wait_for_end(call, &err) == -1)
		return command_fail(call, &err);
	puts(call->json ? "{\"state\":\"down\"}" : "down");
	return 0;
}

static const struct command_option UP_OPTIONS[] = {
	{ .name = "foreground",
		.sentence =
			"Become the supervisor, as systemd and containers want it" },
	{ .name = "container",
		.sentence =
			"The same as a container's first process: makes the instance first, from MAILHERD_HOSTNAME, MAILHERD_DOMAIN, MAILHERD_PROFILE, MAILHERD_TZ, MAILHERD_IPV6, MAILHERD_FORWARDERS and MAILHERD_LISTEN, where there is none" },
	{ .name = NULL },
};

static const struct command_option DOWN_OPTIONS[] = {
	{ .name = "direct", .sentence = "Do not go through systemd" },
	{ .name = NULL },
};

static const struct command_option RESTART_OPTIONS[] = {
	{ .name = "changed",
		.sentence =
			"Restart or reload, one at a time, what does not run its newest program or configuration" },
	{ .name = NULL },
};

static const struct command_option LOGS_OPTIONS[] = {
	{ .name = "follow", .sentence = "Go on with what comes" },
	{ .name = "f", .sentence = "The same" },
	{ .name = "lines",
		.value = "N",
		.sentence = "How many lines of the past (100)" },
	{ .name = NULL },
};

const struct command lifecycle_commands[] = {
	{ .name = "up",
		.usage = "",
		.summary = "Start all services and wait until they are healthy",
		.privilege = COMMAND_ROOT,
		.run = lifecycle_up,
		.options = UP_OPTIONS,
		.description =
			"Renders the configuration first. When an engine's own check finds fault with it, the last good one stays in force, and the file and line are said. With systemd the unit mailherd.service is started. What runs already is left alone." },
	{ .name = "down",
		.usage = "",
		.summary = "Stop all services in order",
		.privilege = COMMAND_ROOT,
		.run = lifecycle_down,
		.options = DOWN_OPTIONS,
		.description = "Public listeners stop first, databases last." },
	{ .name = "restart",
		.usage = "[SERVICE]",
		.summary = "Render, check and restart one service or all",
		.privilege = COMMAND_ROOT,
		.run = lifecycle_restart,
		.arguments_max = 1,
		.options = RESTART_OPTIONS,
		.description =
			"Needed after a change of mailherd.conf or of a file below engines/ beside it; changes of domains, mailboxes and aliases need nothing. A configuration that does not pass the engine's own check is refused and everything goes on as it was; one with which the service does not become ready is taken back. With --changed every service that runs a replaced program or library, or was started with other files than are in force, is brought up to date, one after the other; where only files changed and the engine can read them again, without a restart, so that ports refuse nobody and sessions stay. Cuts the wait of a service short that ended too often." },
	{ .name = "status",
		.usage = "",
		.summary = "Show each service and how it is",
		.privilege = COMMAND_ROOT,
		.run = lifecycle_status,
		.description =
			"Exit status 0: it runs; 1: a service that is needed is not ready in time; 3: not running; 75: it is starting or stopping, ask again." },
	{ .name = "logs",
		.usage = "[SERVICE]",
		.summary = "Show what services wrote",
		.privilege = COMMAND_ROOT,
		.run = lifecycle_logs,
		.arguments_max = 1,
		.options = LOGS_OPTIONS,
		.description =
			"Without a service the lines of all, in the order of their time. JSON is one object a line." },
	{ .name = "exec",
		.usage = "TOOL [ARGUMENT]...",
		.summary = "Run an engine's own tool against this instance",
		.privilege = COMMAND_ROOT,
		.run = lifecycle_exec,
		.arguments_min = 1,
		.arguments_max = COMMAND_ANY_COUNT,
		.pass_through = true,
		.description =
			"The tool gets the configuration of this instance and all that stands behind its name: mailherd exec postqueue -p. A wrong name shows which tools there are." },
	{ .name = NULL },
};
