/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Judges how long removed mailboxes are kept (setting garbage_days), every
 * few minutes: those whose time is over are marked to be deleted, which
 * store_keeper.h carries out. Every hour it looks at what lies in the
 * garbage area: mail of a mailbox that there is goes back to it; what
 * belongs to nobody is kept, and said, in the log and to the agent (fact
 * "garbage"); mail that version 0.1 moved there has its time in its name and
 * goes when that is over. Nothing is ever deleted earlier for want of space.
 */
#ifndef JOBS_GARBAGE_COLLECTOR_H
#define JOBS_GARBAGE_COLLECTOR_H

#include <event2/event.h>

#include "store/db.h"

struct garbage_collector;

/* core and the text outlive it. */
struct garbage_collector *garbage_collector_new(
	struct event_base *loop, struct db *core, const char *agent_socket);
void garbage_collector_free(struct garbage_collector **collector);
/* Judges and looks now, unless it is at it. */
void garbage_collector_wake(struct garbage_collector *collector);

#endif
