/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mailboxes that were removed and can be brought back. A removed mailbox
 * is no mailbox: its row is gone, so nothing that asks for mailboxes finds
 * it and its address is free. What it was (row, app passwords, the aliases
 * that led there) is remembered here in the transaction that removes it;
 * its mail is moved by the jobs into the garbage area, under its store id.
 *
 *	kept       can be brought back, until its time is over
 *	returning  is a mailbox again; its mail is on the way back
 *	purged     nothing is remembered but that its mail is to be deleted
 *
 * The state says where the mail belongs. Rows that are not settled are the
 * queue of the jobs (jobs/store_keeper.h), who move it there; the row goes
 * when there is nothing left to bring back.
 */
#ifndef MODEL_REMOVED_MAILBOX_H
#define MODEL_REMOVED_MAILBOX_H

#include "model/mailbox.h"

#define REMOVED_DAY_SECONDS 86400

enum removed_state {
	REMOVED_KEPT = 0,
	REMOVED_RETURNING = 1,
	REMOVED_PURGED = 2
};

struct removed_mailbox {
	int64_t id; /* of the mailbox */
	const char *store_id;
	const char *address;
	int64_t state; /* enum removed_state */
	int64_t removed; /* when */
	int64_t bytes; /* of its files; -1: not known */
	const char *memory;
	bool settled; /* the mail is where the state wants it */
};

/* What came back, for who asked. */
struct removed_return {
	struct mailbox mailbox;
	int64_t app_passwords;
	const char *const *aliases; /* that lead there again; NULL-ended */
	const char *const *refused; /* "address: why"; NULL-ended */
};

struct removed_total {
	int64_t mailboxes;
	int64_t bytes; /* as far as known */
	int64_t oldest; /* when it was removed; 0: there is none */
	int64_t overdue; /* removed before, or at, the time asked for */
};

/*
 * For mailbox.c, inside its transaction: removes what hangs on the mailbox
 * and remembers it, or, when it is not to come back, only the store.
 */
MUST_CHECK int removed_mailbox_remember(struct model *model,
	const struct mailbox *mailbox, enum removed_state state,
	struct err *err);

/* The one that comes back first by that address or store id, any state. */
MUST_CHECK int removed_mailbox_load(struct model *model, const char *key,
	struct removed_mailbox *out, struct err *err);
/* In the order of their removal; search may be NULL. */
typedef int removed_row_fn(void *context, const struct removed_mailbox *row,
	struct arena *arena, struct err *err);
MUST_CHECK int removed_mailbox_list(struct model *model, const char *search,
	removed_row_fn *row, void *context, struct err *err);
/* When it will be purged; INT64_MAX never. */
MUST_CHECK int removed_mailbox_until(struct model *model,
	const struct removed_mailbox *row, int64_t *until_out, struct err *err);
MUST_CHECK int removed_mailbox_total(struct db *core, int64_t overdue_before,
	struct removed_total *total_out, struct err *err);

/*
 * Makes it a mailbox again with its number, password and store, under the
 * address as (NULL: its own). All rules of adding one are kept. Aliases
 * that can not be given back are no failure: they are in refused.
 */
MUST_CHECK int removed_mailbox_return(struct model *model, const char *key,
	const char *as, struct removed_return *out, struct err *err);
/* Deletes all that are kept by that address or store id for good. */
MUST_CHECK int removed_mailbox_purge(struct model *model, const char *key,
	int64_t *count_out, struct err *err);

/* For the jobs. Purges what was removed before that time; how many. */
MUST_CHECK int removed_mailbox_expire(struct model *model, int64_t before,
	int64_t *count_out, struct err *err);

/* What is to be settled next: 1, 0 nothing, -1. */
struct removed_store {
	const char *store_id; /* in the arena */
	enum removed_state state;
	int64_t due_ms; /* wall clock */
};

MUST_CHECK int removed_store_next(struct db *core, struct arena *arena,
	struct removed_store *store_out, struct err *err);
/*
 * The mail is where that state wants it; nothing when the state is another
 * one by now. bytes: of what is kept, -1 not known.
 */
MUST_CHECK int removed_store_settled(struct db *core,
	const struct removed_store *store, int64_t bytes, struct err *err);
MUST_CHECK int removed_store_postpone(
	struct db *core, const char *store_id, int64_t due_ms, struct err *err);

/* Whose is what lies in the garbage under this name? */
enum removed_owner {
	REMOVED_OWNER_NOBODY,
	REMOVED_OWNER_REMOVED, /* as it should be */
	REMOVED_OWNER_EARLIER, /* nobody's, with its time in its name */
	REMOVED_OWNER_MAILBOX /* that there is: it is queued to be returned */
};

/*
 * Version 0.1 moved mail to "<time>_<store id>" and remembered nothing else:
 * when that was, or -1 for a name of another form.
 */
int64_t removed_entry_time(const char *name);

MUST_CHECK int removed_store_claim(struct db *core, const char *name,
	enum removed_owner *owner_out, struct err *err);

#endif
