/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state is read again after the agent's answer: a mailbox that was
 * removed while its mail came back is another matter by then, and
 * removed_store_settled() leaves it alone.
 */
#include "jobs/store_keeper.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/ipc.h"
#include "model/removed_mailbox.h"

#define DEADLINE_MS 120000 /* others may be before us */
#define LOOK_AGAIN_MS 1000 /* core.db fails */
#define AWAY_MS 1000 /* the agent is being restarted */
#define TRY_AGAIN_MS 60000
#define UNAVAILABLE_NEWS 5 /* attempts that found nobody */

struct store_keeper {
	struct event_base *loop;
	struct db *core;
	const char *agent_socket;
	struct event *look;
	struct arena *arena; /* of the store under way */
	struct removed_store store;
	bool busy;
	int unavailable; /* attempts in a row */
	bool failing; /* core.db, and that was said */
	bool stopping;
	void (*idle)(void *context);
	void *idle_context;
};

static const char *const ACTIONS[] = {
	[REMOVED_KEPT] = "keep",
	[REMOVED_RETURNING] = "return",
	[REMOVED_PURGED] = "purge",
};

static void
look_in(struct store_keeper *keeper, int64_t ms)
{
	struct timeval wait = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	if (!keeper->stopping)
		event_add(keeper->look, &wait);
}

static void
say_database_error(struct store_keeper *keeper, const struct err *err)
{
	if (!keeper->failing)
		log_error("removed mailboxes can not be read or written,"
			  " trying again each second",
			LOG_ERR(err));
	keeper->failing = true;
	look_in(keeper, LOOK_AGAIN_MS);
}

/* How long until the next try, and whether it is to be said. */
static int64_t
judge_failure(struct store_keeper *keeper, const struct err *cause)
{
	bool away = cause->code == ERR_UNAVAILABLE || cause->code == ERR_BUSY;

	keeper->unavailable = away ? keeper->unavailable + 1 : 0;
	if (away && keeper->unavailable < UNAVAILABLE_NEWS)
		return AWAY_MS;
	log_warn("the mail of a removed mailbox can not be moved, trying again"
		 " in a minute",
		LOG_TEXT("action", ACTIONS[keeper->store.state]),
		LOG_TEXT("store", keeper->store.store_id), LOG_ERR(cause));
	return TRY_AGAIN_MS;
}

static int
record(struct store_keeper *keeper, const json_t *reply,
	const struct err *cause, struct err *err)
{
	const json_t *bytes = json_object_get(reply, "bytes");
	const struct removed_store *store = &keeper->store;
	int64_t wait_ms = 0;

	if (cause != NULL)
		wait_ms = judge_failure(keeper, cause);
	else
		keeper->unavailable = 0;
	/* Behind the others, so that a big one does not hold them up. */
	if (cause != NULL || json_is_true(json_object_get(reply, "unfinished")))
		return removed_store_postpone(keeper->core, store->store_id,
			clock_wall_ms() + wait_ms, err);
	if (store->state == REMOVED_RETURNING)
		log_info("mail of a mailbox is back",
			LOG_TEXT("store", store->store_id));
	return removed_store_settled(keeper->core, store,
		json_is_integer(bytes) ? json_integer_value(bytes) : -1, err);
}

static void
on_answer(json_t *reply, const struct err *cause, void *context)
{
	struct store_keeper *keeper = context;
	struct err err;

	keeper->busy = false;
	if (cause != NULL && cause->code == ERR_NONE)
		cause = NULL;
	if (record(keeper, reply, cause, &err) < 0)
		say_database_error(keeper, &err);
	else
		look_in(keeper, 0);
	if (keeper->stopping)
		keeper->idle(keeper->idle_context);
}

static void
start(struct store_keeper *keeper)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "garbage",
		"action", ACTIONS[keeper->store.state], "store_id",
		keeper->store.store_id);

	BUG_ON(request == NULL);
	keeper->busy = true;
	ipc_request_async(keeper->loop, keeper->agent_socket, request,
		DEADLINE_MS, NULL, on_answer, keeper);
	json_decref(request);
}

/*
 * What is due later than any try was ever put off was written before the
 * clock was put back, and is due.
 */
static int64_t
wait_of(const struct removed_store *store)
{
	int64_t wait_ms = store->due_ms - clock_wall_ms();

	return wait_ms <= 0 || wait_ms > TRY_AGAIN_MS ? 0 : wait_ms;
}

static void
on_look(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct store_keeper *keeper = context;
	struct err err;
	int got;

	if (keeper->busy)
		return;
	arena_reset(keeper->arena);
	got = removed_store_next(
		keeper->core, keeper->arena, &keeper->store, &err);
	if (got < 0) {
		say_database_error(keeper, &err);
		return;
	}
	keeper->failing = false;
	if (got == 0)
		return;
	if (wait_of(&keeper->store) > 0)
		look_in(keeper, wait_of(&keeper->store));
	else
		start(keeper);
}

struct store_keeper *
store_keeper_new(
	struct event_base *loop, struct db *core, const char *agent_socket)
{
	struct store_keeper *keeper = xmalloc(sizeof(*keeper));

	keeper->loop = loop;
	keeper->core = core;
	keeper->agent_socket = agent_socket;
	keeper->arena = arena_new();
	keeper->look = evtimer_new(loop, on_look, keeper);
	BUG_ON(keeper->look == NULL);
	look_in(keeper, 0);
	return keeper;
}

void
store_keeper_free(struct store_keeper **keeper)
{
	if (*keeper == NULL)
		return;
	event_free((*keeper)->look);
	arena_free(&(*keeper)->arena);
	x_free(keeper);
}

void
store_keeper_wake(struct store_keeper *keeper)
{
	look_in(keeper, 0);
}

void
store_keeper_stop(
	struct store_keeper *keeper, void (*idle)(void *context), void *context)
{
	keeper->stopping = true;
	event_del(keeper->look);
	keeper->idle = idle;
	keeper->idle_context = context;
	if (!keeper->busy)
		idle(context);
}
