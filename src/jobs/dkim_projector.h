/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps Rspamd's copy of the DKIM keys in Redis equal to the truth in
 * core.db: hashes DKIM_SELECTORS (domain -> selector) and DKIM_PRIV_KEYS
 * (selector.domain -> PEM). Everything is replaced in one transaction with
 * each new connection to Redis, which also removes stale keys, and again
 * each second until Redis has taken it; one domain
 * at a time when a change asks for it. Whether the copy is complete is
 * reported to the agent as the fact "dkim"; Rspamd's start waits for it.
 */
#ifndef JOBS_DKIM_PROJECTOR_H
#define JOBS_DKIM_PROJECTOR_H

#include <event2/event.h>

#include "base/secret.h"
#include "io/health.h"
#include "store/db.h"

struct dkim_projector;

struct dkim_projector_options {
	struct db *core; /* outlives the projector */
	const struct secret *seal; /* the same */
	struct health *health; /* told of complete copies; may be NULL */
	const char *redis_socket;
	int again_ms; /* after a copy that was refused; 0: a second */
};

struct dkim_projector *dkim_projector_new(
	struct event_base *loop, const struct dkim_projector_options *options);
void dkim_projector_free(struct dkim_projector **projector);

typedef void dkim_projector_done_fn(const struct err *err, void *context);

/*
 * Brings one domain up to date, also one that is gone. done is called
 * once, perhaps from within; err NULL: it is so.
 */
void dkim_projector_project(struct dkim_projector *projector,
	const char *domain, dkim_projector_done_fn *done, void *context);

#endif
