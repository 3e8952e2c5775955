/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A mark that a power loss takes back would hide the loss, so it is synced;
 * the one of a clean end need not be: what it stands behind in the log gets
 * lost with it or not at all.
 */
#include "directory/usage_mark.h"

#include "base/compiler.h"

/* clang-format off */
static const struct db_statement SQL_IS_RUNNING = { "usage-mark-is-running",
	"SELECT running FROM quota_state WHERE only = 1", NULL };
static const struct db_statement SQL_RUNNING = { "usage-mark-running",
	"UPDATE quota_state SET running = 1, doubt = CASE WHEN ?1 THEN"
	" (SELECT coalesce(max(change), 0) + 1 FROM quota) ELSE doubt END"
	" WHERE only = 1", NULL };
static const struct db_statement SQL_STOPPED = { "usage-mark-stopped",
	"UPDATE quota_state SET running = 0 WHERE only = 1", NULL };

/* clang-format on */

static int
is_running(struct db *usage, bool *running_out, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_IS_RUNNING);
	int got = db_step(&q, err);

	if (got == 1)
		*running_out = db_number(&q, 0) != 0;
	db_finish(&q);
	if (got == 0)
		return err_set(err, ERR_CORRUPT, "usage.db has no state");
	return got < 0 ? -1 : 0;
}

static int
set_mark(struct db *usage, bool in_doubt, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_RUNNING);

	db_bind_number(&q, 1, in_doubt);
	return db_run(&q, err);
}

int
usage_mark_running(struct db *usage, bool was_replaced, struct err *err)
{
	bool in_doubt = false;
	int status;

	if (is_running(usage, &in_doubt, err) < 0)
		return -1;
	in_doubt |= was_replaced;
	if (db_script(usage, "PRAGMA synchronous=FULL", err) < 0)
		return -1;
	status = set_mark(usage, in_doubt, err);
	if (db_script(usage, "PRAGMA synchronous=NORMAL", err) < 0 ||
		status < 0)
		return -1;
	return in_doubt;
}

int
usage_mark_stopped(struct db *usage, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_STOPPED);

	return db_run(&q, err) < 0 ? -1 : 0;
}
