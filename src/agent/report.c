/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers come from s6 and from what mailherd-run and mailherd-finish
 * wrote down, so they survive the agent. A process whose program file was
 * replaced (by an upgrade) is seen by "(deleted)" behind /proc/<pid>/exe;
 * every process of the service's session is looked at.
 */
#include "agent/report.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/generation.h"
#include "base/clock.h"
#include "base/fs.h"
#include "supervise/record.h"

#define DELETED " (deleted)"
#define OBSTACLE_MAX 4096

static void
check_deleted(pid_t pid, void *context)
{
	char path[64], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	length = readlink(path, target, sizeof(target) - 1);
	if (length <= (ssize_t)strlen(DELETED))
		return;
	target[length] = '\0';
	if (strcmp(target + length - strlen(DELETED), DELETED) == 0)
		*(bool *)context = true;
}

static void
write_last_exit(struct json_writer *w, const struct record_ended *ended)
{
	json_number(w, "crashes", ended->count);
	if (ended->at_ms == 0)
		return;
	json_object_open(w, "last_exit");
	json_number(w, "at", ended->at_ms / 1000);
	json_number(w, "code", ended->exit_code);
	json_number(w, "signal", ended->exit_signal);
	json_object_close(w);
}

/* s6 waits for mailherd-finish, which waits before the next start. */
static void
write_back_off(struct json_writer *w, const struct unit *unit,
	const struct record_ended *ended)
{
	int64_t left_ms = ended->at_ms + record_delay_s(ended) * INT64_C(1000) -
			  clock_wall_ms();

	if (unit->status.finishing && unit->status.wanted_up && left_ms > 0)
		json_number(w, "retry_in_s", (left_ms + 999) / 1000);
}

static void
write_running(struct json_writer *w, const struct unit *unit,
	const struct record_started *started)
{
	bool deleted = false;
	int64_t age_ms = clock_wall_ms() - started->at_ms;

	json_number(w, "pid", unit->status.pid);
	json_number(w, "uptime_s", age_ms > 0 ? age_ms / 1000 : 0);
	process_each_in_session(unit->status.pid, check_deleted, &deleted);
	json_bool(w, "program_replaced", deleted);
}

static void
write_unit(struct json_writer *w, const struct unit *unit)
{
	struct record_started started;
	struct record_ended ended;

	record_read_started(unit->directory, &started);
	record_read_ended(unit->directory, &ended);
	json_object_open(w, NULL);
	json_text(w, "name", unit->service->name);
	json_text(w, "engine", unit->engine->name);
	json_text(w, "state", unit_state_name(unit->state));
	json_bool(w, "essential", unit->service->essential);
	json_bool(w, "degraded", unit->degraded);
	json_text(w, "note", unit->note);
	if (s6_status_running(&unit->status))
		write_running(w, unit, &started);
	if (unit->took_ms >= 0)
		json_number(w, "ready_ms", unit->took_ms);
	json_number(w, "restarts", started.count > 0 ? started.count - 1 : 0);
	write_last_exit(w, &ended);
	write_back_off(w, unit, &ended);
	json_object_close(w);
}

static void
write_fact(struct json_writer *w, const struct sequencer_fact *fact)
{
	json_object_open(w, NULL);
	json_text(w, "name", fact->name);
	json_bool(w, "ok", fact->ok);
	json_text(w, "text", fact->text);
	json_object_close(w);
}

/* The generation in force, and why a newer one is not. */
static void
write_configuration(const struct agent *agent, struct json_writer *w)
{
	const struct paths *paths = &agent->service->paths;
	char path[PATH_MAX];
	struct strbuf text;
	struct err ignored;

	json_number(w, "generation", generation_current(paths));
	strbuf_init(&text, OBSTACLE_MAX);
	snprintf(path, sizeof(path), "%s/render-error", paths->run);
	if (fs_read(path, OBSTACLE_MAX, &text, &ignored) == 0 &&
		text.length > 0)
		json_text(w, "render_error", text.data);
	strbuf_deinit(&text);
}

void
report_write(const struct agent *agent, struct json_writer *w)
{
	const struct sequencer *sequencer = &agent->sequencer;
	struct utsname machine;

	json_text(w, "version", MAILHERD_VERSION);
	json_text(
		w, "architecture", uname(&machine) == 0 ? machine.machine : "");
	json_text(w, "hostname", agent->instance.hostname);
	json_text(w, "profile", instance_profile_name(agent->instance.profile));
	json_text(w, "state",
		sequencer->goal == SEQUENCER_DOWN
			? "stopping"
			: sequencer_verdict_name(
				  sequencer_judge(sequencer, NULL)));
	write_configuration(agent, w);
	json_array_open(w, "services");
	for (size_t i = 0; i < sequencer->unit_count; i++)
		write_unit(w, &sequencer->units[i]);
	json_array_close(w);
	json_array_open(w, "health");
	for (size_t i = 0; i < sequencer->fact_count; i++)
		write_fact(w, &sequencer->facts[i]);
	json_array_close(w);
}
