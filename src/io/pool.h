/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded pool of threads for slow pure functions (password hashes).
 * Jobs carry their data; the work function touches nothing else, no
 * database, no log. Completion runs in the loop's thread. Which job comes
 * next is the caller's policy: the pool asks for it (next_fn) in the
 * loop's thread, so a fair queue needs no lock.
 */
#ifndef IO_POOL_H
#define IO_POOL_H

#include <event2/event.h>

#include "base/err.h"

struct pool;

struct pool_job {
	void (*work)(struct pool_job *job); /* in a thread */
	void (*done)(struct pool_job *job); /* in the loop; owns job again */
};

/* threads run at nice level; signals are blocked in them. */
struct pool *pool_new(struct event_base *loop, int threads, int nice_level,
	struct pool_job *(*next)(void *context), void *context);
/* A job became available: idle threads will take next() until it is NULL. */
void pool_wake(struct pool *pool);
int pool_busy(const struct pool *pool); /* jobs inside threads now */
/* Waits for running jobs; their done functions are called. */
void pool_free(struct pool **pool);

#endif
