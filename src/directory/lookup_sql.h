/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statements of resolve.c and expand.c on core.db. Each is an index
 * look-up; a test explains them all. Results: 1 found, 0 not there, -1 err.
 */
#ifndef DIRECTORY_LOOKUP_SQL_H
#define DIRECTORY_LOOKUP_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/address.h"
#include "store/db.h"

#define LOOKUP_TARGET_NULL "null" /* as alias_target has it */

struct lookup_domain {
	bool active; /* and, for an alias domain, its target too */
	bool catch_all; /* it, or its target, has an active catch-all */
	bool alias; /* an alias domain: target is another */
	char target[DOMAIN_MAX]; /* whose mailboxes it has */
};

/* A mailbox or an alias: the model keeps a name from being both. */
struct lookup_row {
	int64_t id;
	int64_t quota_bytes; /* of a mailbox; 0: no limit */
	bool is_alias;
	bool active; /* a mailbox of state 2 is: it receives */
	bool sender_allowed; /* of an alias */
};

struct lookup_target {
	const char *address;
	const struct lookup_target *next;
};

MUST_CHECK int lookup_sql_domain(struct db *core, const char *name,
	struct lookup_domain *domain_out, struct err *err);
/* "@example.org" finds the catch-all. */
MUST_CHECK int lookup_sql_address(struct db *core, const char *address,
	struct lookup_row *row_out, struct err *err);
/*
 * In the order of the alias, in arena; NULL when it has none. 0, or -1,
 * also when there are more than LOOKUP_TARGETS_MAX.
 */
MUST_CHECK int lookup_sql_targets(struct db *core, int64_t alias_id,
	struct arena *arena, const struct lookup_target **targets_out,
	struct err *err);

/* All of them, for the test that explains them. */
extern const struct db_statement *const lookup_statements[];
extern const size_t lookup_statement_count;

#endif
