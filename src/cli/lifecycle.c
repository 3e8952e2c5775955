/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The commands that start, stop and look at the service tree. They speak
 * to the agent; what works without it (is it running at all?) is asked of
 * s6 directly.
 */
#include "cli/lifecycle.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/upgrade.h"
#include "io/child.h"
#include "io/ipc.h"
#include "supervise/s6.h"

#define AGENT_SOCKET "control/agent"
#define SYSTEMD_RUNS "/run/systemd/system"
#define SYSTEMCTL "/usr/bin/systemctl"
#define SYSTEMD_UNIT "mailherd.service"
#define SYSTEMCTL_DEADLINE_MS 300000
#define HEALTHY_DEADLINE_MS 300000
#define DOWN_DEADLINE_MS 120000
#define END_DEADLINE_MS 15000
#define AWAY_MS 2000
#define POLL_MS 20

const char *
lifecycle_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

json_int_t
lifecycle_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

void
lifecycle_pause(int ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

int
lifecycle_each_supervisor(const char *scan, const char *letters)
{
	DIR *directory = opendir(scan);
	struct dirent *entry;
	int count = 0;

	if (directory == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", scan, entry->d_name);
		if (s6_supervisor_pid(path) == 0)
			continue;
		count++;
		if (letters != NULL)
			(void)s6_command(path, letters);
		s6_hurry_finish(path);
	}
	closedir(directory);
	return count;
}

bool
lifecycle_is_systemds(const struct command_call *call)
{
	return call->paths.root[0] == '\0' && fs_exists(SYSTEMD_RUNS) &&
	       fs_exists("/lib/systemd/system/" SYSTEMD_UNIT);
}

int
lifecycle_systemctl(
	const char *verb, const char *option, int *status_out, struct err *err)
{
	const char *argv[] = { SYSTEMCTL, verb, SYSTEMD_UNIT, option, NULL };
	struct child_spec spec = { .argv = argv,
		.deadline_ms = SYSTEMCTL_DEADLINE_MS,
		.inherit_output = true };
	struct child_result result;
	struct strbuf output;
	int answer;

	strbuf_init(&output, 1);
	answer = child_run(&spec, &output, &result, err);
	strbuf_deinit(&output);
	if (answer == 0)
		*status_out = result.status;
	return answer;
}

static void
print_progress(json_t *packet, void *context)
{
	const struct command_call *call = context;
	const char *service =
		json_string_value(json_object_get(packet, "service"));
	const char *state = json_string_value(json_object_get(packet, "state"));
	const char *note = json_string_value(json_object_get(packet, "note"));
	json_int_t ms = json_integer_value(json_object_get(packet, "ms"));

	if (call->json || service == NULL || state == NULL)
		return;
	printf("  %-12s %-9s", service, state);
	if (strcmp(state, "ready") == 0 && ms >= 0)
		printf(" %d.%02d s", (int)(ms / 1000), (int)(ms % 1000 / 10));
	if (note != NULL && *note != '\0')
		printf(" %s", note);
	putchar('\n');
	fflush(stdout);
}

static void
agent_directory(const struct command_call *call, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/" LIFECYCLE_AGENT, call->paths.services);
}

/* The agent is being started again; if it has to wait for that, not now. */
static bool
is_away(const struct command_call *call, const struct err *err,
	int64_t until_ms)
{
	char agent[PATH_MAX];

	if (err->code != ERR_UNAVAILABLE || err->remedy[0] != '\0' ||
		clock_monotonic_ms() >= until_ms ||
		!s6_scan_running(call->paths.services))
		return false;
	agent_directory(call, agent);
	s6_hurry_finish(agent);
	lifecycle_pause(POLL_MS);
	return true;
}

int
lifecycle_ask(const struct command_call *call, const char *verb,
	const char *service, int deadline_ms, json_t **reply_out,
	struct err *err)
{
	char path[PATHS_MAX * 2];
	json_t *request = json_pack("{s:s}", "verb", verb), *reply = NULL;
	int64_t began_ms, until_ms = 0;
	int result;

	BUG_ON(request == NULL);
	if (service != NULL &&
		json_object_set_new(request, "service", json_string(service)))
		BUG_ON(true);
	snprintf(path, sizeof(path), "%s/" AGENT_SOCKET, call->paths.sockets);
	/* Each verb may be said twice, so an agent that is killed while it
	 * works is asked again; one that never comes back is not. */
	do {
		began_ms = clock_monotonic_ms();
		result = ipc_request(path, request, deadline_ms, print_progress,
			(void *)call, &reply, err);
		if (until_ms == 0 || clock_monotonic_ms() - began_ms > AWAY_MS)
			until_ms = clock_monotonic_ms() + AWAY_MS;
	} while (result == -1 && is_away(call, err, until_ms));
	json_decref(request);
	if (result == 0 && reply_out != NULL)
		*reply_out = reply;
	else
		json_decref(reply);
	return result;
}

/* The agent may not listen yet, or be between two lives. */
static bool
is_worth_waiting(const struct command_call *call, const struct err *err,
	int64_t deadline_ms)
{
	return (err->code == ERR_UNAVAILABLE || err->code == ERR_BUSY) &&
	       err->remedy[0] == '\0' &&
	       s6_scan_running(call->paths.services) &&
	       clock_monotonic_ms() < deadline_ms;
}

int
lifecycle_wait(
	const struct command_call *call, json_t **reply_out, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + HEALTHY_DEADLINE_MS;

	while (lifecycle_ask(call, "wait", NULL, HEALTHY_DEADLINE_MS, reply_out,
		       err) == -1) {
		if (!is_worth_waiting(call, err, deadline_ms))
			return -1;
		lifecycle_pause(POLL_MS);
	}
	return 0;
}

int
lifecycle_wait_healthy(struct command_call *call)
{
	int64_t began_ms = clock_monotonic_ms();
	json_t *reply = NULL;
	struct err err = { 0 };
	const char *state;

	if (lifecycle_wait(call, &reply, &err) == -1)
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
		(void)lifecycle_each_supervisor(call->paths.services, NULL);
		lifecycle_pause(POLL_MS);
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
	if (!is_direct && lifecycle_is_systemds(call)) {
		if (lifecycle_systemctl("stop", NULL, &status, &err) == -1)
			return command_fail(call, &err);
		return status;
	}
	/* Without an agent all stop at once, which is better than not. */
	if (lifecycle_ask(call, "down", NULL, DOWN_DEADLINE_MS, NULL, &err) ==
		-1) {
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
			"Exit status 0: it runs; 1: a service that is needed is not ready in time; 3: not running." },
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
