/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The mailbox's own copy comes first. While something is left, usage.db is
 * asked each second for what is due, which is one look at an index; else
 * once a minute, because another usage.db may have taken its place.
 */
#include "directory/quota_warner.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/json_write.h"
#include "base/log.h"
#include "directory/dict_sql.h"
#include "directory/directory.h"
#include "directory/quota_judge.h"
#include "directory/script_client.h"
#include "model/address.h"
#include "model/setting.h"

#define BUSY_WAIT_MS 1000
#define REST_WAIT_MS 60000
#define DEADLINE_MS 40000
#define NEWS_ATTEMPTS 3 /* what is restarted is there again by then */

static const struct {
	enum quota_part part;
	const char *name;
} PARTS[] = {
	{ QUOTA_PART_MAILBOX, "mailbox" },
	{ QUOTA_PART_COPIES, "copies" },
};

struct quota_warner {
	struct directory *directory;
	struct event *timer;
	char socket_path[PATHS_MAX + 32];
	bool under_way;
	bool freed; /* while one was under way */
	struct quota_warning warning; /* that is under way */
	size_t part; /* of it, an index of PARTS */
};

static void
look_in(struct quota_warner *warner, int64_t ms)
{
	const struct timeval wait = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	(void)evtimer_add(warner->timer, &wait);
}

static void
finish(struct quota_warner *warner, const struct err *cause)
{
	struct db *usage = warner->directory->usage;
	struct quota_warning *warning = &warner->warning;
	struct err err = { 0 };
	int status;

	if (usage == NULL)
		return;
	if (cause == NULL)
		status = quota_warning_done(
			usage, warning, PARTS[warner->part].part, &err);
	else
		status = quota_warning_failed(
			usage, warning, clock_wall_ms(), &err);
	if (status < 0)
		log_error("a quota warning will be sent again",
			LOG_NUMBER("mailbox_id", warning->mailbox_id),
			LOG_ERR(&err));
	if (cause != NULL && warning->attempts + 1 == NEWS_ATTEMPTS)
		log_warn("quota warning cannot be delivered, trying on",
			LOG_NUMBER("mailbox_id", warning->mailbox_id),
			LOG_TEXT("part", PARTS[warner->part].name),
			LOG_ERR(cause));
	if (cause == NULL && PARTS[warner->part].part == QUOTA_PART_MAILBOX)
		log_info("mailbox warned of its quota",
			LOG_NUMBER("mailbox_id", warning->mailbox_id),
			LOG_NUMBER("percent", warning->level));
}

static void
on_delivered(const struct err *err, void *context)
{
	struct quota_warner *warner = context;

	if (warner->freed) {
		x_free(&warner);
		return;
	}
	warner->under_way = false;
	finish(warner, err);
	look_in(warner, 0);
}

static void
start(struct quota_warner *warner)
{
	struct quota_warning *warning = &warner->warning;
	char id[32];

	warner->part = 0;
	while (warner->part + 1 < ARRAY_LENGTH(PARTS) &&
		(warning->parts & PARTS[warner->part].part) == 0)
		warner->part++;
	warner->under_way = true;
	(void)snprintf(id, sizeof(id), "%" PRId64, warning->mailbox_id);
	script_client_run(warner->directory->loop, warner->socket_path,
		(const char *[]){ PARTS[warner->part].name, id, NULL },
		DEADLINE_MS, on_delivered, warner);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct quota_warner *warner = context;
	struct db *usage = warner->directory->usage;
	int64_t due_ms = 0;
	int got = -1;

	if (warner->under_way)
		return;
	if (usage != NULL)
		got = quota_warning_next(usage, clock_wall_ms(),
			&warner->warning, &due_ms, NULL);
	if (got == 1)
		start(warner);
	else
		look_in(warner,
			got == 0 && due_ms == 0 ? REST_WAIT_MS : BUSY_WAIT_MS);
}

int
quota_warner_bytes(
	void *context, int64_t mailbox_id, int64_t bytes, struct err *err)
{
	struct quota_warner *warner = context;
	struct directory *directory = warner->directory;
	int got;

	if (directory->core == NULL)
		return err_set(err, ERR_UNAVAILABLE, "core.db is not open");
	got = quota_judge(
		directory->usage, directory->core, mailbox_id, bytes, err);
	/* Looked at when the transaction is over. */
	if (got == 1 && !warner->under_way)
		look_in(warner, 0);
	return got < 0 ? -1 : 0;
}

struct quota_warner *
quota_warner_new(struct directory *directory)
{
	struct quota_warner *warner = xmalloc(sizeof(*warner));

	warner->directory = directory;
	(void)snprintf(warner->socket_path, sizeof(warner->socket_path),
		"%s/directory/quota-warning", directory->paths->sockets);
	warner->timer = evtimer_new(directory->loop, on_timer, warner);
	BUG_ON(warner->timer == NULL);
	look_in(warner, 0);
	return warner;
}

void
quota_warner_free(struct quota_warner **warner)
{
	if (*warner == NULL)
		return;
	event_free((*warner)->timer);
	if ((*warner)->under_way) {
		(*warner)->freed = true;
		*warner = NULL;
		return;
	}
	x_free(warner);
}

/* What the helper asks. */

/* One text setting, as a member of the answer. */
static int
write_setting(struct directory *directory, enum setting_name name,
	const char *key, struct arena *arena, struct json_writer *w,
	struct err *err)
{
	const char *text;

	if (setting_text(directory->core, name, arena, &text, NULL, err) != 0)
		return -1;
	json_text(w, key, text);
	return 0;
}

static void
write_copies(const struct dict_warned *warned, struct json_writer *w)
{
	struct span rest = span_from(warned->copies), word;

	json_array_open(w, "copies");
	while (warned->copies_active && span_split(&rest, ' ', &word))
		if (word.length > 0)
			json_span(w, NULL, word);
	json_array_close(w);
}

static int
write_answer(struct directory *directory, const struct quota_warning *warning,
	const struct dict_warned *warned, struct arena *arena,
	struct strbuf *out, struct err *err)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_object_open(&w, NULL);
	json_text(&w, "address", warned->address);
	json_number(&w, "mailbox", warning->mailbox_id);
	json_number(&w, "level", warning->level);
	json_number(&w, "used", warning->bytes);
	json_number(&w, "quota", warning->quota);
	json_number(&w, "at", warning->at);
	write_copies(warned, &w);
	if (write_setting(directory, SETTING_QUOTA_WARNING_SENDER, "sender",
		    arena, &w, err) != 0 ||
		write_setting(directory, SETTING_QUOTA_WARNING_SUBJECT,
			"subject", arena, &w, err) != 0 ||
		write_setting(directory, SETTING_QUOTA_WARNING_TEXT, "text",
			arena, &w, err) != 0)
		return -1;
	json_object_close(&w);
	return 1;
}

int
quota_warner_describe(struct directory *directory, int64_t mailbox_id,
	struct strbuf *out, struct err *err)
{
	struct quota_warning warning;
	struct dict_warned warned;
	struct arena *arena;
	int got;

	if (directory->core == NULL || directory->usage == NULL)
		return err_set(err, ERR_UNAVAILABLE, "a database is not open");
	got = quota_warning_find(directory->usage, mailbox_id, &warning, err);
	if (got != 1 || warning.parts == 0)
		return got < 0 ? -1 : 0;
	arena = arena_new();
	got = dict_sql_warned(directory->core, mailbox_id, arena, &warned, err);
	if (got == 1)
		got = write_answer(
			directory, &warning, &warned, arena, out, err);
	arena_free(&arena);
	return got;
}
