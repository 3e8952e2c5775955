/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What dict.c asks of core.db. Results: 1 found, 0 not there, -1 err. */
#ifndef DIRECTORY_DICT_SQL_H
#define DIRECTORY_DICT_SQL_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/address.h"
#include "store/db.h"

#define DICT_STORE_ID_CHARS 32

/* A mailbox that Dovecot may open or deliver to: states 1 and 2. */
struct dict_mailbox {
	int64_t id;
	int64_t quota_bytes; /* 0: no limit */
	char address[ADDRESS_MAX];
	char store_id[DICT_STORE_ID_CHARS + 1];
};

/* Follows alias domains. user as Dovecot has it. */
MUST_CHECK int dict_sql_mailbox(struct db *core, const char *user,
	struct dict_mailbox *out, struct err *err);
/* The first one behind the address, in the order of addresses. */
MUST_CHECK int dict_sql_next_mailbox(struct db *core, const char *after,
	struct dict_mailbox *out, struct err *err);
/* 0 when the mailbox of that name is gone. */
MUST_CHECK int dict_sql_mailbox_id(
	struct db *core, const char *address, int64_t *id_out, struct err *err);

/* Who is to be warned of a quota; texts live in an arena. */
struct dict_warned {
	const char *address;
	const char *copies; /* addresses, separated by blanks */
	bool copies_active;
};

/* 0 when it is gone or off, or has no limit (any more). */
MUST_CHECK int dict_sql_warned(struct db *core, int64_t mailbox_id,
	struct arena *arena, struct dict_warned *out, struct err *err);

extern const struct db_statement *const dict_statements[];
extern const size_t dict_statement_count;

#endif
