/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The verb `garbage`: has mailherd-garbage move, delete or list the mail
 * of removed mailboxes, as user vmail.
 *
 *	{"verb":"garbage","action":"keep","store_id":"..."}  {"bytes":1234}
 *	                 "return"                            {}
 *	                 "purge"                             {"unfinished":true}
 *	                 "drop","entry":"TIME_..."      {"unfinished":true}
 *	                 "list","after":"NAME"               {"entries":[...]}
 *
 * One runs at a time, in the order of the requests, and none outlives the
 * agent: so a request that was overtaken by a later one can not undo it.
 * When a store belongs where is not decided here (jobs/store_keeper.h).
 */
#ifndef AGENT_GARBAGE_RUNNER_H
#define AGENT_GARBAGE_RUNNER_H

#include <event2/event.h>
#include <jansson.h>

#include "base/paths.h"
#include "io/ipc.h"

struct garbage_runner;

/* paths outlive it. */
struct garbage_runner *garbage_runner_new(
	struct event_base *loop, const struct paths *paths);
/* Who waits is not answered. */
void garbage_runner_free(struct garbage_runner **runner);
/* Answers the call now or later. */
void garbage_runner_ask(
	struct garbage_runner *runner, struct ipc_call *call, json_t *request);

#endif
