/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Carries out what the outbox holds (model/outbox.h): each item that is
 * due is handed to the effect of its kind and removed only when that has
 * succeeded, else put off. Killed at any point nothing is lost; an effect
 * may happen twice, so effects are idempotent. Several run at a time, and
 * their order is not kept: each reads the state that is in force when it
 * runs. For the same reason one run does for all equal items (kind and
 * payload) that wait when it begins; one that comes later gets a run of
 * its own after it, because what it is about was committed later.
 */
#ifndef JOBS_RUNNER_H
#define JOBS_RUNNER_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "store/db.h"

#define RUNNER_AT_ONCE_MAX 8
#define RUNNER_ITEMS_MAX 128 /* of all that are under way */

struct runner;
struct runner_task; /* items that are being carried out in one run */

struct runner_effect {
	const char *kind; /* NULL ends the table */
	/* Calls runner_finish() exactly once, now or later. */
	void (*start)(struct runner_task *task, json_t *payload, void *context);
	/* One run at a time, for all that wait: payload is an array. */
	bool gathers;
};

/* effects and context outlive the runner, as does core. */
struct runner *runner_new(struct event_base *loop, struct db *core,
	const struct runner_effect *effects, void *context);
/* Tasks that are under way are forgotten: they stay in the outbox. */
void runner_free(struct runner **runner);
/* Looks at the outbox soon: something may have been put in. */
void runner_wake(struct runner *runner);
/* Begins nothing new. idle is called when, or as, nothing is under way. */
void runner_stop(
	struct runner *runner, void (*idle)(void *context), void *context);
/* err NULL: all of it is done. The task is gone. */
void runner_finish(struct runner_task *task, const struct err *err);

#endif
