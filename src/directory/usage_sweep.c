/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The next id of three tables is three index look-ups; who was warned of
 * its quota is in the first one, too. A failure is no
 * news: usage.c and databases.c say what is wrong with the files, and the
 * next minute tries again.
 */
#include "directory/usage_sweep.h"

#include "base/alloc.h"
#include "base/compiler.h"

#define INTERVAL_S 60
#define SLICE 500

struct usage_sweep {
	struct db *const *core;
	struct db *const *usage;
	struct event *timer;
	int64_t after; /* the last id that was looked at */
};

/* clang-format off */
static const struct db_statement SQL_MAILBOX = { "sweep-mailbox",
	"SELECT 1 FROM mailbox WHERE id = ?1"
	/* Its numbers are there again when it comes back. */
	" UNION ALL SELECT 1 FROM removed_mailbox WHERE id = ?1", NULL };

#define NEXT_OF(table)                                                         \
	"coalesce((SELECT min(mailbox_id) FROM " table                         \
	" WHERE mailbox_id > ?1), 0x7fffffffffffffff)"

static const struct db_statement SQL_NEXT = { "sweep-next",
	"SELECT nullif(min(" NEXT_OF("quota") ", " NEXT_OF("last_login") ", "
	NEXT_OF("login_log") "), 0x7fffffffffffffff)", NULL };

static const struct db_statement SQL_DROP[] = {
	{ "sweep-quota", "DELETE FROM quota WHERE mailbox_id = ?1", NULL },
	{ "sweep-last-login", "DELETE FROM last_login WHERE mailbox_id = ?1",
	  NULL },
	{ "sweep-login-log", "DELETE FROM login_log WHERE mailbox_id = ?1",
	  NULL },
	{ "sweep-quota-warning",
	  "DELETE FROM quota_warning WHERE mailbox_id = ?1", NULL },
};

const struct db_statement *const usage_sweep_statements[] = {
	&SQL_NEXT, &SQL_DROP[0], &SQL_DROP[1], &SQL_DROP[2], &SQL_DROP[3],
};
const int usage_sweep_statement_count = ARRAY_LENGTH(usage_sweep_statements);

/* clang-format on */

/* 1 with the id, 0 at the end, -1. */
static int
next_id(struct usage_sweep *sweep, int64_t *id_out, struct err *err)
{
	struct db_query q = db_query(*sweep->usage, &SQL_NEXT);
	int got;

	db_bind_number(&q, 1, sweep->after);
	got = db_step(&q, err);
	if (got == 1) {
		*id_out = db_number(&q, 0);
		got = !db_is_null(&q, 0);
	}
	db_finish(&q);
	return got;
}

static int
mailbox_exists(struct usage_sweep *sweep, int64_t id, struct err *err)
{
	struct db_query q = db_query(*sweep->core, &SQL_MAILBOX);
	int got;

	db_bind_number(&q, 1, id);
	got = db_step(&q, err);
	db_finish(&q);
	return got;
}

static int
drop_rows(struct db *usage, int64_t id, struct err *err)
{
	if (db_begin(usage, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(SQL_DROP); i++) {
		struct db_query q = db_query(usage, &SQL_DROP[i]);

		db_bind_number(&q, 1, id);
		if (db_run(&q, err) < 0) {
			db_rollback(usage);
			return -1;
		}
	}
	if (db_commit(usage, err) == 0)
		return 0;
	db_rollback(usage);
	return -1;
}

int
usage_sweep_step(struct usage_sweep *sweep, struct err *err)
{
	int dropped = 0;

	if (*sweep->core == NULL || *sweep->usage == NULL)
		return err_set(err, ERR_UNAVAILABLE, "a database is not open");
	for (int i = 0; i < SLICE; i++) {
		int64_t id = 0;
		int got = next_id(sweep, &id, err);

		if (got == 0)
			sweep->after = 0;
		if (got <= 0)
			return got < 0 ? -1 : dropped;
		got = mailbox_exists(sweep, id, err);
		if (got < 0 ||
			(got == 0 && drop_rows(*sweep->usage, id, err) < 0))
			return -1;
		dropped += got == 0;
		sweep->after = id;
	}
	return dropped;
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	(void)usage_sweep_step(context, NULL);
}

struct usage_sweep *
usage_sweep_new(struct event_base *loop, struct db *const *core,
	struct db *const *usage)
{
	const struct timeval interval = { .tv_sec = INTERVAL_S };
	struct usage_sweep *sweep = xmalloc(sizeof(*sweep));

	sweep->core = core;
	sweep->usage = usage;
	sweep->timer = event_new(loop, -1, EV_PERSIST, on_timer, sweep);
	BUG_ON(sweep->timer == NULL);
	(void)event_add(sweep->timer, &interval);
	return sweep;
}

void
usage_sweep_free(struct usage_sweep **sweep)
{
	if (*sweep == NULL)
		return;
	event_free((*sweep)->timer);
	x_free(sweep);
}
