/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Has mailboxes counted anew whose number of quota is in doubt since an
 * unclean end (directory/usage_mark.h): by the agent's verb `mail`, nice,
 * a batch after the other, those first that changed last. What is done
 * stands in usage.db: a counted mailbox is out of doubt, so whoever is
 * killed meanwhile goes on where it was. The fact quota.numbers says how
 * far it is.
 */
#ifndef JOBS_RECOUNTER_H
#define JOBS_RECOUNTER_H

#include <event2/event.h>
#include <jansson.h>

#include "base/paths.h"
#include "store/db.h"

#define RECOUNTER_BATCH 50

/*
 * Where a round is: among the rows of usage.db below `change`, or, with 0,
 * among all mailboxes above `mailbox_id`.
 */
struct recounter_place {
	int64_t change;
	int64_t mailbox_id;
};

/*
 * The next addresses of mailboxes whose number is older than doubt. Rows
 * come in the order of change, newest first; a round of all mailboxes
 * finds also those that never had a row. None: the round is over.
 */
MUST_CHECK int recounter_next(struct db *usage, struct db *core, int64_t doubt,
	struct recounter_place *place, json_t *addresses, struct err *err);

/* The statements, for the test that explains them. */
extern const struct db_statement *const recounter_usage_statements[];
extern const int recounter_usage_statement_count;
extern const struct db_statement *const recounter_core_statements[];
extern const int recounter_core_statement_count;

struct recounter;

/* core, paths and the text outlive it. */
struct recounter *recounter_new(struct event_base *loop, struct db *core,
	const struct paths *paths, const char *agent_socket);
/* An answer that is awaited is not heard. */
void recounter_free(struct recounter **recounter);

#endif
