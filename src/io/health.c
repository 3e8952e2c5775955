/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One request is on its way at a time. Its reply may come at any moment,
 * so what is freed meanwhile is only marked and goes with the reply.
 */
#include "io/health.h"

#include <jansson.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/paths.h"
#include "io/ipc.h"

#define DEADLINE_MS 2000
#define AGAIN_S 1 /* after a failure */
#define REPEAT_S 30 /* after a success */
#define NAME_SIZE 33

struct health {
	struct event_base *loop;
	char socket[PATHS_MAX];
	char name[NAME_SIZE];
	char text[HEALTH_TEXT_SIZE];
	bool ok;
	bool sending;
	bool stale; /* newer than what is on its way */
	bool failing; /* and that was said */
	bool freed; /* goes with the reply */
	struct event *timer;
};

static void
on_reply(json_t *reply UNUSED, const struct err *err, void *context)
{
	struct health *health = context;
	bool failed = err && err->code != ERR_NONE;
	struct timeval wait = { .tv_sec = failed ? AGAIN_S : REPEAT_S };

	health->sending = false;
	if (health->freed) {
		health_free(&health);
		return;
	}
	if (failed && !health->failing)
		log_warn("agent does not take a report, sending it again",
			LOG_TEXT("name", health->name), LOG_ERR(err));
	health->failing = failed;
	if (health->stale && !failed)
		wait.tv_sec = 0;
	event_add(health->timer, &wait);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct health *health = context;
	json_t *request;

	if (health->sending)
		return;
	health->sending = true;
	health->stale = false;
	request = json_pack("{s:s, s:s, s:b, s:s}", "verb", "health", "name",
		health->name, "ok", (int)health->ok, "text", health->text);
	BUG_ON(!request);
	ipc_request_async(health->loop, health->socket, request, DEADLINE_MS,
		NULL, on_reply, health);
	json_decref(request);
}

/* Half a character, left by cutting, would not be JSON. */
static void
make_plain(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

struct health *
health_new(struct event_base *loop, const char *agent_socket, const char *name)
{
	struct health *health = xmalloc(sizeof(*health));

	health->loop = loop;
	snprintf(health->socket, sizeof(health->socket), "%s", agent_socket);
	snprintf(health->name, sizeof(health->name), "%s", name);
	health->timer = evtimer_new(loop, on_timer, health);
	BUG_ON(!health->timer);
	return health;
}

void
health_free(struct health **health)
{
	if (!*health)
		return;
	if ((*health)->sending) {
		(*health)->freed = true;
		*health = NULL;
		return;
	}
	event_free((*health)->timer);
	x_free(health);
}

void
health_set(struct health *health, bool ok, const char *text)
{
	struct timeval now = { 0 };

	health->ok = ok;
	snprintf(health->text, sizeof(health->text), "%s", text);
	make_plain(health->text);
	health->stale = true;
	if (!health->sending)
		event_add(health->timer, &now);
}
