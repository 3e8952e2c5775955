/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The area is listed in slices of names in their order, so an entry that
 * comes or goes meanwhile is seen the next time at the latest.
 */
#include "jobs/garbage_collector.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "io/health.h"
#include "io/ipc.h"
#include "model/removed_mailbox.h"
#include "model/setting.h"

#define FIRST_MS 5000 /* mail of a mailbox that waits for it */
#define INTERVAL_MS 300000
#define LISTS_EACH 12 /* intervals */
#define DEADLINE_MS 120000
#define NAME_SIZE 256
#define NOTHING_GOES (-1) /* earlier than any */

struct garbage_collector {
	struct event_base *loop;
	struct db *core;
	const char *agent_socket;
	struct event *timer;
	struct health *health;
	int turn; /* of LISTS_EACH */
	bool asking; /* an answer is awaited */
	bool stopping; /* freed when it is here */
	char after[NAME_SIZE];
	int64_t unknown;
	char unknown_name[NAME_SIZE]; /* one of them */
	int64_t before; /* what was moved by then goes */
	json_t *over; /* names of version 0.1 whose time is over */
};

static int
expire(struct garbage_collector *collector, int64_t *count_out, struct err *err)
{
	struct model model = {
		.core = collector->core, .arena = arena_new(), .actor = "jobs"
	};
	int64_t days;
	int status = setting_number(
		collector->core, SETTING_GARBAGE_DAYS, &days, err);

	collector->before = NOTHING_GOES;
	if (status == 0) {
		collector->before =
			clock_wall_seconds() - days * REMOVED_DAY_SECONDS;
		status = removed_mailbox_expire(
			&model, collector->before, count_out, err);
	}
	arena_free(&model.arena);
	return status;
}

static void
judge_times(struct garbage_collector *collector)
{
	int64_t count = 0;
	struct err err;

	if (expire(collector, &count, &err) < 0)
		log_error("removed mailboxes can not be judged, trying again"
			  " later",
			LOG_ERR(&err));
	else if (count > 0)
		log_info("the time of removed mailboxes is over, deleting"
			 " their mail",
			LOG_NUMBER("mailboxes", count));
}

static void
tell(struct garbage_collector *collector)
{
	char text[HEALTH_TEXT_SIZE] = "";

	if (collector->unknown > 0) {
		log_warn("the garbage area holds what belongs to nobody,"
			 " keeping it",
			LOG_NUMBER("entries", collector->unknown),
			LOG_TEXT("one", collector->unknown_name));
		snprintf(text, sizeof(text),
			"%lld entries of .garbage belong to nobody, one is %.80s",
			(long long)collector->unknown, collector->unknown_name);
	}
	health_set(collector->health, collector->unknown == 0, text);
}

static int
judge_entry(
	struct garbage_collector *collector, const char *name, struct err *err)
{
	enum removed_owner owner;

	if (removed_store_claim(collector->core, name, &owner, err) < 0)
		return -1;
	if (owner == REMOVED_OWNER_MAILBOX)
		log_warn("mail of a mailbox lies in the garbage area, bringing"
			 " it back",
			LOG_TEXT("store", name));
	if (owner == REMOVED_OWNER_EARLIER &&
		removed_entry_time(name) <= collector->before)
		json_array_append_new(collector->over, json_string(name));
	if (owner == REMOVED_OWNER_NOBODY) {
		collector->unknown++;
		snprintf(collector->unknown_name,
			sizeof(collector->unknown_name), "%s", name);
	}
	return 0;
}

static void list_next(struct garbage_collector *collector);
static void drop_next(struct garbage_collector *collector);

/* 1 when there may be more, 0 at the end. */
static int
judge_entries(struct garbage_collector *collector, const json_t *entries,
	struct err *err)
{
	size_t i;
	json_t *entry;

	json_array_foreach((json_t *)entries, i, entry)
	{
		const char *name = json_string_value(entry);

		/* In their order, or it could go on for ever. */
		if (name == NULL || strcmp(name, collector->after) <= 0)
			return err_set(err, ERR_CORRUPT,
				"the list is not in its order");
		snprintf(
			collector->after, sizeof(collector->after), "%s", name);
		if (judge_entry(collector, name, err) < 0)
			return -1;
	}
	return json_array_size(entries) > 0;
}

/* True when it is over: nobody waits for the answer, or there is none. */
static bool
is_over(struct garbage_collector *collector, const json_t *reply,
	const struct err *cause, const char *sentence)
{
	collector->asking = false;
	if (collector->stopping) {
		garbage_collector_free(&collector);
		return true;
	}
	if (reply != NULL)
		return false;
	/* The agent is away: the next time is soon enough. */
	if (cause->code != ERR_UNAVAILABLE)
		log_warn(sentence, LOG_ERR(cause));
	collector->turn = 0;
	return true;
}

static void
on_listed(json_t *reply, const struct err *cause, void *context)
{
	struct garbage_collector *collector = context;
	const json_t *entries = json_object_get(reply, "entries");
	struct err err;
	int more;

	if (is_over(collector, reply, cause,
		    "the garbage area can not be listed"))
		return;
	more = judge_entries(collector, entries, &err);
	if (more < 0) {
		log_warn("the garbage area can not be compared", LOG_ERR(&err));
		return;
	}
	if (more == 1) {
		list_next(collector);
		return;
	}
	tell(collector);
	drop_next(collector);
}

static void
ask(struct garbage_collector *collector, const char *action, const char *word,
	const char *text, ipc_done_fn *done)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "garbage",
		"action", action, word, text);

	BUG_ON(request == NULL);
	collector->asking = true;
	ipc_request_async(collector->loop, collector->agent_socket, request,
		DEADLINE_MS, NULL, done, collector);
	json_decref(request);
}

static void
list_next(struct garbage_collector *collector)
{
	ask(collector, "list", "after", collector->after, on_listed);
}

static void
on_dropped(json_t *reply, const struct err *cause, void *context)
{
	struct garbage_collector *collector = context;

	if (is_over(collector, reply, cause,
		    "mail in the garbage area whose time is over can not be"
		    " deleted, trying again later"))
		return;
	if (!json_is_true(json_object_get(reply, "unfinished"))) {
		log_info("the time of mail in the garbage area is over,"
			 " deleted it",
			LOG_TEXT("entry", json_string_value(json_array_get(
						  collector->over, 0))));
		json_array_remove(collector->over, 0);
	}
	drop_next(collector);
}

/* One after the other, so that others have their turn between them. */
static void
drop_next(struct garbage_collector *collector)
{
	const json_t *name = json_array_get(collector->over, 0);

	if (name != NULL)
		ask(collector, "drop", "entry", json_string_value(name),
			on_dropped);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	static const struct timeval interval = { INTERVAL_MS / 1000, 0 };
	struct garbage_collector *collector = context;

	evtimer_add(collector->timer, &interval);
	judge_times(collector);
	if (collector->asking || collector->turn++ % LISTS_EACH != 0)
		return;
	json_array_clear(collector->over);
	collector->after[0] = '\0';
	collector->unknown = 0;
	list_next(collector);
}

struct garbage_collector *
garbage_collector_new(
	struct event_base *loop, struct db *core, const char *agent_socket)
{
	static const struct timeval first = { FIRST_MS / 1000, 0 };
	struct garbage_collector *collector = xmalloc(sizeof(*collector));

	collector->loop = loop;
	collector->core = core;
	collector->agent_socket = agent_socket;
	collector->over = json_array();
	collector->health = health_new(loop, agent_socket, "garbage");
	collector->timer = evtimer_new(loop, on_timer, collector);
	BUG_ON(collector->timer == NULL);
	evtimer_add(collector->timer, &first);
	return collector;
}

void
garbage_collector_free(struct garbage_collector **collector)
{
	if (*collector == NULL)
		return;
	if ((*collector)->asking) {
		(*collector)->stopping = true;
		event_del((*collector)->timer);
		*collector = NULL;
		return;
	}
	health_free(&(*collector)->health);
	event_free((*collector)->timer);
	json_decref((*collector)->over);
	x_free(collector);
}

void
garbage_collector_wake(struct garbage_collector *collector)
{
	static const struct timeval now = { 0, 0 };

	collector->turn = 0;
	evtimer_add(collector->timer, &now);
}
