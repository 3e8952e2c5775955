/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The effects that the outbox can ask for, each idempotent:
 *
 *	session.kick    ends the open sessions of addresses (agent)
 *	dkim.project    a domain's key in Redis is what core.db says
 *	mailbox.remove  a mailbox's files go to the garbage area (agent);
 *	                an older version asked for it, see store_keeper.h
 */
#ifndef JOBS_EFFECTS_H
#define JOBS_EFFECTS_H

#include <event2/event.h>

#include "jobs/dkim_projector.h"
#include "jobs/runner.h"

/* What the effects work with: the runner's context. */
struct effects {
	struct event_base *loop;
	const char *agent_socket;
	struct dkim_projector *dkim;
};

extern const struct runner_effect effects_table[];

#endif
