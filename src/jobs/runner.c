/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks stand in a fixed array. What a task has taken was committed before
 * it began, and only that is removed when it has ended. A task that
 * finishes after the runner was freed would write into freed memory, so
 * freeing waits for the end of the loop: program.c frees when the process
 * ends anyway.
 */
#include "jobs/runner.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/outbox.h"

/* When rows are there that cannot be run now, or the database fails. */
#define LOOK_AGAIN_MS 1000
#define UNAVAILABLE_NEWS 3 /* attempts that found nobody */

/* Texts live in the task's arena; effect NULL: it is free. */
struct runner_task {
	struct runner *runner;
	const struct runner_effect *effect;
	struct arena *arena;
	struct outbox_item items[RUNNER_ITEMS_MAX];
	size_t count;
};

struct runner {
	struct db *core;
	const struct runner_effect *effects;
	void *context;
	struct event *look;
	struct runner_task tasks[RUNNER_AT_ONCE_MAX];
	size_t busy; /* tasks */
	size_t items; /* of all tasks */
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
		for (size_t j = 0; j < runner->tasks[i].count; j++)
			if (runner->tasks[i].items[j].id == id)
				return true;
	return false;
}

/* Whether b may go with, and not beside, a. */
static bool
go_together(const struct runner_effect *effect, const struct outbox_item *a,
	const struct outbox_item *b)
{
	return strcmp(a->kind, b->kind) == 0 &&
	       (effect->gathers || strcmp(a->payload, b->payload) == 0);
}

/* Its like runs; it gets its turn when that has ended. */
static bool
must_wait(const struct runner *runner, const struct outbox_item *item)
{
	for (size_t i = 0; i < RUNNER_AT_ONCE_MAX; i++) {
		const struct runner_task *task = &runner->tasks[i];

		if (task->effect &&
			go_together(task->effect, &task->items[0], item))
			return true;
	}
	return false;
}

static struct runner_task *
free_task(struct runner *runner)
{
	for (size_t i = 0; i < RUNNER_AT_ONCE_MAX; i++)
		if (!runner->tasks[i].effect)
			return &runner->tasks[i];
	return NULL;
}

/* A service that is being restarted is there again for the next attempt. */
static bool
is_news(const struct outbox_item *item, const struct err *cause)
{
	return cause->code != ERR_UNAVAILABLE ||
	       item->attempts + 1 >= UNAVAILABLE_NEWS;
}

static int
record(struct runner *runner, const struct outbox_item *item,
	const struct err *cause, struct err *err)
{
	if (!cause)
		return outbox_done(runner->core, item->id, err);
	return outbox_failed(
		runner->core, item, clock_wall_ms(), cause->text, err);
}

/* In one transaction: one wait for the disk. */
static int
record_all(struct runner *runner, const struct outbox_item *items, size_t count,
	const struct err *cause, struct err *err)
{
	if (db_begin(runner->core, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (record(runner, &items[i], cause, err) < 0) {
			db_rollback(runner->core);
			return -1;
		}
	}
	return db_commit(runner->core, err);
}

/* How long to wait before the outbox is looked at again. */
static int64_t
conclude(struct runner *runner, const struct outbox_item *items, size_t count,
	const struct err *cause)
{
	struct err err;

	if (cause && is_news(&items[0], cause))
		log_warn("effect failed, trying again later",
			LOG_TEXT("kind", items[0].kind),
			LOG_NUMBER("id", items[0].id),
			LOG_NUMBER("items", (int64_t)count),
			LOG_NUMBER("attempt", items[0].attempts + 1),
			LOG_ERR(cause));
	if (record_all(runner, items, count, cause, &err) == 0)
		return 0;
	log_error("outbox cannot be written, the effect will be repeated",
		LOG_TEXT("kind", items[0].kind), LOG_ERR(&err));
	return LOOK_AGAIN_MS;
}

void
runner_finish(struct runner_task *task, const struct err *cause)
{
	struct runner *runner = task->runner;
	int64_t wait_ms;

	BUG_ON(!task->effect);
	wait_ms = conclude(runner, task->items, task->count, cause);
	arena_free(&task->arena);
	task->effect = NULL;
	runner->items -= task->count;
	task->count = 0;
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
add_item(struct runner_task *task, const struct outbox_item *item)
{
	struct outbox_item *own = &task->items[task->count++];

	*own = *item;
	own->kind = task->effect->kind;
	own->payload = arena_strdup(task->arena, item->payload);
	task->runner->items++;
}

static bool
has_payload(const struct runner_task *task, const char *payload)
{
	for (size_t i = 0; i < task->count; i++)
		if (strcmp(task->items[i].payload, payload) == 0)
			return true;
	return false;
}

/* A new reference, NULL when it is no object. */
static json_t *
parse_payload(const char *text)
{
	json_t *payload = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(payload))
		return payload;
	json_decref(payload);
	return NULL;
}

struct due {
	struct outbox_item items[2 * RUNNER_ITEMS_MAX];
	size_t count;
};

/*
 * Takes items[first] and what goes with it; payload is the first one's.
 * Taken ones lose their id, as the effect may have ended when we return.
 */
static void
take_items(struct runner *runner, const struct runner_effect *effect,
	struct due *due, size_t first, json_t *payload)
{
	struct runner_task *task = free_task(runner);
	json_t *all = effect->gathers ? json_pack("[O]", payload) : NULL;

	task->effect = effect;
	task->arena = arena_new();
	runner->busy++;
	for (size_t i = first; i < due->count; i++) {
		struct outbox_item *item = &due->items[i];
		json_t *another = NULL;

		if (item->id == 0 || runner->items == RUNNER_ITEMS_MAX ||
			!go_together(effect, &due->items[first], item))
			continue;
		if (i > first && !has_payload(task, item->payload)) {
			another = parse_payload(item->payload);
			if (!another)
				continue;
			json_array_append_new(all, another);
		}
		add_item(task, item);
		item->id = 0;
	}
	effect->start(task, all ? all : payload, runner->context);
	json_decref(all);
}

static void
refuse(struct runner *runner, struct outbox_item *item, enum err_code code,
	const char *text)
{
	struct err err;

	(void)err_set(&err, code, "%s", text);
	look_in(runner, conclude(runner, item, 1, &err));
	item->id = 0;
}

static void
start_item(struct runner *runner, struct due *due, size_t index)
{
	struct outbox_item *item = &due->items[index];
	const struct runner_effect *effect = find_effect(runner, item->kind);
	json_t *payload = parse_payload(item->payload);

	if (!effect)
		refuse(runner, item, ERR_NOT_IMPLEMENTED,
			"this version knows no such effect");
	else if (!payload)
		refuse(runner, item, ERR_CORRUPT, "payload is not an object");
	else
		take_items(runner, effect, due, index, payload);
	json_decref(payload);
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
 * Twice as many as may be under way are read, so that those under way,
 * which are due as well, do not hide the others.
 */
static int
start_due(struct runner *runner, struct arena *arena, struct err *err)
{
	struct due *due = arena_alloc(arena, sizeof(*due));

	if (outbox_list(runner->core, clock_wall_ms(), arena, due->items,
		    ARRAY_LENGTH(due->items), &due->count, err) < 0)
		return -1;
	for (size_t i = 0; i < due->count; i++)
		if (is_under_way(runner, due->items[i].id))
			due->items[i].id = 0;
	for (size_t i = 0; i < due->count; i++)
		if (due->items[i].id != 0 &&
			!must_wait(runner, &due->items[i]) &&
			runner->busy < RUNNER_AT_ONCE_MAX &&
			runner->items < RUNNER_ITEMS_MAX)
			start_item(runner, due, i);
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
	if (*runner) {
		event_free((*runner)->look);
		for (size_t i = 0; i < RUNNER_AT_ONCE_MAX; i++)
			arena_free(&(*runner)->tasks[i].arena);
	}
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
