/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A payload is ours, so a missing member is a fault; it is kept, and said. */
#include "jobs/effects.h"

#include <stddef.h>

#include "base/log.h"
#include "io/ipc.h"

#define KICK_DEADLINE_MS 10000
#define GARBAGE_DEADLINE_MS 60000

/* NULL when the payload lacks it: the task is finished then. */
static const char *
require_text(struct runner_task *task, const json_t *payload, const char *name)
{
	const char *text = json_string_value(json_object_get(payload, name));
	struct err err;

	if (text)
		return text;
	(void)err_set(&err, ERR_CORRUPT, "payload has no text \"%s\"", name);
	runner_finish(task, &err);
	return NULL;
}

static void
on_agent_done(json_t *reply UNUSED, const struct err *err, void *context)
{
	runner_finish(context, err && err->code != ERR_NONE ? err : NULL);
}

static void
ask_agent(struct runner_task *task, const struct effects *effects,
	json_t *request, int deadline_ms)
{
	ipc_request_async(effects->loop, effects->agent_socket, request,
		deadline_ms, NULL, on_agent_done, task);
	json_decref(request);
}

/* One that lacks its address can never succeed: it is said and passed by. */
static json_t *
gather_addresses(const json_t *payloads)
{
	json_t *addresses = json_array();
	json_t *payload;
	size_t i;

	json_array_foreach(payloads, i, payload)
	{
		json_t *address = json_object_get(payload, "address");

		if (json_is_string(address))
			json_array_append(addresses, address);
		else
			log_error("session.kick without an address, ignoring");
	}
	return addresses;
}

static void
start_kick(struct runner_task *task, json_t *payloads, void *context)
{
	ask_agent(task, context,
		json_pack("{s:s, s:o}", "verb", "kick", "addresses",
			gather_addresses(payloads)),
		KICK_DEADLINE_MS);
}

/* Written by versions that did not remember removed mailboxes. */
static void
start_remove(struct runner_task *task, json_t *payload, void *context)
{
	const char *store_id = require_text(task, payload, "store_id");

	if (store_id)
		ask_agent(task, context,
			json_pack("{s:s, s:s, s:s}", "verb", "garbage",
				"action", "keep", "store_id", store_id),
			GARBAGE_DEADLINE_MS);
}

static void
on_projected(const struct err *err, void *context)
{
	runner_finish(context, err);
}

static void
start_project(struct runner_task *task, json_t *payload, void *context)
{
	const struct effects *effects = context;
	const char *domain = require_text(task, payload, "domain");

	if (domain)
		dkim_projector_project(
			effects->dkim, domain, on_projected, task);
}

const struct runner_effect effects_table[] = {
	{ "dkim.project", start_project, false },
	{ "mailbox.remove", start_remove, false },
	{ "session.kick", start_kick, true },
	{ .kind = NULL },
};
