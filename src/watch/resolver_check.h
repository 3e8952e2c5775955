/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One health check of the resolver: it answers for one of the names
 * (dns_check.h) and the outside is reachable (ping.h). One silent address
 * is forgiven where there are several; no addresses, or no permission,
 * mean no ping. No TCP connection is ever made. The verdict comes as soon
 * as it is certain and within the limit in any case.
 */
#ifndef WATCH_RESOLVER_CHECK_H
#define WATCH_RESOLVER_CHECK_H

#include <event2/event.h>
#include <stdbool.h>

#include "watch/dns_check.h"
#include "watch/ping.h"

#define RESOLVER_CHECK_TEXT_SIZE 200 /* with NUL */

struct resolver_result {
	bool healthy;
	/* For people: which part failed and how, or what was found. */
	char text[RESOLVER_CHECK_TEXT_SIZE];
};

struct resolver_check_options {
	bool skip; /* healthy at once */
	struct dns_check_options dns; /* no names: not asked */
	struct ping_options ping; /* no addresses: not asked */
	int limit_ms;
};

struct resolver_check;

typedef void resolver_check_done_fn(
	const struct resolver_result *result, void *context);

/* done is called once, never from within this call. options outlive it. */
struct resolver_check *resolver_check_start(struct event_base *loop,
	const struct resolver_check_options *options,
	resolver_check_done_fn *done, void *context);
/* Before done: it is not called then. Clears the pointer; accepts NULL. */
void resolver_check_cancel(struct resolver_check **check);

#endif
