/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail that waited for a full disk, a dead resolver or a lost database is
 * tried again as soon as the cause is gone, not when Postfix's back-off
 * of up to half an hour is over. Which facts (verb health) are such causes
 * is decided here; a fact that comes and goes makes Postfix try once a
 * minute at most.
 */
#ifndef AGENT_RETRY_QUEUE_H
#define AGENT_RETRY_QUEUE_H

#include <event2/event.h>
#include <stdbool.h>

struct retry_queue;

/* spool: Postfix's queue directory, copied. */
struct retry_queue *retry_queue_new(struct event_base *loop, const char *spool);
void retry_queue_free(struct retry_queue **retry);
/* A fact was reported; only one that was bad and is good counts. */
void retry_queue_on_fact(
	struct retry_queue *retry, const char *name, bool was_ok, bool ok);

#endif
