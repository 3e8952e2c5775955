/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Look-ups of dict.c by address; each is an index look-up of one row. */
#include "directory/dict_sql.h"

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"
#include "directory/lookup_sql.h"

/* clang-format off */
#define COLUMNS "m.id, m.quota, m.address, m.store_id"
#define RECEIVES "m.active IN (1, 2) AND d.active = 1"

static const struct db_statement SQL_DICT_MAILBOX = {
	"dict-mailbox",
	"SELECT " COLUMNS " FROM mailbox m JOIN domain d ON d.id = m.domain_id"
	" WHERE m.address = ?1 AND " RECEIVES,
	NULL
};

static const struct db_statement SQL_DICT_NEXT_MAILBOX = {
	"dict-next-mailbox",
	"SELECT " COLUMNS " FROM mailbox m CROSS JOIN domain d"
	" ON d.id = m.domain_id"
	" WHERE m.address > ?1 AND " RECEIVES
	" ORDER BY m.address LIMIT 1",
	NULL
};

static const struct db_statement SQL_DICT_WARNED = {
	"dict-warned",
	"SELECT m.address, d.quota_warning_bcc, d.quota_warning_bcc_active"
	" FROM mailbox m JOIN domain d ON d.id = m.domain_id"
	" WHERE m.id = ?1 AND m.quota > 0 AND " RECEIVES,
	NULL
};

static const struct db_statement SQL_DICT_MAILBOX_ID = {
	"dict-mailbox-id",
	"SELECT id FROM mailbox WHERE address = ?1",
	NULL
};
/* clang-format on */

const struct db_statement *const dict_statements[] = {
	&SQL_DICT_MAILBOX,
	&SQL_DICT_NEXT_MAILBOX,
	&SQL_DICT_MAILBOX_ID,
	&SQL_DICT_WARNED,
};
const size_t dict_statement_count = ARRAY_LENGTH(dict_statements);

/* The store id becomes a path: a damaged one leads nowhere. */
static int
copy_texts(struct db_query *q, struct dict_mailbox *out, struct err *err)
{
	const char *address = db_text(q, 2);
	const char *store_id = db_text(q, 3);

	if (address == NULL || address[0] == '\0' || store_id == NULL ||
		strlen(store_id) != DICT_STORE_ID_CHARS ||
		strspn(store_id, "0123456789abcdef") != DICT_STORE_ID_CHARS)
		return err_set(err, ERR_CORRUPT,
			"a mailbox in the database has no address or place");
	(void)snprintf(out->address, sizeof(out->address), "%s", address);
	(void)snprintf(out->store_id, sizeof(out->store_id), "%s", store_id);
	return 1;
}

static int
read_mailbox(struct db *core, const struct db_statement *statement,
	const char *address, struct dict_mailbox *out, struct err *err)
{
	struct db_query q = db_query(core, statement);
	int got;

	db_bind_text(&q, 1, address);
	got = db_step(&q, err);
	if (got == 1) {
		out->id = db_number(&q, 0);
		out->quota_bytes = db_number(&q, 1);
		got = copy_texts(&q, out, err);
	}
	db_finish(&q);
	return got;
}

int
dict_sql_next_mailbox(struct db *core, const char *after,
	struct dict_mailbox *out, struct err *err)
{
	return read_mailbox(core, &SQL_DICT_NEXT_MAILBOX, after, out, err);
}

int
dict_sql_mailbox(struct db *core, const char *user, struct dict_mailbox *out,
	struct err *err)
{
	struct lookup_domain domain;
	char address[ADDRESS_MAX];
	char followed[ADDRESS_LOCAL_MAX + 1 + DOMAIN_MAX];
	const char *domain_part;
	int got;

	if (address_canonical(user, false, "user", address, NULL) < 0)
		return 0;
	got = read_mailbox(core, &SQL_DICT_MAILBOX, address, out, err);
	if (got != 0)
		return got;
	domain_part = address_domain_part(address);
	got = lookup_sql_domain(core, domain_part, &domain, err);
	if (got != 1 || !domain.active || !domain.alias)
		return got < 0 ? -1 : 0;
	(void)snprintf(followed, sizeof(followed), "%.*s%s",
		(int)(domain_part - address), address, domain.target);
	return read_mailbox(core, &SQL_DICT_MAILBOX, followed, out, err);
}

int
dict_sql_mailbox_id(
	struct db *core, const char *address, int64_t *id_out, struct err *err)
{
	struct db_query q = db_query(core, &SQL_DICT_MAILBOX_ID);
	int got;

	db_bind_text(&q, 1, address);
	got = db_step(&q, err);
	if (got == 1)
		*id_out = db_number(&q, 0);
	db_finish(&q);
	return got;
}

static const char *
copy_text(struct db_query *q, int column, struct arena *arena)
{
	const char *text = db_text(q, column);

	return arena_strdup(arena, text == NULL ? "" : text);
}

int
dict_sql_warned(struct db *core, int64_t mailbox_id, struct arena *arena,
	struct dict_warned *out, struct err *err)
{
	struct db_query q = db_query(core, &SQL_DICT_WARNED);
	int got;

	db_bind_number(&q, 1, mailbox_id);
	got = db_step(&q, err);
	if (got == 1)
		*out = (struct dict_warned){
			.address = copy_text(&q, 0, arena),
			.copies = copy_text(&q, 1, arena),
			.copies_active = db_number(&q, 2) != 0,
		};
	db_finish(&q);
	return got;
}
