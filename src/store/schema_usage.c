/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usage.db: what the mail store and logins report, written by the
 * directory only. Rows belong to mailboxes of core.db by their id; rows of
 * removed mailboxes are dropped by the directory (usage_sweep.h).
 */
#include "store/schema_private.h"

/* clang-format off */
static const char USAGE[] =
	"CREATE TABLE quota ("
	" mailbox_id INTEGER PRIMARY KEY,"
	" bytes INTEGER NOT NULL DEFAULT 0,"
	" messages INTEGER NOT NULL DEFAULT 0,"
	" updated INTEGER NOT NULL"
	") STRICT;"

	"CREATE TABLE last_login ("
	" mailbox_id INTEGER NOT NULL,"
	" service TEXT NOT NULL,"
	" at INTEGER NOT NULL,"
	" ip TEXT NOT NULL,"
	" PRIMARY KEY (mailbox_id, service)"
	") STRICT, WITHOUT ROWID;"

	/* One row per kind of login, not per login: a phone polls all day. */
	"CREATE TABLE login_log ("
	" mailbox_id INTEGER NOT NULL,"
	" service TEXT NOT NULL,"
	" ip TEXT NOT NULL,"
	" app_password_id INTEGER NOT NULL DEFAULT 0," /* 0: the main password */
	" first INTEGER NOT NULL,"
	" last INTEGER NOT NULL,"
	" count INTEGER NOT NULL DEFAULT 1,"
	" PRIMARY KEY (mailbox_id, service, ip, app_password_id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX login_log_last ON login_log (last);";

/*
 * What search indexes by: the rows that were written since. A number, not a
 * time, because clocks are put back. What is there already gets one, too.
 */
static const char QUOTA_CHANGE[] =
	"ALTER TABLE quota ADD COLUMN change INTEGER NOT NULL DEFAULT 0;"
	"UPDATE quota SET change = mailbox_id;"
	"CREATE INDEX quota_change ON quota (change);";

/*
 * level is what a mailbox was warned of and has not fallen below since;
 * the other columns are the warning that belongs to it. parts is what of
 * it was not delivered yet (directory/quota_judge.h).
 */
static const char QUOTA_WARNING[] =
	"CREATE TABLE quota_warning ("
	" mailbox_id INTEGER PRIMARY KEY,"
	" level INTEGER NOT NULL,"
	" parts INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL,"
	" quota INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" due INTEGER NOT NULL," /* milliseconds */
	" attempts INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"CREATE INDEX quota_warning_due ON quota_warning (due) WHERE parts > 0;";

/*
 * running: a directory has the file open and has not said its last word.
 * doubt: numbers of rows with a lower change are from before an unclean end,
 * and so is a number that is not there; 0: none (directory/usage_mark.h).
 */
static const char QUOTA_STATE[] =
	"CREATE TABLE quota_state ("
	" only INTEGER PRIMARY KEY CHECK (only = 1),"
	" running INTEGER NOT NULL DEFAULT 1," /* a new file knows nothing */
	" doubt INTEGER NOT NULL DEFAULT 0"
	") STRICT;"
	"INSERT INTO quota_state (only) VALUES (1);";

const struct schema_step schema_usage_steps[] = {
	{ "usage", USAGE },
	{ "quota change", QUOTA_CHANGE },
	{ "quota-warning", QUOTA_WARNING },
	{ "quota state", QUOTA_STATE },
};
/* clang-format on */

const int schema_usage_count =
	(int)(sizeof(schema_usage_steps) / sizeof(schema_usage_steps[0]));
