/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What core.db says about one login: whose mailbox it is, which stored
 * hashes would open it for a service, and what else stands in the way.
 * Read anew for every attempt, so that a change is in force with its
 * commit. It does not look at the password: judge.c does.
 */
#ifndef AUTH_ACCOUNT_H
#define AUTH_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/scheme.h"
#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

#define ACCOUNT_HASHES_MAX 64 /* app passwords of one mailbox, and its own */

enum account_service {
	ACCOUNT_IMAP,
	ACCOUNT_POP3,
	ACCOUNT_SMTP,
	ACCOUNT_SIEVE,
	ACCOUNT_SERVICE_COUNT
};

/* "imap"; Dovecot's and Postfix's names are the same. */
const char *account_service_name(enum account_service service);
/* 0, or -1 for a service that has no logins. */
MUST_CHECK int account_service_parse(
	struct span name, enum account_service *service_out);

struct account_hash {
	const char *stored;
	int64_t app_password_id; /* 0: the mailbox's own password */
	/* Why a match does not open it ("protocol-disabled"), or NULL. */
	const char *refusal;
};

struct account {
	int64_t mailbox_id;
	const char *address; /* canonical: where the mail is */
	struct account_hash
		hashes[ACCOUNT_HASHES_MAX]; /* app passwords first */
	int hash_count;
};

/*
 * 1 and *out filled (texts live in the arena), 0 when no mailbox answers
 * to user (as typed; alias domains are followed), -1 when the database
 * failed: then nobody knows and the answer is temporary.
 */
MUST_CHECK int account_find(struct db *core, const char *user,
	enum account_service service, struct arena *arena, struct account *out,
	struct err *err);

/* The statements, for the test that explains them. */
extern const struct db_statement *const account_statements[];
extern const int account_statement_count;

#endif
