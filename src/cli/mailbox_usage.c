/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads usage.db for `mailbox show`; its absence is no error. */
#include "cli/mailbox_usage.h"

#include <stdio.h>
#include <time.h>

#include "base/compiler.h"
#include "store/db.h"

#define BUSY_MS 1000
#define LABEL_WIDTH 22

static const struct db_statement SQL_QUOTA = { "usage-quota",
	"SELECT bytes, messages FROM quota WHERE mailbox_id = ?1", NULL };
static const struct db_statement SQL_LOGINS = { "usage-logins",
	"SELECT service, ip, at FROM last_login WHERE mailbox_id = ?1"
	" ORDER BY service",
	NULL };

static void
read_quota(struct db *db, int64_t mailbox_id, struct mailbox_usage *out)
{
	struct db_query q = db_query(db, &SQL_QUOTA);

	db_bind_number(&q, 1, mailbox_id);
	if (db_step(&q, NULL) == 1) {
		out->known = true;
		out->bytes = db_number(&q, 0);
		out->messages = db_number(&q, 1);
	}
	db_finish(&q);
}

static void
read_logins(struct db *db, int64_t mailbox_id, struct arena *arena,
	struct mailbox_usage *out)
{
	struct db_query q = db_query(db, &SQL_LOGINS);

	db_bind_number(&q, 1, mailbox_id);
	while (out->login_count < MAILBOX_USAGE_LOGINS_MAX &&
		db_step(&q, NULL) == 1)
		out->logins[out->login_count++] = (struct mailbox_login){
			.service = arena_strdup(arena, db_text(&q, 0)),
			.ip = arena_strdup(arena, db_text(&q, 1)),
			.at = db_number(&q, 2),
		};
	db_finish(&q);
}

void
mailbox_usage_read(const struct paths *paths, int64_t mailbox_id,
	struct arena *arena, struct mailbox_usage *out)
{
	struct db *db;

	*out = (struct mailbox_usage){ 0 };
	if (db_open(paths->usage_db, DB_READ, DB_SYNC_NORMAL, BUSY_MS, &db,
		    NULL) != 0)
		return;
	read_quota(db, mailbox_id, out);
	read_logins(db, mailbox_id, arena, out);
	db_close(&db);
}

void
mailbox_usage_write(const struct mailbox_usage *usage, struct json_writer *w)
{
	json_object_open(w, "usage");
	json_bool(w, "known", usage->known);
	json_number(w, "bytes", usage->bytes);
	json_number(w, "messages", usage->messages);
	json_array_open(w, "last_logins");
	for (size_t i = 0; i < usage->login_count; i++) {
		json_object_open(w, NULL);
		json_text(w, "service", usage->logins[i].service);
		json_text(w, "ip", usage->logins[i].ip);
		json_number(w, "at", usage->logins[i].at);
		json_object_close(w);
	}
	json_array_close(w);
	json_object_close(w);
}

void
mailbox_usage_print(
	const struct mailbox_usage *usage, UNUSED struct arena *arena)
{
	if (usage->known)
		(void)printf("%-*s %lld bytes in %lld messages\n", LABEL_WIDTH,
			"used", (long long)usage->bytes,
			(long long)usage->messages);
	for (size_t i = 0; i < usage->login_count; i++) {
		time_t at = (time_t)usage->logins[i].at;
		struct tm parts;
		char text[32] = "";

		if (gmtime_r(&at, &parts) != NULL)
			(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ",
				&parts);
		(void)printf("%-*s %s %s from %s\n", LABEL_WIDTH, "last_login",
			usage->logins[i].service, text, usage->logins[i].ip);
	}
}
