/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells when s6 has written a new status for any service, so that the
 * agent neither polls nor misses a change that lasts. It does not read
 * the status itself (supervise/s6.h).
 */
#ifndef AGENT_WATCHER_H
#define AGENT_WATCHER_H

#include <event2/event.h>

#include "base/err.h"

struct watcher;

typedef void watcher_fn(void *context);
MUST_CHECK int watcher_new(struct event_base *loop, watcher_fn *changed,
	void *context, struct watcher **watcher_out, struct err *err);
/* Adds a service directory; its `supervise` exists already. */
MUST_CHECK int watcher_add(
	struct watcher *watcher, const char *service, struct err *err);
void watcher_free(struct watcher **watcher);

#endif
