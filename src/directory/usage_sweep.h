/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Drops what usage.db knows of mailboxes that are gone. Ids are never used
 * again, so such rows harm nobody and need no message from those who
 * remove: a slice of ids is compared with core.db once a minute, round and
 * round. While either file is away nothing is dropped.
 */
#ifndef DIRECTORY_USAGE_SWEEP_H
#define DIRECTORY_USAGE_SWEEP_H

#include <event2/event.h>
#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

struct usage_sweep;

/* *core and *usage may be NULL for a while, and others later. */
struct usage_sweep *usage_sweep_new(struct event_base *loop,
	struct db *const *core, struct db *const *usage);
void usage_sweep_free(struct usage_sweep **sweep);
/* What the timer does: mailboxes whose rows were dropped, or -1. */
int usage_sweep_step(struct usage_sweep *sweep, struct err *err);

/* The statements on usage.db, for the test that explains them. */
extern const struct db_statement *const usage_sweep_statements[];
extern const int usage_sweep_statement_count;

#endif
