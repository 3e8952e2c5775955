/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Holds core.db open for its readers, and says how it is (fact
 * "database"). One that cannot be opened is tried again each second: it
 * may be restored at any time. It is never created here: an empty one in
 * the place of one that is gone would make every address unknown, and
 * mail bounce. Nothing is repaired; the fact says what a person can do.
 */
#ifndef JOBS_CORE_HOLDER_H
#define JOBS_CORE_HOLDER_H

#include <event2/event.h>

#include "base/paths.h"
#include "store/db.h"

struct core_holder;

struct core_holder_options {
	const struct paths *paths; /* outlives the holder */
	const char *agent_socket;
	/* Once; at the version of this program, and held. */
	void (*opened)(struct db *core, void *context);
	/* Another file is in its place, and it is a good one. */
	void (*replaced)(void *context);
	void *context;
};

/* opened may be called from within. */
struct core_holder *core_holder_new(
	struct event_base *loop, const struct core_holder_options *options);
/* Closes core.db. */
void core_holder_free(struct core_holder **holder);

#endif
