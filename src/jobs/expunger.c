/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One doveadm works on a batch of mailboxes, so its plug-ins are loaded
 * once. With 0 days what was deleted before the switch was turned goes.
 */
#include "jobs/expunger.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "io/ipc.h"
#include "model/address.h"
#include "model/mailbox.h"

#define FIRST_S 60 /* after the start, which is busy enough */
#define INTERVAL_S (6 * 60 * 60)
#define AWAY_S 60
#define BATCH 200
#define DEADLINE_MS (60 * 60 * 1000)
#define AGE_SIZE 16

struct expunger {
	struct event_base *loop;
	struct db *core;
	const char *agent_socket;
	struct event *timer;
	bool asking; /* an answer is awaited */
	bool stopping; /* freed when it is here */
	char after[ADDRESS_MAX]; /* the last mailbox of the batch */
	char age[AGE_SIZE]; /* "7d" */
};

static void
look_in(struct expunger *expunger, int seconds)
{
	const struct timeval wait = { .tv_sec = seconds };

	evtimer_add(expunger->timer, &wait);
}

struct batch {
	struct expunger *expunger;
	json_t *addresses;
};

static int
add_address(void *context, const void *object, UNUSED struct arena *arena,
	UNUSED struct err *err)
{
	const struct mailbox *mailbox = object;
	struct batch *batch = context;
	struct expunger *expunger = batch->expunger;

	BUG_ON(json_array_append_new(
		       batch->addresses, json_string(mailbox->address)) < 0);
	(void)snprintf(expunger->after, sizeof(expunger->after), "%s",
		mailbox->address);
	return 0;
}

static int
read_batch(struct expunger *expunger, json_t *addresses, struct err *err)
{
	struct model model = { .core = expunger->core, .arena = arena_new() };
	struct batch batch = { .expunger = expunger, .addresses = addresses };
	char after[ADDRESS_MAX];
	const struct model_list list = { .after = after, .limit = BATCH };
	int status;

	memcpy(after, expunger->after, sizeof(after));
	status = model_list(
		&model, &mailbox_resource, &list, add_address, &batch, err);

	arena_free(&model.arena);
	return status;
}

static void start_batch(struct expunger *expunger);

static void
on_answer(json_t *reply, const struct err *cause, void *context)
{
	struct expunger *expunger = context;
	json_int_t status =
		json_integer_value(json_object_get(reply, "status"));

	expunger->asking = false;
	if (expunger->stopping) {
		expunger_free(&expunger);
		return;
	}
	if (reply == NULL) {
		if (cause->code != ERR_UNAVAILABLE)
			log_warn("deleted messages can not be expunged, trying"
				 " again later",
				LOG_ERR(cause));
		expunger->after[0] = '\0';
		look_in(expunger, AWAY_S);
		return;
	}
	/* One mailbox that fails does not keep those behind it waiting. */
	if (status != 0)
		log_warn("deleted messages of some mailboxes were not expunged",
			LOG_NUMBER("status", status),
			LOG_TEXT("last", expunger->after));
	start_batch(expunger);
}

static void
ask(struct expunger *expunger, json_t *addresses)
{
	json_t *request = json_pack("{s:s, s:s, s:O, s:{s:s}}", "verb", "mail",
		"command", "expunge-old", "addresses", addresses, "parameters",
		"age", expunger->age);

	BUG_ON(request == NULL);
	expunger->asking = true;
	ipc_request_async(expunger->loop, expunger->agent_socket, request,
		DEADLINE_MS, NULL, on_answer, expunger);
	json_decref(request);
}

static void
start_batch(struct expunger *expunger)
{
	json_t *addresses = json_array();
	struct err err;

	if (read_batch(expunger, addresses, &err) < 0) {
		log_warn("mailboxes can not be read, trying again later",
			LOG_ERR(&err));
		look_in(expunger, AWAY_S);
	} else if (json_array_size(addresses) > 0) {
		ask(expunger, addresses);
	} else {
		expunger->after[0] = '\0';
		look_in(expunger, INTERVAL_S);
	}
	json_decref(addresses);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	start_batch(context);
}

struct expunger *
expunger_new(struct event_base *loop, struct db *core, int days,
	const char *agent_socket)
{
	struct expunger *expunger = xmalloc(sizeof(*expunger));

	expunger->loop = loop;
	expunger->core = core;
	expunger->agent_socket = agent_socket;
	(void)snprintf(
		expunger->age, AGE_SIZE, "%d%s", days, days == 0 ? "s" : "d");
	expunger->timer = evtimer_new(loop, on_timer, expunger);
	BUG_ON(expunger->timer == NULL);
	look_in(expunger, FIRST_S);
	return expunger;
}

void
expunger_free(struct expunger **expunger)
{
	if (*expunger == NULL)
		return;
	if ((*expunger)->asking) {
		(*expunger)->stopping = true;
		event_del((*expunger)->timer);
		*expunger = NULL;
		return;
	}
	event_free((*expunger)->timer);
	x_free(expunger);
}

void
expunger_wake(struct expunger *expunger)
{
	if (!expunger->asking)
		look_in(expunger, 0);
}
