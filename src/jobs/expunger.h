/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Ends the time of messages that users deleted (mail.undelete_days): some
 * times a day it has the agent expunge, for all mailboxes in batches and
 * in the background, what was deleted longer ago. Who missed a time is
 * seen the next time, so nothing needs to be remembered.
 */
#ifndef JOBS_EXPUNGER_H
#define JOBS_EXPUNGER_H

#include <event2/event.h>

#include "store/db.h"

struct expunger;

/* core and the text outlive it. Days: 0 expunges all that is there. */
struct expunger *expunger_new(struct event_base *loop, struct db *core,
	int days, const char *agent_socket);
void expunger_free(struct expunger **expunger);
/* Begins now, unless it is at work. */
void expunger_wake(struct expunger *expunger);

#endif
