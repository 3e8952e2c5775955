/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Judges whether a mailbox has to be warned of its quota: in the same
 * transaction that writes a new number, so that a number that is kept has
 * its warning, too, and one that is lost is judged when it comes again.
 * A mailbox is warned once per level, of the highest one only; a level
 * counts again when the use has fallen QUOTA_REST_PERCENT below it.
 *
 * What has to be sent waits in usage.db (table quota_warning) until
 * quota_warner.h has had it delivered.
 */
#ifndef DIRECTORY_QUOTA_JUDGE_H
#define DIRECTORY_QUOTA_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

#define QUOTA_REST_PERCENT 3

/* What of a warning is to be delivered: bits of a mask. */
enum quota_part {
	QUOTA_PART_MAILBOX = 1,
	QUOTA_PART_COPIES = 2
};

struct quota_warning {
	int64_t mailbox_id;
	int level;
	unsigned parts; /* that are left */
	int64_t bytes; /* when the level was reached */
	int64_t quota;
	int64_t at;
	int64_t attempts;
};

/* Inside a transaction of usage. 1: there is a new warning; 0; -1. */
MUST_CHECK int quota_judge(struct db *usage, struct db *core,
	int64_t mailbox_id, int64_t bytes, struct err *err);

/* The first that is due: 1, 0 with when the next is (0: none), -1. */
MUST_CHECK int quota_warning_next(struct db *usage, int64_t now_ms,
	struct quota_warning *warning_out, int64_t *due_ms_out,
	struct err *err);
/* What of the mailbox's warning is left: 1, 0 nothing, -1. */
MUST_CHECK int quota_warning_find(struct db *usage, int64_t mailbox_id,
	struct quota_warning *warning_out, struct err *err);
/* A part is delivered, unless another warning has taken its place. */
MUST_CHECK int quota_warning_done(struct db *usage,
	const struct quota_warning *warning, enum quota_part part,
	struct err *err);
/* Puts it off: 1, 2, 4 ... seconds, a minute at most. */
MUST_CHECK int quota_warning_failed(struct db *usage,
	const struct quota_warning *warning, int64_t now_ms, struct err *err);

/* The statements, for the test that explains them. */
extern const struct db_statement *const quota_usage_statements[];
extern const int quota_usage_statement_count;
extern const struct db_statement *const quota_core_statements[];
extern const int quota_core_statement_count;

#endif
