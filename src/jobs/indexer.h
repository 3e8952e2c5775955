/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps the search index near the mail: reads from usage.db which
 * mailboxes changed, gathers them for a while, has the agent index them in
 * batches (verb `mail`, nice), a few at a time, and cleans the index up each
 * so many days. What is done is noted in db/core/search.json; a kill of
 * anything only repeats work. Delivery and searches never wait for it.
 */
#ifndef JOBS_INDEXER_H
#define JOBS_INDEXER_H

#include <event2/event.h>

#include "base/paths.h"
#include "store/db.h"

struct indexer;

struct indexer_options {
	const struct paths *paths; /* this and core outlive the indexer */
	struct db *core;
	const char *agent_socket;
	int lag_ms;
	int workers; /* <= SEARCH_WORKERS_MAX */
	int optimize_days; /* 0: never */
};

struct indexer *indexer_new(
	struct event_base *loop, const struct indexer_options *options);
/* At the end of the program: answers that are awaited are not heard. */
void indexer_free(struct indexer **indexer);

#endif
