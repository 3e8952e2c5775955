/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The doctor's look at the garbage area: what core.db says is there, asked
 * by a child that is core.db's user, and, while the suite runs, the names
 * that lie there, because version 0.1 left mail that core.db knows nothing
 * of. What belongs to nobody is a fact of its own (doctor_suite.c).
 */
#include <string.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/owner.h"
#include "cli/suite.h"
#include "io/ipc.h"
#include "model/removed_mailbox.h"
#include "model/setting.h"
#include "store/db.h"

#define LIST_DEADLINE_MS 10000
#define BUSY_MS 2000
#define LISTS_MAX 500 /* of some hundred names */
#define MEBIBYTE (INT64_C(1024) * 1024)
#define HOUR_SECONDS 3600
/* The jobs look every hour, and a big mailbox takes a while. */
#define GRACE_SECONDS (3 * HOUR_SECONDS)

enum question {
	GARBAGE_DAYS,
	GARBAGE_MAILBOXES,
	GARBAGE_MEBIBYTES,
	GARBAGE_OLDEST_HOURS,
	GARBAGE_OVERDUE,
	QUESTION_COUNT
};

struct asked {
	const struct paths *paths;
	int64_t now;
	enum question question;
};

int64_t
doctor_garbage_overdue_before(int64_t now, int64_t days)
{
	return now - days * REMOVED_DAY_SECONDS - GRACE_SECONDS;
}

static int
answer(const struct asked *asked, const struct removed_total *total,
	int64_t days)
{
	const int64_t answers[QUESTION_COUNT] = {
		[GARBAGE_DAYS] = days,
		[GARBAGE_MAILBOXES] = total->mailboxes,
		[GARBAGE_MEBIBYTES] = (total->bytes + MEBIBYTE - 1) / MEBIBYTE,
		[GARBAGE_OLDEST_HOURS] =
			total->oldest == 0
				? 0
				: (asked->now - total->oldest) / HOUR_SECONDS,
		[GARBAGE_OVERDUE] = total->overdue,
	};
	int64_t number = answers[asked->question];

	return number < 0 ? 0 : number > INT32_MAX ? INT32_MAX : (int)number;
}

/* In the child. */
static int
run_question(void *context, struct err *err)
{
	const struct asked *asked = context;
	struct removed_total total;
	struct db *core;
	int64_t days;
	int result = -1;

	if (db_open(asked->paths->core_db, DB_READ, DB_SYNC_FULL, BUSY_MS,
		    &core, err) < 0)
		return -1;
	if (setting_number(core, SETTING_GARBAGE_DAYS, &days, err) == 0 &&
		removed_mailbox_total(core,
			doctor_garbage_overdue_before(asked->now, days), &total,
			err) == 0)
		result = answer(asked, &total, days);
	db_close(&core);
	return result;
}

static int
ask_database(const struct doctor *doctor, int answers[QUESTION_COUNT],
	struct err *err)
{
	struct asked asked = { .paths = &doctor->call->paths,
		.now = clock_wall_seconds() };

	for (int i = 0; i < QUESTION_COUNT; i++) {
		asked.question = (enum question)i;
		answers[i] = owner_run(asked.paths, owner_enter_core,
			run_question, &asked, err);
		if (answers[i] < 0)
			return -1;
	}
	return 0;
}

void
doctor_garbage_count(const char *name, int64_t overdue_before,
	struct doctor_earlier *earlier)
{
	int64_t time = removed_entry_time(name);

	if (time < 0)
		return;
	earlier->count++;
	earlier->overdue += time <= overdue_before;
}

/* Another slice behind `after`; how many names, or -1. */
static int
count_slice(const struct doctor *doctor, const char *socket_path,
	const char **after, int64_t overdue_before,
	struct doctor_earlier *earlier)
{
	json_t *request = json_pack("{s:s, s:s, s:s}", "verb", "garbage",
		"action", "list", "after", *after);
	json_t *reply, *entries, *name;
	size_t i;
	int count, status;

	BUG_ON(request == NULL);
	status = ipc_request(socket_path, request, LIST_DEADLINE_MS, NULL, NULL,
		&reply, NULL);
	json_decref(request);
	if (status == -1)
		return -1;
	entries = json_object_get(reply, "entries");
	json_array_foreach(entries, i, name)
	{
		if (!json_is_string(name))
			continue;
		doctor_garbage_count(
			json_string_value(name), overdue_before, earlier);
		*after = arena_strdup(
			doctor->call->arena, json_string_value(name));
	}
	count = (int)json_array_size(entries);
	json_decref(reply);
	return count;
}

static void
count_earlier(const struct doctor *doctor, int64_t overdue_before,
	struct doctor_earlier *earlier)
{
	const char *socket_path = arena_printf(doctor->call->arena,
		"%s/control/agent", doctor->call->paths.sockets);
	const char *after = "";

	for (int i = 0; i < LISTS_MAX; i++)
		if (count_slice(doctor, socket_path, &after, overdue_before,
			    earlier) <= 0)
			return;
}

void
doctor_garbage(struct doctor *doctor)
{
	struct doctor_earlier earlier = { 0 };
	int answers[QUESTION_COUNT];
	struct err err = { 0 };

	if (ask_database(doctor, answers, &err) == -1) {
		doctor_add(doctor, DOCTOR_SKIPPED, err.remedy,
			"removed mailboxes can not be read: %s", err.text);
		return;
	}
	if (doctor->report != NULL)
		count_earlier(doctor,
			doctor_garbage_overdue_before(
				clock_wall_seconds(), answers[GARBAGE_DAYS]),
			&earlier);
	if (answers[GARBAGE_OVERDUE] + earlier.overdue > 0)
		doctor_add(doctor, DOCTOR_WARNING,
			"mailherd logs jobs, for why their mail can not be deleted",
			"%lld removed mailboxes are still there after their %d days",
			(long long)answers[GARBAGE_OVERDUE] +
				(long long)earlier.overdue,
			answers[GARBAGE_DAYS]);
	if (answers[GARBAGE_MAILBOXES] + earlier.count == 0)
		doctor_add(
			doctor, DOCTOR_GOOD, "", "no removed mailbox is kept");
	else
		doctor_add(doctor, DOCTOR_GOOD, "",
			"%d removed mailboxes are kept, %d MiB, the oldest for %d of %d days; of version 0.1: %lld",
			answers[GARBAGE_MAILBOXES], answers[GARBAGE_MEBIBYTES],
			answers[GARBAGE_OLDEST_HOURS] / 24,
			answers[GARBAGE_DAYS], (long long)earlier.count);
}
