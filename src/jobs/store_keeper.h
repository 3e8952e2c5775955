/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Brings the mail of removed mailboxes to where core.db says that it
 * belongs (model/removed_mailbox.h): into the garbage area, back to its
 * mailbox, or out of this world. The rows that are not settled are its
 * queue: it has the agent move one store at a time, the longest due first,
 * and settles the row when that is done. Each step may be repeated, so it
 * may be killed at any point; what fails is tried again after a while.
 */
#ifndef JOBS_STORE_KEEPER_H
#define JOBS_STORE_KEEPER_H

#include <event2/event.h>

#include "store/db.h"

struct store_keeper;

/* core and the text outlive it. */
struct store_keeper *store_keeper_new(
	struct event_base *loop, struct db *core, const char *agent_socket);
/* An answer that is on its way is still awaited by the loop: free it last. */
void store_keeper_free(struct store_keeper **keeper);
/* Something may be there to be settled. */
void store_keeper_wake(struct store_keeper *keeper);
/* Begins nothing new. idle is called when, or as, nothing is under way. */
void store_keeper_stop(struct store_keeper *keeper, void (*idle)(void *context),
	void *context);

#endif
