/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rows of the outbox; the delay doubles with each failure. Times are the
 * wall clock's, because rows outlive a boot. No delay is longer than
 * OUTBOX_DELAY_MAX_MS, so what is due later than that was written before
 * the clock was put back, and is due.
 */
#include "model/outbox.h"

#include "base/clock.h"
#include "base/json_write.h"
#include "base/strbuf.h"
#include "model/core_sql.h"

#define PAYLOAD_MAX 4096

int
outbox_add(
	struct db *core, const char *kind, const char *payload, struct err *err)
{
	struct db_query q = db_query(core, &OUTBOX_SQL[OUTBOX_INSERT]);

	db_bind_text(&q, 1, kind);
	db_bind_text(&q, 2, payload);
	db_bind_number(&q, 3, clock_wall_seconds());
	db_bind_number(&q, 4, clock_wall_ms());
	return db_run(&q, err);
}

int
outbox_add_text(struct db *core, const char *kind, const char *key,
	const char *value, struct err *err)
{
	struct strbuf payload;
	struct json_writer w;
	int status;

	strbuf_init(&payload, PAYLOAD_MAX);
	json_writer_init(&w, &payload);
	json_object_open(&w, NULL);
	json_text(&w, key, value);
	json_object_close(&w);
	status = outbox_add(core, kind, payload.data, err);
	strbuf_deinit(&payload);
	return status;
}

static struct outbox_item
read_item(struct db_query *q, struct arena *arena)
{
	return (struct outbox_item){
		.id = db_number(q, 0),
		.kind = arena_strdup(arena, db_text(q, 1)),
		.payload = arena_strdup(arena, db_text(q, 2)),
		.attempts = db_number(q, 3),
		.created = db_number(q, 4),
	};
}

static void
bind_now(struct db_query *q, int64_t now_ms)
{
	db_bind_number(q, 1, now_ms);
	db_bind_number(q, 2, now_ms + OUTBOX_DELAY_MAX_MS);
}

int
outbox_next(struct db *core, int64_t now_ms, struct arena *arena,
	struct outbox_item *item_out, struct err *err)
{
	struct db_query q = db_query(core, &OUTBOX_SQL[OUTBOX_NEXT]);
	int got;

	bind_now(&q, now_ms);
	got = db_step(&q, err);
	if (got == 1)
		*item_out = read_item(&q, arena);
	db_finish(&q);
	return got;
}

int
outbox_list(struct db *core, int64_t now_ms, struct arena *arena,
	struct outbox_item *items_out, size_t items_max, size_t *count_out,
	struct err *err)
{
	struct db_query q = db_query(core, &OUTBOX_SQL[OUTBOX_LIST]);
	size_t count = 0;
	int got;

	bind_now(&q, now_ms);
	db_bind_number(&q, 3, (int64_t)items_max);
	while ((got = db_step(&q, err)) == 1)
		items_out[count++] = read_item(&q, arena);
	db_finish(&q);
	if (got == 0)
		*count_out = count;
	return got;
}

static int
one_number(struct db *core, const struct db_statement *statement,
	int64_t *number_out, struct err *err)
{
	struct db_query q = db_query(core, statement);
	int got = db_step(&q, err);

	if (got == 1)
		*number_out = db_number(&q, 0);
	db_finish(&q);
	return got;
}

int
outbox_due(struct db *core, int64_t *due_ms_out, struct err *err)
{
	return one_number(core, &OUTBOX_SQL[OUTBOX_DUE], due_ms_out, err);
}

int
outbox_count(struct db *core, int64_t *count_out, struct err *err)
{
	return one_number(core, &OUTBOX_SQL[OUTBOX_COUNT], count_out, err) == 1
		       ? 0
		       : -1;
}

int
outbox_done(struct db *core, int64_t id, struct err *err)
{
	struct db_query q = db_query(core, &OUTBOX_SQL[OUTBOX_DELETE]);

	db_bind_number(&q, 1, id);
	return db_run(&q, err);
}

static int64_t
delay_ms(int64_t attempts)
{
	int64_t delay = OUTBOX_DELAY_MIN_MS;

	while (attempts-- > 0 && delay < OUTBOX_DELAY_MAX_MS)
		delay *= 2;
	return delay < OUTBOX_DELAY_MAX_MS ? delay : OUTBOX_DELAY_MAX_MS;
}

int
outbox_failed(struct db *core, const struct outbox_item *item, int64_t now_ms,
	const char *cause, struct err *err)
{
	struct db_query q = db_query(core, &OUTBOX_SQL[OUTBOX_POSTPONE]);

	db_bind_number(&q, 1, item->id);
	db_bind_number(&q, 2, now_ms + delay_ms(item->attempts));
	db_bind_text(&q, 3, cause);
	return db_run(&q, err);
}
