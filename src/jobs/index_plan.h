/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which mailboxes are to be indexed for searching, and when: a pure
 * function of what changed, of results and of time. A mailbox whose index
 * fails is put off, longer each time, and then indexed alone, so that it
 * holds up nobody; its index is dropped before it is tried again. Nothing
 * is asked or read here (indexer.h).
 */
#ifndef JOBS_INDEX_PLAN_H
#define JOBS_INDEX_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"
#include "model/address.h"

#define INDEX_PLAN_TEXT_MAX 160
#define INDEX_PLAN_STATE_MAX (4 * 1024 * 1024)

struct index_entry {
	struct index_entry *next;
	int64_t mailbox_id;
	int64_t change; /* number of its row in usage.db */
	char address[ADDRESS_MAX];
	int batch; /* that it is in; 0: it waits */
	bool changed_again; /* while it was in a batch */
	int failed_batch; /* the last one that it failed in */
	bool alone; /* it, or one beside it, failed */
	int failures; /* in a row */
	int64_t due_ms; /* wall clock */
	char text[INDEX_PLAN_TEXT_MAX]; /* why it failed last */
};

struct index_plan;

struct index_plan *index_plan_new(void);
void index_plan_free(struct index_plan **plan);

/* A row of usage.db, in the order of change. */
void index_plan_add(struct index_plan *plan, int64_t mailbox_id, int64_t change,
	const char *address);
/* The highest change that was read. */
int64_t index_plan_seen(const struct index_plan *plan);
/* Entries that wait or are in a batch. */
size_t index_plan_count(const struct index_plan *plan);
/* The row of a mailbox that is gone. */
void index_plan_pass(
	struct index_plan *plan, int64_t mailbox_id, int64_t change);
/*
 * Puts what is due into the batch of that number, at most max mailboxes;
 * returns how many. One that is to be alone is; has_failed_out: it did.
 */
size_t index_plan_take(struct index_plan *plan, int batch, size_t max,
	int64_t now_ms, bool *has_failed_out);
/* The entries, in the order of change; follow ->next. */
const struct index_entry *index_plan_first(const struct index_plan *plan);
/* doveadm complained about that mailbox. */
void index_plan_blame(struct index_plan *plan, int batch, const char *address,
	const char *text);

enum index_result {
	INDEX_DONE, /* whoever was not blamed */
	INDEX_UNKNOWN, /* killed: each is tried alone */
	INDEX_NOT_TRIED /* nobody is to blame: all once more, later */
};

/* How many of the batch are indexed. */
size_t index_plan_finish(struct index_plan *plan, int batch,
	enum index_result result, int64_t now_ms);

/* What must survive: how far all is done, and who failed. */
void index_plan_save(const struct index_plan *plan, int64_t optimized_ms,
	struct strbuf *out);
/* ERR_CORRUPT: start from nothing, which only repeats work. */
MUST_CHECK int index_plan_load(struct index_plan *plan, const char *text,
	int64_t *optimized_ms_out, struct err *err);
/* usage.db is another one: all of it counts as changed. */
void index_plan_restart(struct index_plan *plan);

#endif
