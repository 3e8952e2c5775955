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

struct garbage_collector {
	struct event_base *loop;
	struct db *core;
	const char *agent_socket;
	struct event *timer;
	struct health *health;
	int turn; /* of LISTS_EACH */
	bool listing; /* an answer is awaited */
	bool stopping; /* freed when it is here */
	char after[NAME_SIZE];
	int64_t unknown;
	char unknown_name[NAME_SIZE]; /* one of them */
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

	if (status == 0)
		status = removed_mailbox_expire(&model,
			clock_wall_seconds() - days * REMOVED_DAY_SECONDS,
			count_out, err);
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
	if (owner == REMOVED_OWNER_NOBODY) {
		collector->unknown++;
		snprintf(collector->unknown_name,
			sizeof(collector->unknown_name), "%s", name);
	}
	return 0;
}

static void list_next(struct garbage_collector *collector);

static int
judge_entries(struct garbage_collector *collector, const json_t *entries,
	struct err *err)
{
	size_t i;
	json_t *entry;

	json_array_foreach((json_t *)entries, i, entry)
	{
		const char *name = json_string_value(entry);

		if (name == NULL)
			continue;
		snprintf(
			collector->after, sizeof(collector->after), "%s", name);
		if (judge_entry(collector, name, err) < 0)
			return -1;
	}
	return 0;
}

static void
on_listed(json_t *reply, const struct err *cause, void *context)
{
	struct garbage_collector *collector = context;
	const json_t *entries = json_object_get(reply, "entries");
	struct err err;

	collector->listing = false;
	if (collector->stopping) {
		garbage_collector_free(&collector);
		return;
	}
	/* The agent is away: the next time is soon enough. */
	if (reply == NULL) {
		if (cause->code != ERR_UNAVAILABLE)
			log_warn("the garbage area can not be listed",
				LOG_ERR(cause));
		collector->turn = LISTS_EACH - 1;
		return;
	}
	if (judge_entries(collector, entries, &err) < 0)
		log_warn("the garbage area can not be compared", LOG_ERR(&err));
	else if (json_array_size(entries) > 0)
		list_next(collector);
	else
		tell(collector);
}

static void
list_next(struct garbage_collector *collector)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "garbage",
		"action", "list", "after", collector->after);

	BUG_ON(request == NULL);
	collector->listing = true;
	ipc_request_async(collector->loop, collector->agent_socket, request,
		DEADLINE_MS, NULL, on_listed, collector);
	json_decref(request);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	static const struct timeval interval = { INTERVAL_MS / 1000, 0 };
	struct garbage_collector *collector = context;

	evtimer_add(collector->timer, &interval);
	judge_times(collector);
	if (collector->listing || collector->turn++ % LISTS_EACH != 0)
		return;
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
	if ((*collector)->listing) {
		(*collector)->stopping = true;
		event_del((*collector)->timer);
		*collector = NULL;
		return;
	}
	health_free(&(*collector)->health);
	event_free((*collector)->timer);
	x_free(collector);
}
