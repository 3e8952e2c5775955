/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Numbers come from s6 and from what mailherd-run and mailherd-finish
 * wrote down, so they survive the agent.
 */
#include "agent/report.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/generation.h"
#include "agent/isolation.h"
#include "agent/stale.h"
#include "base/clock.h"
#include "base/fs.h"
#include "supervise/record.h"

#define OBSTACLE_MAX 4096

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
	const struct record_started *started, const struct stale *stale)
{
	int64_t age_ms = clock_wall_ms() - started->at_ms;

	json_number(w, "pid", unit->status.pid);
	json_number(w, "uptime_s", age_ms > 0 ? age_ms / 1000 : 0);
	json_bool(w, "program_replaced", stale->replaced);
}

/* Why its gate does not let it start. */
static void
write_refusal(struct json_writer *w, const struct unit *unit)
{
	char text[RECORD_REFUSAL_MAX];

	if (unit->state == UNIT_READY || unit->service->gate[0] == NULL)
		return;
	record_read_refusal(unit->directory, text);
	if (text[0] != '\0')
		json_text(w, "refused", text);
}

static void
write_unit(struct json_writer *w, const struct unit *unit,
	const struct stale *stale)
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
	write_refusal(w, unit);
	if (s6_status_running(&unit->status))
		write_running(w, unit, &started, stale);
	if (stale->action != STALE_NOT)
		json_text(w, "stale", stale->reason);
	if (unit->took_ms >= 0)
		json_number(w, "ready_ms", unit->took_ms);
	json_number(w, "restarts", started.count > 0 ? started.count - 1 : 0);
	write_last_exit(w, &ended);
	write_back_off(w, unit, &ended);
	json_object_close(w);
}

static void
write_fact(struct json_writer *w, const char *name, bool ok, const char *text)
{
	json_object_open(w, NULL);
	json_text(w, "name", name);
	json_bool(w, "ok", ok);
	json_text(w, "text", text);
	json_object_close(w);
}

/* What others have told, and what mailherd-prepare left behind. */
static void
write_facts(const struct agent *agent, struct json_writer *w)
{
	const struct sequencer *sequencer = &agent->sequencer;
	struct isolation_state isolation;

	json_array_open(w, "health");
	for (size_t i = 0; i < sequencer->fact_count; i++)
		write_fact(w, sequencer->facts[i].name, sequencer->facts[i].ok,
			sequencer->facts[i].text);
	if (isolation_read(&agent->service->paths, &isolation))
		write_fact(w, "isolation", isolation.ok, isolation.text);
	json_array_close(w);
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

/* By Debian's names, as packages have them. */
static void
write_architecture(struct json_writer *w)
{
	static const char *const NAMES[][2] = { { "x86_64", "amd64" },
		{ "aarch64", "arm64" } };
	struct utsname machine;
	const char *name;

	if (uname(&machine) == -1)
		machine.machine[0] = '\0';
	name = machine.machine;
	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
		if (strcmp(name, NAMES[i][0]) == 0)
			name = NAMES[i][1];
	json_text(w, "architecture", name);
}

void
report_write(const struct agent *agent, struct json_writer *w)
{
	const struct sequencer *sequencer = &agent->sequencer;
	struct stale stale[SEQUENCER_UNITS_MAX];

	stale_find(&agent->service->paths, sequencer, stale);
	json_text(w, "version", MAILHERD_VERSION);
	write_architecture(w);
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
		write_unit(w, &sequencer->units[i], &stale[i]);
	json_array_close(w);
	write_facts(agent, w);
}
