/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A mailbox that was never warned has no row, so the usual report costs
 * two look-ups that find what is in memory, and writes nothing.
 */
#include "directory/quota_judge.h"

#include "base/clock.h"
#include "base/compiler.h"
#include "model/quota_warning.h"
#include "model/setting.h"

#define DELAY_MIN_MS 1000
#define DELAY_MAX_MS 60000
#define DOUBLINGS_MAX 6

/* clang-format off */
static const struct db_statement SQL_QUOTA = { "quota-of-mailbox",
	"SELECT quota FROM mailbox WHERE id = ?1", NULL };

#define WARNING_COLUMNS "mailbox_id, level, parts, bytes, quota, at, attempts"

static const struct db_statement SQL_FIND = { "quota-warning-find",
	"SELECT " WARNING_COLUMNS " FROM quota_warning WHERE mailbox_id = ?1",
	NULL };

static const struct db_statement SQL_NEXT = { "quota-warning-next",
	"SELECT " WARNING_COLUMNS ", due FROM quota_warning"
	" INDEXED BY quota_warning_due WHERE parts > 0 ORDER BY due LIMIT 1",
	"reads the first entry of the index only" };

static const struct db_statement SQL_WRITE = { "quota-warning-write",
	"INSERT INTO quota_warning (mailbox_id, level, parts, bytes, quota, at,"
	" due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	" ON CONFLICT (mailbox_id) DO UPDATE SET level = ?2, parts = ?3,"
	" bytes = ?4, quota = ?5, at = ?6, due = ?7, attempts = 0", NULL };

static const struct db_statement SQL_LOWER = { "quota-warning-lower",
	"UPDATE quota_warning SET level = ?2 WHERE mailbox_id = ?1", NULL };

static const struct db_statement SQL_REMOVE = { "quota-warning-remove",
	"DELETE FROM quota_warning WHERE mailbox_id = ?1", NULL };

static const struct db_statement SQL_DONE = { "quota-warning-done",
	"UPDATE quota_warning SET parts = parts & ~?3, attempts = 0"
	" WHERE mailbox_id = ?1 AND at = ?2 AND bytes = ?4", NULL };

static const struct db_statement SQL_FAILED = { "quota-warning-failed",
	"UPDATE quota_warning SET due = ?3, attempts = attempts + 1"
	" WHERE mailbox_id = ?1 AND at = ?2 AND bytes = ?4", NULL };

const struct db_statement *const quota_usage_statements[] = {
	&SQL_FIND, &SQL_NEXT, &SQL_WRITE, &SQL_LOWER, &SQL_REMOVE, &SQL_DONE,
	&SQL_FAILED,
};
const int quota_usage_statement_count = ARRAY_LENGTH(quota_usage_statements);
const struct db_statement *const quota_core_statements[] = { &SQL_QUOTA };
const int quota_core_statement_count = ARRAY_LENGTH(quota_core_statements);

/* clang-format on */

static void
read_row(struct db_query *q, struct quota_warning *out)
{
	*out = (struct quota_warning){
		.mailbox_id = db_number(q, 0),
		.level = (int)db_number(q, 1),
		.parts = (unsigned)db_number(q, 2),
		.bytes = db_number(q, 3),
		.quota = db_number(q, 4),
		.at = db_number(q, 5),
		.attempts = db_number(q, 6),
	};
}

int
quota_warning_find(struct db *usage, int64_t mailbox_id,
	struct quota_warning *warning_out, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_FIND);
	int got;

	db_bind_number(&q, 1, mailbox_id);
	got = db_step(&q, err);
	if (got == 1)
		read_row(&q, warning_out);
	db_finish(&q);
	return got;
}

int
quota_warning_next(struct db *usage, int64_t now_ms,
	struct quota_warning *warning_out, int64_t *due_ms_out, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_NEXT);
	int64_t due_ms = 0;
	int got = db_step(&q, err);

	if (got == 1) {
		read_row(&q, warning_out);
		due_ms = db_number(&q, 7);
	}
	db_finish(&q);
	/* Further ahead than it is ever put off: the clock was put back. */
	if (got == 1 && due_ms > now_ms && due_ms - now_ms <= DELAY_MAX_MS)
		got = 0;
	if (got >= 0)
		*due_ms_out = due_ms;
	return got;
}

/* 1 with the quota, 0 no such mailbox, -1. */
static int
quota_of(struct db *core, int64_t mailbox_id, int64_t *quota_out,
	struct err *err)
{
	struct db_query q = db_query(core, &SQL_QUOTA);
	int got;

	db_bind_number(&q, 1, mailbox_id);
	got = db_step(&q, err);
	if (got == 1)
		*quota_out = db_number(&q, 0);
	db_finish(&q);
	return got;
}

static int
load_levels(struct db *core, struct quota_levels *levels_out, struct err *err)
{
	struct arena *arena = arena_new();
	const char *text;
	int status = setting_text(
		core, SETTING_QUOTA_WARNINGS, arena, &text, NULL, err);

	if (status == 0)
		status = quota_levels_parse(text, levels_out, err);
	arena_free(&arena);
	return status;
}

static int
write_row(
	struct db *usage, const struct quota_warning *warning, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_WRITE);

	db_bind_number(&q, 1, warning->mailbox_id);
	db_bind_number(&q, 2, warning->level);
	db_bind_number(&q, 3, warning->parts);
	db_bind_number(&q, 4, warning->bytes);
	db_bind_number(&q, 5, warning->quota);
	db_bind_number(&q, 6, warning->at);
	db_bind_number(&q, 7, clock_wall_ms());
	return db_run(&q, err);
}

/* What was not delivered yet still is, though it has become less true. */
static int
lower(struct db *usage, const struct quota_warning *warning, int level,
	struct err *err)
{
	bool forget = level == 0 && warning->parts == 0;
	struct db_query q = db_query(usage, forget ? &SQL_REMOVE : &SQL_LOWER);

	db_bind_number(&q, 1, warning->mailbox_id);
	if (!forget)
		db_bind_number(&q, 2, level);
	return db_run(&q, err);
}

static int
compare(struct db *usage, const struct quota_levels *levels,
	const struct quota_warning *old, struct quota_warning *reported,
	struct err *err)
{
	int64_t percent = quota_percent(reported->bytes, reported->quota);
	int rest;

	reported->level = quota_levels_reached(levels, percent);
	if (reported->level > old->level)
		return write_row(usage, reported, err) < 0 ? -1 : 1;
	rest = quota_levels_reached(levels, percent + QUOTA_REST_PERCENT);
	if (rest >= old->level)
		return 0;
	return lower(usage, old, rest, err) < 0 ? -1 : 0;
}

int
quota_judge(struct db *usage, struct db *core, int64_t mailbox_id,
	int64_t bytes, struct err *err)
{
	struct quota_warning old = { .mailbox_id = mailbox_id };
	struct quota_warning reported = { .mailbox_id = mailbox_id,
		.parts = QUOTA_PART_MAILBOX | QUOTA_PART_COPIES,
		.bytes = bytes,
		.at = clock_wall_seconds() };
	struct quota_levels levels;
	int known;

	if (quota_of(core, mailbox_id, &reported.quota, err) < 0)
		return -1;
	known = quota_warning_find(usage, mailbox_id, &old, err);
	if (known == 0 && reported.quota == 0)
		return 0;
	if (known < 0 || load_levels(core, &levels, err) < 0)
		return -1;
	/* An unlimited one, and one that is gone, has a quota of 0. */
	return compare(usage, &levels, &old, &reported, err);
}

static int
run_on(struct db *usage, const struct db_statement *statement,
	const struct quota_warning *warning, int64_t value, struct err *err)
{
	struct db_query q = db_query(usage, statement);

	db_bind_number(&q, 1, warning->mailbox_id);
	db_bind_number(&q, 2, warning->at);
	db_bind_number(&q, 3, value);
	db_bind_number(&q, 4, warning->bytes);
	return db_run(&q, err);
}

int
quota_warning_done(struct db *usage, const struct quota_warning *warning,
	enum quota_part part, struct err *err)
{
	return run_on(usage, &SQL_DONE, warning, (int64_t)part, err) < 0 ? -1
									 : 0;
}

int
quota_warning_failed(struct db *usage, const struct quota_warning *warning,
	int64_t now_ms, struct err *err)
{
	int64_t wait_ms = warning->attempts < DOUBLINGS_MAX
				  ? DELAY_MIN_MS * (1 << warning->attempts)
				  : DELAY_MAX_MS;

	return run_on(usage, &SQL_FAILED, warning, now_ms + wait_ms, err) < 0
		       ? -1
		       : 0;
}
