/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Effects outside of the database: written in the transaction of the
 * change, carried out later by the jobs, at least once, until they
 * succeed; one run may do for equal ones (jobs/runner.h). Kinds and their
 * payload:
 *
 *	session.kick    {"address"}  "*@example.org" is every mailbox there
 *	dkim.project    {"domain"}
 */
#ifndef MODEL_OUTBOX_H
#define MODEL_OUTBOX_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct outbox_item {
	int64_t id;
	const char *kind;
	const char *payload; /* JSON object */
	int64_t attempts; /* that failed */
	int64_t created; /* Unix seconds */
};

/* Inside the transaction of the change. */
MUST_CHECK int outbox_add(struct db *core, const char *kind,
	const char *payload, struct err *err);
/* The same with the payload {"key":"value"}. */
MUST_CHECK int outbox_add_text(struct db *core, const char *kind,
	const char *key, const char *value, struct err *err);

/* The first item that is due: 1, 0 none, -1. Texts live in arena. */
MUST_CHECK int outbox_next(struct db *core, int64_t now_ms, struct arena *arena,
	struct outbox_item *item_out, struct err *err);
/* All that are due, at most items_max, the longest due first. */
MUST_CHECK int outbox_list(struct db *core, int64_t now_ms, struct arena *arena,
	struct outbox_item *items_out, size_t items_max, size_t *count_out,
	struct err *err);
/* When the next item is due: 1 with *due_ms_out, 0 when empty, -1. */
MUST_CHECK int outbox_due(
	struct db *core, int64_t *due_ms_out, struct err *err);
/* How many wait, for status. */
MUST_CHECK int outbox_count(
	struct db *core, int64_t *count_out, struct err *err);
MUST_CHECK int outbox_done(struct db *core, int64_t id, struct err *err);
/* Puts it off: 1, 2, 4 ... seconds, at most OUTBOX_DELAY_MAX_MS. */
MUST_CHECK int outbox_failed(struct db *core, const struct outbox_item *item,
	int64_t now_ms, const char *cause, struct err *err);

#define OUTBOX_DELAY_MIN_MS 1000
#define OUTBOX_DELAY_MAX_MS 300000

#endif
