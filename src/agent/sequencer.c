/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Up: a unit that is neither running nor wanted up is started when all of
 * `after` is ready, and of `prefer` either all is or the time for it is
 * over. Down: the lowest stop_order that still runs is told to stop; the
 * next one waits until it is down. Within one order all stop together.
 */
#include "agent/sequencer.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/tree.h"
#include "base/compiler.h"

#define RETRY_MS 50
#define HOLD_MS 300
#define HEALTH_PREFIX "health:"

static const char *const STATE_NAMES[] = {
	[UNIT_DOWN] = "down",
	[UNIT_OFF] = "off",
	[UNIT_WAITING] = "waiting",
	[UNIT_STARTING] = "starting",
	[UNIT_READY] = "ready",
	[UNIT_RESTARTING] = "restarting",
	[UNIT_OVERDUE] = "overdue",
	[UNIT_BLOCKED] = "blocked",
	[UNIT_STOPPING] = "stopping",
};

static const char *const VERDICT_NAMES[] = {
	[SEQUENCER_PENDING] = "starting",
	[SEQUENCER_HEALTHY] = "healthy",
	[SEQUENCER_DEGRADED] = "degraded",
	[SEQUENCER_FAILED] = "failed",
};

const char *
unit_state_name(enum unit_state state)
{
	return STATE_NAMES[state];
}

const char *
sequencer_verdict_name(enum sequencer_verdict verdict)
{
	return VERDICT_NAMES[verdict];
}

void
sequencer_init(struct sequencer *sequencer, const struct engine *engines,
	size_t engine_count, const char *scan,
	const struct sequencer_operations *operations)
{
	*sequencer = (struct sequencer){ .operations = operations };
	for (size_t i = 0; i < engine_count; i++)
		for (size_t j = 0; engines[i].services[j].name != NULL; j++) {
			const struct engine_service *service =
				&engines[i].services[j];
			struct unit *unit =
				&sequencer->units[sequencer->unit_count];

			BUG_ON(sequencer->unit_count == SEQUENCER_UNITS_MAX);
			snprintf(unit->directory, sizeof(unit->directory),
				"%s/%s", scan, service->name);
			if (!operations->path_exists(unit->directory))
				continue;
			sequencer->unit_count++;
			unit->engine = &engines[i];
			unit->service = service;
			unit->took_ms = -1;
			unit->starts_alone = tree_starts_alone(
				engines, engine_count, service->name);
		}
}

struct unit *
sequencer_find(struct sequencer *sequencer, const char *service)
{
	for (size_t i = 0; i < sequencer->unit_count; i++)
		if (strcmp(sequencer->units[i].service->name, service) == 0)
			return &sequencer->units[i];
	return NULL;
}

static const struct sequencer_fact *
find_fact(const struct sequencer *sequencer, const char *name)
{
	for (size_t i = 0; i < sequencer->fact_count; i++)
		if (strcmp(sequencer->facts[i].name, name) == 0)
			return &sequencer->facts[i];
	return NULL;
}

/* It ends on root's terminal; who says it is less than root. */
static void
make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

bool
sequencer_set_fact(struct sequencer *sequencer, const char *name, bool ok,
	const char *text)
{
	struct sequencer_fact *fact =
		(struct sequencer_fact *)find_fact(sequencer, name);
	bool was_ok = fact == NULL || fact->ok;

	if (fact == NULL) {
		if (sequencer->fact_count == SEQUENCER_FACTS_MAX)
			return true; /* the verb's names are few; more is a bug */
		fact = &sequencer->facts[sequencer->fact_count++];
		snprintf(fact->name, sizeof(fact->name), "%s", name);
		make_printable(fact->name);
	}
	fact->ok = ok;
	snprintf(fact->text, sizeof(fact->text), "%s", text);
	make_printable(fact->text);
	return was_ok;
}

static bool
is_ready(const struct unit *unit)
{
	return s6_status_running(&unit->status) &&
	       (unit->status.ready ||
		       unit->service->ready == ENGINE_READY_NONE);
}

bool
sequencer_stays_ready(const struct unit *unit, int64_t now_ms)
{
	int hold_ms = unit->service->ready == ENGINE_READY_PROBE ? HOLD_MS : 0;

	return unit->state == UNIT_READY && !unit->restarting &&
	       now_ms >= unit->ready_ms + hold_ms;
}

static bool
is_down(const struct unit *unit)
{
	return unit->status.supervised && unit->status.pid == 0 &&
	       !unit->status.wanted_up;
}

static void
send_stop(const struct sequencer *sequencer, struct unit *unit)
{
	if (!unit->stop_sent)
		unit->stop_sent = sequencer->operations->command(unit, "d");
	if (unit->status.finishing)
		sequencer->operations->hurry(unit);
	unit->state = UNIT_STOPPING;
	unit->note[0] = '\0';
	unit->degraded = false;
}

/* As if it had never been started. */
static void
forget_start(struct unit *unit)
{
	unit->stop_sent = false;
	unit->restarting = false;
	unit->began_ms = 0;
	unit->started_ms = 0;
	unit->took_ms = -1;
	unit->degraded = false;
	unit->note[0] = '\0';
}

void
sequencer_restart(struct unit *unit)
{
	unit->restarting = true;
	unit->ready_ms = 0;
	unit->ran_before = unit->state == UNIT_READY;
	unit->stop_sent = false;
}

/* True when the fact or service that is preferred is there. */
static bool
preference_met(struct sequencer *sequencer, const char *name)
{
	const struct sequencer_fact *fact;
	const struct unit *unit;

	if (strncmp(name, HEALTH_PREFIX, strlen(HEALTH_PREFIX)) == 0) {
		fact = find_fact(sequencer, name + strlen(HEALTH_PREFIX));
		return fact != NULL && fact->ok;
	}
	unit = sequencer_find(sequencer, name);
	return unit == NULL || unit->state == UNIT_READY ||
	       unit->state == UNIT_OFF;
}

static const char *
missing_preference(struct sequencer *sequencer, const struct unit *unit)
{
	for (size_t i = 0; unit->service->prefer[i] != NULL; i++)
		if (!preference_met(sequencer, unit->service->prefer[i]))
			return unit->service->prefer[i];
	return NULL;
}

/* A service that is overdue will not come because somebody waits. */
static const char *
awaited_preference(struct sequencer *sequencer, const struct unit *unit)
{
	for (size_t i = 0; unit->service->prefer[i] != NULL; i++) {
		const char *name = unit->service->prefer[i];
		const struct unit *preferred = sequencer_find(sequencer, name);

		if (!preference_met(sequencer, name) &&
			(preferred == NULL ||
				(preferred->state != UNIT_OVERDUE &&
					preferred->state != UNIT_BLOCKED)))
			return name;
	}
	return NULL;
}

bool
sequencer_misses_known(struct sequencer *sequencer, const struct unit *unit)
{
	for (size_t i = 0; unit->service->prefer[i] != NULL; i++) {
		const char *name = unit->service->prefer[i];
		bool is_unknown = strncmp(name, HEALTH_PREFIX,
					  strlen(HEALTH_PREFIX)) == 0 &&
				  find_fact(sequencer,
					  name + strlen(HEALTH_PREFIX)) == NULL;

		if (!is_unknown && !preference_met(sequencer, name))
			return true;
	}
	return false;
}

static struct unit *
missing_need(struct sequencer *sequencer, const struct unit *unit)
{
	for (size_t i = 0; unit->service->after[i] != NULL; i++) {
		struct unit *need =
			sequencer_find(sequencer, unit->service->after[i]);

		if (need != NULL && need->state != UNIT_READY &&
			need->state != UNIT_OFF)
			return need;
	}
	return NULL;
}

static void
mark_ready(struct sequencer *sequencer, struct unit *unit, int64_t now_ms)
{
	if (unit->state != UNIT_READY && unit->started_ms != 0)
		unit->took_ms = now_ms - unit->started_ms;
	if (!unit->settled) {
		sequencer->operations->set_down_file(unit, false);
		unit->settled = true;
	}
	if (unit->state != UNIT_READY || unit->ready_ms == 0)
		unit->ready_ms = now_ms;
	unit->state = UNIT_READY;
	unit->stop_sent = false;
	unit->ran_before = false;
	if (unit->degraded && missing_preference(sequencer, unit) == NULL)
		unit->degraded = false;
	if (!unit->degraded)
		unit->note[0] = '\0';
}

/* Running or to be started by s6, but not ready. */
static int64_t
mark_unready(struct unit *unit, int64_t now_ms)
{
	int64_t deadline_ms;

	unit->ready_ms = 0;
	if (unit->state == UNIT_READY || unit->started_ms == 0)
		unit->started_ms = now_ms;
	deadline_ms = unit->started_ms + unit->service->start_ms;
	if (now_ms >= deadline_ms) {
		unit->state = UNIT_OVERDUE;
		snprintf(unit->note, sizeof(unit->note), "not ready after %d s",
			(unit->service->start_ms + 999) / 1000);
		return SEQUENCER_NEVER;
	}
	if (unit->status.finishing || unit->state == UNIT_READY)
		unit->state = UNIT_RESTARTING;
	else if (unit->state != UNIT_RESTARTING)
		unit->state = UNIT_STARTING;
	return deadline_ms;
}

static int64_t
wait_for_preference(struct unit *unit, const char *name, int64_t until_ms)
{
	unit->state = UNIT_WAITING;
	snprintf(unit->note, sizeof(unit->note), "waiting for %s, at most %d s",
		name, (unit->service->prefer_ms + 999) / 1000);
	return until_ms;
}

static void
wait_for_need(struct unit *unit, const struct unit *need)
{
	bool hopeless =
		need->state == UNIT_OVERDUE || need->state == UNIT_BLOCKED;

	unit->state = hopeless ? UNIT_BLOCKED : UNIT_WAITING;
	snprintf(unit->note, sizeof(unit->note), "waiting for %s",
		need->service->name);
}

static int64_t
start(struct sequencer *sequencer, struct unit *unit, const char *missing,
	int64_t now_ms)
{
	if (!sequencer->operations->command(unit, "u")) {
		unit->state = UNIT_WAITING;
		unit->started_ms = 0;
		snprintf(unit->note, sizeof(unit->note),
			"waiting for its supervisor");
		return now_ms + RETRY_MS;
	}
	unit->state = UNIT_STARTING;
	unit->started_ms = now_ms;
	unit->degraded = missing != NULL;
	unit->note[0] = '\0';
	if (missing != NULL)
		snprintf(unit->note, sizeof(unit->note),
			"started without %s, which was not there in time",
			missing);
	return now_ms + unit->service->start_ms;
}

static int64_t
try_start(struct sequencer *sequencer, struct unit *unit, int64_t now_ms)
{
	const struct engine_service *service = unit->service;
	const struct unit *need;
	const char *awaited;

	if (service->condition != NULL &&
		!sequencer->operations->path_exists(service->condition)) {
		unit->state = UNIT_OFF;
		snprintf(unit->note, sizeof(unit->note), "%s does not exist",
			service->condition);
		return SEQUENCER_NEVER;
	}
	/* Waiting for needs is waiting for preferences, too. */
	if (unit->began_ms == 0)
		unit->began_ms = now_ms;
	need = missing_need(sequencer, unit);
	if (need != NULL) {
		wait_for_need(unit, need);
		return SEQUENCER_NEVER;
	}
	awaited = awaited_preference(sequencer, unit);
	if (awaited != NULL && !unit->ran_before &&
		now_ms < unit->began_ms + service->prefer_ms)
		return wait_for_preference(
			unit, awaited, unit->began_ms + service->prefer_ms);
	return start(
		sequencer, unit, missing_preference(sequencer, unit), now_ms);
}

static int64_t
step_up(struct sequencer *sequencer, struct unit *unit, int64_t now_ms)
{
	if (unit->restarting) {
		if (!is_down(unit)) {
			send_stop(sequencer, unit);
			return now_ms + RETRY_MS;
		}
		forget_start(unit);
		unit->state = UNIT_DOWN;
	}
	if (is_ready(unit)) {
		mark_ready(sequencer, unit, now_ms);
		return SEQUENCER_NEVER;
	}
	if (unit->status.wanted_up || s6_status_running(&unit->status))
		return mark_unready(unit, now_ms);
	/* Commanded up just now; s6 has not said so yet. */
	if (unit->state == UNIT_STARTING &&
		now_ms < unit->started_ms + RETRY_MS)
		return unit->started_ms + RETRY_MS;
	return try_start(sequencer, unit, now_ms);
}

static int
lowest_order(const struct sequencer *sequencer)
{
	int lowest = INT_MAX;

	for (size_t i = 0; i < sequencer->unit_count; i++) {
		const struct unit *unit = &sequencer->units[i];

		if (!unit->starts_alone && !is_down(unit) &&
			unit->service->stop_order < lowest)
			lowest = unit->service->stop_order;
	}
	return lowest;
}

static int64_t
step_down(struct sequencer *sequencer, int64_t now_ms)
{
	int lowest = lowest_order(sequencer);

	for (size_t i = 0; i < sequencer->unit_count; i++) {
		struct unit *unit = &sequencer->units[i];

		if (unit->starts_alone)
			continue;
		if (is_down(unit)) {
			unit->state = UNIT_DOWN;
			unit->note[0] = '\0';
			continue;
		}
		if (unit->service->stop_order != lowest)
			continue;
		/* First, so that a killed supervisor does not start it. */
		if (!unit->stop_sent)
			sequencer->operations->set_down_file(unit, true);
		unit->settled = false;
		send_stop(sequencer, unit);
	}
	sequencer->all_down = lowest == INT_MAX;
	return sequencer->all_down ? SEQUENCER_NEVER : now_ms + RETRY_MS;
}

int64_t
sequencer_step(struct sequencer *sequencer, int64_t now_ms)
{
	int64_t wake_ms = SEQUENCER_NEVER;
	bool again = true;

	if (sequencer->goal == SEQUENCER_DOWN)
		return step_down(sequencer, now_ms);
	/* Who becomes ready may let those before it in the table start. */
	while (again) {
		again = false;
		wake_ms = SEQUENCER_NEVER;
		for (size_t i = 0; i < sequencer->unit_count; i++) {
			struct unit *unit = &sequencer->units[i];
			enum unit_state before = unit->state;
			int64_t wake = step_up(sequencer, unit, now_ms);

			wake_ms = wake < wake_ms ? wake : wake_ms;
			again = again || unit->state != before;
		}
	}
	return wake_ms;
}

static enum sequencer_verdict
judge_unit(const struct unit *unit)
{
	switch (unit->state) {
	case UNIT_OFF:
		return SEQUENCER_HEALTHY;
	case UNIT_READY:
		return unit->restarting ? SEQUENCER_PENDING
		       : unit->degraded ? SEQUENCER_DEGRADED
					: SEQUENCER_HEALTHY;
	case UNIT_OVERDUE:
	case UNIT_BLOCKED:
		return unit->service->essential ? SEQUENCER_FAILED
						: SEQUENCER_DEGRADED;
	default:
		return SEQUENCER_PENDING;
	}
}

enum sequencer_verdict
sequencer_judge(
	const struct sequencer *sequencer, const struct unit **culprit_out)
{
	/* FAILED is said at once; PENDING hides DEGRADED. */
	static const int RANK[] = { [SEQUENCER_HEALTHY] = 0,
		[SEQUENCER_DEGRADED] = 1,
		[SEQUENCER_PENDING] = 2,
		[SEQUENCER_FAILED] = 3 };
	enum sequencer_verdict worst = SEQUENCER_HEALTHY;
	const struct unit *culprit = NULL;

	for (size_t i = 0; i < sequencer->unit_count; i++) {
		const struct unit *unit = &sequencer->units[i];
		enum sequencer_verdict verdict = judge_unit(unit);
		/* Name the cause, not who waits for it. */
		bool better = RANK[verdict] == RANK[worst] && culprit != NULL &&
			      culprit->state == UNIT_BLOCKED &&
			      unit->state == UNIT_OVERDUE;

		if (RANK[verdict] > RANK[worst] || better) {
			worst = verdict;
			culprit = unit;
		}
	}
	if (culprit_out != NULL)
		*culprit_out = culprit;
	return worst;
}
