/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells when the instance's nftables table has lost something: another
 * program flushed the ruleset, or deleted the table or a part of it. The
 * kernel tells of each change (nfnetlink's group nftables); who replaces
 * the table in one transaction, as mailherd-prepare does, has lost
 * nothing. What happened before the watch began is asked for once.
 *
 * It changes nothing itself. Where the kernel has no nftables, or the
 * right to listen is missing, there is no watch.
 */
#ifndef AGENT_ISOLATION_WATCH_H
#define AGENT_ISOLATION_WATCH_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

struct isolation_watch;

/* Said once for what is lost within some hundred milliseconds. */
typedef void isolation_lost_fn(void *context);
MUST_CHECK int isolation_watch_new(struct event_base *loop, const char *table,
	isolation_lost_fn *lost, void *context,
	struct isolation_watch **watch_out, struct err *err);
void isolation_watch_free(struct isolation_watch **watch);

/*
 * Reads what the kernel sends, a row of netlink messages: *lost is what it
 * was before and what it is after them. For the watch and its test.
 */
void isolation_watch_read(struct span messages, const char *table, bool *lost);

#endif
