/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Held against a generation is the failure of a service whose run line,
 * files or private mounts it changed, and that of one which is needed and
 * was well before: its port may be another's now. Who was ill already is
 * no reason to refuse a change. mailherd.conf itself does not go back, so
 * our own programs count by their run lines only.
 */
#include "agent/probation.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/generation.h"
#include "agent/preparing.h"
#include "agent/roller.h"
#include "agent/stale.h"
#include "agent/trial.h"
#include "base/alloc.h"
#include "base/log.h"
#include "supervise/record.h"

struct probation {
	struct agent *agent;
	bool is_on;
	bool goes_back;
	struct trial trial;
	bool counts[SEQUENCER_UNITS_MAX]; /* its failure is held against it */
	bool has_settled; /* something was judged in this life of ours */
	int64_t failures[SEQUENCER_UNITS_MAX]; /* of units, before it */
	struct err cause; /* of the way back */
};

/* Right after a start nobody is ready, and nobody was seen to be ill. */
static bool
was_well(const struct probation *probation, const struct unit *unit)
{
	return unit->service->essential &&
	       (unit->state == UNIT_READY || !probation->has_settled);
}

static void
note_units(struct probation *probation)
{
	struct agent *agent = probation->agent;

	for (size_t i = 0; i < agent->sequencer.unit_count; i++) {
		const struct unit *unit = &agent->sequencer.units[i];
		struct record_ended ended;

		record_read_ended(unit->directory, &ended);
		probation->failures[i] = ended.count;
		probation->counts[i] = was_well(probation, unit) ||
				       stale_differs(&agent->service->paths,
					       unit, probation->trial.previous,
					       probation->trial.current);
	}
}

static void
look(struct probation *probation)
{
	struct trial trial = { 0 };
	const struct paths *paths = &probation->agent->service->paths;
	bool is_on = trial_read(paths, generation_current(paths), &trial);
	bool is_new =
		is_on && (!probation->is_on ||
				 trial.current != probation->trial.current ||
				 trial.previous != probation->trial.previous);

	probation->is_on = is_on;
	probation->trial = trial;
	if (is_new)
		note_units(probation);
}

/* True, with the cause, when it does not become ready with what changed. */
static bool
has_failed(const struct probation *probation, size_t place, struct err *err)
{
	const struct unit *unit = &probation->agent->sequencer.units[place];
	struct record_ended ended;

	if (!probation->counts[place] ||
		record_generation(unit->directory) != probation->trial.current)
		return false;
	if (unit->state == UNIT_OVERDUE) {
		(void)agent_unit_error(unit, err); /* is the error */
		return true;
	}
	record_read_ended(unit->directory, &ended);
	if (unit->state == UNIT_READY ||
		ended.count - probation->failures[place] < ROLL_FAILURES_MAX)
		return false;
	agent_end_error(unit, &ended, err);
	return true;
}

static bool
find_failed(const struct probation *probation, struct err *err)
{
	for (size_t i = 0; i < probation->agent->sequencer.unit_count; i++)
		if (has_failed(probation, i, err))
			return true;
	return false;
}

/* For `mailherd status`; the next mailherd-prepare takes it away. */
static void
keep_obstacle(const struct probation *probation)
{
	char path[PATH_MAX];
	struct err err;

	snprintf(path, sizeof(path), "%s/render-error",
		probation->agent->service->paths.run);
	if (record_replace(path, probation->cause.text, 0600, &err) == -1)
		log_warn("cause of a step back not kept", LOG_ERR(&err));
}

static void
give_up_trial(struct probation *probation)
{
	struct err err;

	probation->is_on = false;
	if (trial_end(&probation->agent->service->paths, &err) == -1)
		log_warn("trial not ended", LOG_ERR(&err));
}

static void
on_back(const struct child_result *result, const struct strbuf *output,
	const struct err *start_error, void *context)
{
	struct probation *probation = context;
	struct err err = { 0 };

	probation->goes_back = false;
	if (preparing_failed(result, output, start_error, &err)) {
		log_error("no way back to the previous configuration",
			LOG_ERR(&err));
		give_up_trial(probation);
		agent_fail_waiting(probation->agent, &probation->cause);
	} else {
		err_prefix(&probation->cause,
			"configuration %d is in force again, because with the new one",
			probation->trial.previous);
		probation->is_on = false;
		keep_obstacle(probation);
		agent_fail_waiting(probation->agent, &probation->cause);
		roller_restore(probation->agent->roller);
	}
	agent_turn(probation->agent);
}

static void
step_back(struct probation *probation)
{
	char number[16];
	const char *arguments[] = { "--use", number, NULL };

	snprintf(number, sizeof(number), "%d", probation->trial.previous);
	log_error("stepping back to the previous configuration",
		LOG_NUMBER("generation", probation->trial.previous),
		LOG_ERR(&probation->cause));
	probation->goes_back = true;
	preparing_start(
		probation->agent->service, arguments, on_back, probation);
}

void
probation_turn(struct probation *probation)
{
	if (probation->goes_back)
		return;
	look(probation);
	if (probation->is_on && find_failed(probation, &probation->cause))
		step_back(probation);
}

void
probation_settle(struct probation *probation)
{
	probation->has_settled = true;
	if (probation->is_on && !probation->goes_back)
		give_up_trial(probation);
}

bool
probation_goes_back(const struct probation *probation)
{
	return probation->goes_back;
}

void
probation_begin(struct probation *probation, int before)
{
	const struct paths *paths = &probation->agent->service->paths;
	struct trial trial = { before, generation_current(paths) };
	struct err err;

	look(probation);
	if (probation->is_on || before <= 0 || before == trial.current)
		return;
	if (trial_write(paths, &trial, &err) == -1)
		log_warn("no way back is kept, going on", LOG_ERR(&err));
	look(probation);
}

struct probation *
probation_new(struct agent *agent)
{
	struct probation *probation = xmalloc(sizeof(*probation));

	probation->agent = agent;
	return probation;
}

void
probation_free(struct probation **probation)
{
	x_free(probation);
}
