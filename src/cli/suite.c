/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent answers over its socket; what works without it (is it running
 * at all?) is asked of s6 directly.
 */
#include "cli/suite.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "io/child.h"
#include "io/ipc.h"
#include "supervise/s6.h"

#define AGENT_SOCKET "control/agent"
#define SYSTEMD_RUNS "/run/systemd/system"
#define SYSTEMCTL "/usr/bin/systemctl"
#define SYSTEMD_UNIT "mailherd.service"
#define SYSTEMCTL_DEADLINE_MS 300000
#define HEALTHY_DEADLINE_MS 300000
#define AWAY_MS 2000
#define POLL_MS 20

const char *
suite_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

json_int_t
suite_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

void
suite_pause(int ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

int
suite_each_supervisor(const char *scan, const char *letters)
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
suite_is_systemds(const struct command_call *call)
{
	return call->paths.root[0] == '\0' && fs_exists(SYSTEMD_RUNS) &&
	       fs_exists("/lib/systemd/system/" SYSTEMD_UNIT);
}

int
suite_systemctl(
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
	snprintf(path, PATH_MAX, "%s/" SUITE_AGENT, call->paths.services);
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
	suite_pause(POLL_MS);
	return true;
}

int
suite_ask(const struct command_call *call, const char *verb,
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
suite_wait(const struct command_call *call, json_t **reply_out, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + HEALTHY_DEADLINE_MS;

	while (suite_ask(call, "wait", NULL, HEALTHY_DEADLINE_MS, reply_out,
		       err) == -1) {
		if (!is_worth_waiting(call, err, deadline_ms))
			return -1;
		suite_pause(POLL_MS);
	}
	return 0;
}
