/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mailboxes: an address in a domain of ours with a store of its own. The
 * store's name (store_id) is random and is never used again, so a removed
 * mailbox can not leak into one of the same address that is added later.
 */
#ifndef MODEL_MAILBOX_H
#define MODEL_MAILBOX_H

#include "base/paths.h"
#include "model/model.h"

#define MAILBOX_PASSWORD_MAX 1024 /* of the hash text */

enum mailbox_state {
	MAILBOX_STATE_OFF = 0, /* mail is refused */
	MAILBOX_STATE_ON = 1,
	MAILBOX_STATE_NO_LOGIN = 2 /* receives, but nobody logs in */
};

struct mailbox {
	int64_t id;
	const char *address;
	int64_t domain_id;
	const char *local_part;
	const char *name;
	int64_t active; /* enum mailbox_state */
	int64_t quota; /* bytes; 0: no limit */
	bool imap;
	bool pop3;
	bool smtp;
	bool sieve;
	bool dav;
	bool eas;
	bool force_password_change;
	const char *password; /* "{SCHEME}hash" */
	const char *store_id;
	int64_t password_changed;
	int64_t created;
	int64_t modified;
};

extern const struct resource mailbox_resource;

/*
 * Begin with resource_defaults(). password is a hash made by the caller.
 * A quota that is not in the mask given becomes the domain's default.
 */
/* What mailbox_add() would say before it looks at the password. */
MUST_CHECK int mailbox_add_check(struct model *model,
	const struct mailbox *mailbox, uint64_t given, struct err *err);
MUST_CHECK int mailbox_add(struct model *model, const struct mailbox *mailbox,
	uint64_t given, struct mailbox *out, struct err *err);
/* A password in the mask ends open sessions, as a switch-off does. */
MUST_CHECK int mailbox_edit(struct model *model, const char *address,
	const struct mailbox *change, uint64_t given, struct mailbox *out,
	struct err *err);
/*
 * Takes the address out of aliases, removes aliases that led only there,
 * and queues the move of the store into the garbage; all of it can be
 * brought back for a while (removed_mailbox.h).
 */
MUST_CHECK int mailbox_remove(
	struct model *model, const char *address, struct err *err);
/* The same, but for good: nothing is remembered, the mail is deleted. */
MUST_CHECK int mailbox_remove_now(
	struct model *model, const char *address, struct err *err);
/*
 * All of a domain, inside a transaction; they can be brought back. Their
 * sessions are the caller's.
 */
MUST_CHECK int mailbox_remove_all(struct model *model, const char *domain,
	int64_t *count_out, struct err *err);
/*
 * For removed_mailbox.c, inside its transaction: by the rules of adding,
 * but number, store and quota are those that it had.
 */
MUST_CHECK int mailbox_add_again(
	struct model *model, struct mailbox *mailbox, struct err *err);
MUST_CHECK int mailbox_load(struct model *model, const char *address,
	struct mailbox *out, struct err *err);

/* <vmail>/<2 hex>/<32 hex> */
const char *mailbox_home(
	const struct paths *paths, const char *store_id, struct arena *arena);
/* The rule on passwords: length, and no control characters but blanks. */
MUST_CHECK int mailbox_password_check(
	struct model *model, struct span password, struct err *err);

#endif
