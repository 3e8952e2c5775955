/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an address means: the rules by which core.db answers Postfix's maps.
 * Postfix asks a socketmap once, with the full address, so everything that
 * its own tables do by follow-up keys is decided here, in this order:
 *
 *	1. the address itself: an alias, else a mailbox
 *	2. the same without its +detail; the detail is kept in the answer
 *	3. both again at the target, when the domain is an alias domain
 *	4. the catch-all of the domain, then of an alias domain's target
 *
 * Aliases are followed to the final recipients, each named once. A loop,
 * more than LOOKUP_TARGETS_MAX recipients, too deep a chain, too many steps
 * or trouble with the database is LOOKUP_TEMP with the cause in err: mail waits, it never
 * bounces. What is switched off (domain, alias, mailbox of state 0) is not
 * found and does not fall to the catch-all: off means off.
 *
 * Between lookup_begin() and lookup_end() all answers come from one
 * snapshot. Callers begin after they have read a request and end before
 * they read the next from the wire, so a change is in force with its commit.
 */
#ifndef DIRECTORY_LOOKUP_H
#define DIRECTORY_LOOKUP_H

#include "base/err.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "model/address.h"
#include "store/db.h"

#define LOOKUP_TARGETS_MAX 1000
#define LOOKUP_DEPTH_MAX 100
/* Everybody waits while one alias is followed: some 50 ms. */
#define LOOKUP_STEPS_MAX 10000
/* Where the "null" target goes; the transport map discards it. */
#define LOOKUP_NULL_ADDRESS "null@localhost"

enum lookup_answer {
	LOOKUP_FOUND,
	LOOKUP_NOT_FOUND,
	LOOKUP_TEMP
};

/* One map of Postfix, named as in `socketmap:unix:PATH:NAME`. */
struct lookup_map;

/* A mailbox that receives mail. */
struct lookup_mailbox {
	int64_t id;
	int64_t quota_bytes; /* 0: no limit */
	char address[ADDRESS_MAX]; /* canonical, without detail */
};

struct lookup *lookup_new(void);
void lookup_free(struct lookup **lookup);
/* NULL: the database is away and everything is LOOKUP_TEMP. */
void lookup_set_database(struct lookup *lookup, struct db *core);

MUST_CHECK int lookup_begin(struct lookup *lookup, struct err *err);
void lookup_end(struct lookup *lookup); /* also when none is open */

/* NULL: no such map. */
const struct lookup_map *lookup_map_find(struct span name);
/*
 * Appends the map's value for key to value_out; nothing unless FOUND.
 * Begins a snapshot by itself when none is open.
 */
enum lookup_answer lookup_ask(struct lookup *lookup,
	const struct lookup_map *map, struct span key, struct strbuf *value_out,
	struct err *err);
/*
 * The one mailbox where mail for address ends. NOT_FOUND also when it ends
 * in several mailboxes or outside.
 */
enum lookup_answer lookup_only_mailbox(struct lookup *lookup,
	struct span address, struct lookup_mailbox *mailbox_out,
	struct err *err);

#endif
