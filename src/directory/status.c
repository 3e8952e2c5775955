/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters since the start of the process. */
#include "directory/status.h"

#include "auth/judge.h"
#include "directory/directory.h"

/* clang-format off */
static const char *const counter_names[DIRECTORY_COUNTER_COUNT] = {
	[DIRECTORY_SOCKETMAP] = "socketmap",
	[DIRECTORY_SOCKETMAP_TEMP] = "socketmap-temp",
	[DIRECTORY_POLICY] = "policy",
	[DIRECTORY_POLICY_REFUSED] = "policy-refused",
	[DIRECTORY_SASL] = "sasl",
	[DIRECTORY_LOGIN] = "login",
	[DIRECTORY_LOGIN_REFUSED] = "login-refused",
	[DIRECTORY_LOGIN_TEMP] = "login-temp",
	[DIRECTORY_DICT] = "dict",
	[DIRECTORY_DICT_WRITE] = "dict-write",
	[DIRECTORY_REOPENED] = "reopened",
};

/* clang-format on */

const char *
directory_counter_name(enum directory_counter counter)
{
	return counter_names[counter];
}

static void
write_judge(struct json_writer *w, const struct judge *judge)
{
	struct judge_stats stats;

	judge_stats_get(judge, &stats);
	json_object_open(w, "judge");
	json_number(w, "waiting", (int64_t)stats.waiting);
	json_number(w, "running", (int64_t)stats.running);
	json_number(w, "remembered", (int64_t)stats.remembered);
	json_number(w, "hashed", (int64_t)stats.hashed);
	json_number(w, "from-cache", (int64_t)stats.from_cache);
	json_number(w, "joined", (int64_t)stats.joined);
	json_number(w, "refused-busy", (int64_t)stats.refused_busy);
	json_number(w, "refused-late", (int64_t)stats.refused_late);
	json_object_close(w);
}

static void
answer_status(struct ipc_call *call, json_t *request, void *context)
{
	const struct directory *directory = context;
	struct json_writer *w = ipc_answer(call);

	(void)request;
	json_bool(w, "core", directory->core != NULL);
	json_bool(w, "usage", directory->usage != NULL);
	json_object_open(w, "counters");
	for (int i = 0; i < DIRECTORY_COUNTER_COUNT; i++)
		json_number(
			w, counter_names[i], (int64_t)directory->counters[i]);
	json_object_close(w);
	if (directory->judge != NULL)
		write_judge(w, directory->judge);
	ipc_reply(call);
}

static const struct ipc_field no_fields[] = { { 0 } };
static const char *const status_senders[] = { "mailherd", "mailherd-watch",
	NULL };

const struct ipc_verb status_verbs[] = {
	{ "status", no_fields, status_senders, answer_status },
	{ 0 },
};
