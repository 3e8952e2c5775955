/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks stand in a fixed array. A task that finishes after the runner was
 * freed would write into freed memory, so freeing waits for the end of
 * the loop: program.c frees when the process ends anyway.
 */
#include "jobs/runner.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/outbox.h"

#define KIND_SIZE 32
/* When rows are there that cannot be run now, or the database fails. */
#define LOOK_AGAIN_MS 1000
#define UNAVAILABLE_NEWS 3 /* attempts that found nobody */

struct runner_task {
	struct runner *runner;
	bool busy;
	struct outbox_item item; /* kind is below; payload is not kept */
	char kind[KIND_SIZE];
};

struct runner {
	struct db *core;
	const struct runner_effect *effects;
	void *context;
	struct event *look;
	struct runner_task tasks[RUNNER_AT_ONCE_MAX];
	size_t busy;
	bool stopping;
	bool failing; /* and that was said */
	void (*idle)(void *context);
	void *idle_context;
};

static void
look_in(struct runner *runner, int64_t ms)
{
	struct timeval wait = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	if (!runner->stopping)
		event_add(runner->look, &wait);
}

static bool
is_under_way(const struct runner *runner, int64_t id)
{
	for (size_t i = 0; i < RUNNER_AT_ONCE_MAX; i++)
		if (runner->tasks[i].busy && runner->tasks[i].item.id == id)
			return true;
	return false;
}

static struct runner_task *
free_task(struct runner *runner)
{
	for (size_t i = 0; i < RUNNER_AT_ONCE_MAX; i++)
		if (!runner->tasks[i].busy)
			return &runner->tasks[i];
	return NULL;
}

/* A service that is being restarted is there again for the next attempt. */
static bool
is_news(const struct runner_task *task, const struct err *cause)
{
	return cause->code != ERR_UNAVAILABLE ||
	       task->item.attempts + 1 >= UNAVAILABLE_NEWS;
}

static int
record(struct runner_task *task, const struct err *cause, struct err *err)
{
	struct db *core = task->runner->core;

	if (!cause)
		return outbox_done(core, task->item.id, err);
	if (is_news(task, cause))
		log_warn("effect failed, trying again later",
			LOG_TEXT("kind", task->kind),
			LOG_NUMBER("id", task->item.id),
			LOG_NUMBER("attempt", task->item.attempts + 1),
			LOG_ERR(cause));
	return outbox_failed(
		core, &task->item, clock_wall_ms(), cause->text, err);
}

void
runner_finish(struct runner_task *task, const struct err *cause)
{
	struct runner *runner = task->runner;
	int64_t wait_ms = 0;
	struct err err;

	BUG_ON(!task->busy);
	if (record(task, cause, &err) < 0) {
		log_error("outbox cannot be written, the effect will be"
			  " repeated",
			LOG_TEXT("kind", task->kind), LOG_ERR(&err));
		wait_ms = LOOK_AGAIN_MS;
	}
	task->busy = false;
	runner->busy--;
	look_in(runner, wait_ms);
	if (runner->stopping && runner->busy == 0)
		runner->idle(runner->idle_context);
}

static const struct runner_effect *
find_effect(const struct runner *runner, const char *kind)
{
	for (const struct runner_effect *effect = runner->effects; effect->kind;
		effect++)
		if (strcmp(effect->kind, kind) == 0)
			return effect;
	return NULL;
}

static void
start_task(struct runner_task *task, const char *payload_text)
{
	const struct runner_effect *effect =
		find_effect(task->runner, task->kind);
	json_t *payload =
		json_loads(payload_text, JSON_REJECT_DUPLICATES, NULL);
	struct err err;

	if (!effect) {
		(void)err_set(&err, ERR_NOT_IMPLEMENTED,
			"this version knows no such effect");
		runner_finish(task, &err);
	} else if (!json_is_object(payload)) {
		(void)err_set(&err, ERR_CORRUPT, "payload is not an object");
		runner_finish(task, &err);
	} else {
		effect->start(task, payload, task->runner->context);
	}
	json_decref(payload);
}

static void
take_item(struct runner *runner, const struct outbox_item *item)
{
	struct runner_task *task = free_task(runner);

	task->busy = true;
	task->item = *item;
	task->item.payload = NULL;
	snprintf(task->kind, sizeof(task->kind), "%s", item->kind);
	task->item.kind = task->kind;
	runner->busy++;
	start_task(task, item->payload);
}

/* How long until there may be something to do; -1: only when woken. */
static int64_t
wait_for_due(struct runner *runner, int64_t now_ms)
{
	int64_t due_ms;
	struct err err;
	int got = outbox_due(runner->core, &due_ms, &err);

	if (got == 0)
		return -1;
	if (got < 0 || due_ms <= now_ms || due_ms - now_ms > LOOK_AGAIN_MS)
		return LOOK_AGAIN_MS;
	return due_ms - now_ms;
}

/*
 * Twice as many as may run are read, so that those under way, which are
 * due as well, do not hide the others.
 */
static int
start_due(struct runner *runner, struct arena *arena, struct err *err)
{
	struct outbox_item items[2 * RUNNER_AT_ONCE_MAX];
	size_t count;

	if (outbox_list(runner->core, clock_wall_ms(), arena, items,
		    ARRAY_LENGTH(items), &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (!is_under_way(runner, items[i].id) &&
			runner->busy < RUNNER_AT_ONCE_MAX)
			take_item(runner, &items[i]);
	return 0;
}

static void
on_look(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct runner *runner = context;
	struct arena *arena = arena_new();
	int64_t wait_ms = LOOK_AGAIN_MS;
	struct err err;
	bool failed = start_due(runner, arena, &err) < 0;

	if (failed && !runner->failing)
		log_error("outbox cannot be read, trying again each second",
			LOG_ERR(&err));
	runner->failing = failed;
	if (!failed)
		wait_ms = wait_for_due(runner, clock_wall_ms());
	/* One that finished at once has set the timer already. */
	if (wait_ms >= 0 && !event_pending(runner->look, EV_TIMEOUT, NULL))
		look_in(runner, wait_ms);
	arena_free(&arena);
}

struct runner *
runner_new(struct event_base *loop, struct db *core,
	const struct runner_effect *effects, void *context)
{
	struct runner *runner = xmalloc(sizeof(*runner));

	runner->core = core;
	runner->effects = effects;
	runner->context = context;
	runner->look = evtimer_new(loop, on_look, runner);
	for (size_t i = 0; i < RUNNER_AT_ONCE_MAX; i++)
		runner->tasks[i].runner = runner;
	look_in(runner, 0);
	return runner;
}

void
runner_free(struct runner **runner)
{
	if (*runner)
		event_free((*runner)->look);
	x_free(runner);
}

void
runner_wake(struct runner *runner)
{
	look_in(runner, 0);
}

void
runner_stop(struct runner *runner, void (*idle)(void *context), void *context)
{
	runner->stopping = true;
	event_del(runner->look);
	runner->idle = idle;
	runner->idle_context = context;
	if (runner->busy == 0)
		idle(context);
}
