/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules: mailbox and domain must be in state 1. An app password opens
 * what its own rights name. The main password opens what the mailbox's
 * protocol switches name, and nothing while a change of password is due.
 */
#include "auth/account.h"

#include <string.h>

#include "auth/account_sql.h"
#include "base/compiler.h"
#include "model/address.h"

#define STATE_ACTIVE 1

const struct db_statement *const account_statements[] = {
	&SQL_ACCOUNT_MAILBOX,
	&SQL_ACCOUNT_ALIAS_DOMAIN,
	&SQL_ACCOUNT_APP_PASSWORDS,
};
const int account_statement_count = ARRAY_LENGTH(account_statements);

static const char *const service_names[ACCOUNT_SERVICE_COUNT] = {
	[ACCOUNT_IMAP] = "imap",
	[ACCOUNT_POP3] = "pop3",
	[ACCOUNT_SMTP] = "smtp",
	[ACCOUNT_SIEVE] = "sieve",
};

const char *
account_service_name(enum account_service service)
{
	return service_names[service];
}

int
account_service_parse(struct span name, enum account_service *service_out)
{
	for (int i = 0; i < ACCOUNT_SERVICE_COUNT; i++) {
		if (!span_equal_text(name, service_names[i]))
			continue;
		*service_out = (enum account_service)i;
		return 0;
	}
	return -1;
}

static void
add_hash(struct account *account, const char *stored, int64_t app_password_id,
	const char *refusal)
{
	if (account->hash_count == ACCOUNT_HASHES_MAX)
		return;
	account->hashes[account->hash_count++] = (struct account_hash){
		.stored = stored,
		.app_password_id = app_password_id,
		.refusal = refusal,
	};
}

static const char *
state_refusal(struct db_query *q)
{
	if (db_number(q, MAILBOX_DOMAIN_ACTIVE) != 1)
		return "domain-inactive";
	if (db_number(q, MAILBOX_STATE) != STATE_ACTIVE)
		return "mailbox-inactive";
	return NULL;
}

static const char *
main_refusal(struct db_query *q, enum account_service service)
{
	if (db_number(q, MAILBOX_ACCESS + (int)service) != 1)
		return "protocol-disabled";
	if (db_number(q, MAILBOX_FORCE_CHANGE) != 0)
		return "password-change-due";
	return NULL;
}

/* The mailbox's own password and state: 1, 0, -1. */
static int
read_mailbox(struct db *core, const char *address, enum account_service service,
	struct arena *arena, struct account *out, struct account_hash *main_out,
	const char **state_refusal_out, struct err *err)
{
	struct db_query q = db_query(core, &SQL_ACCOUNT_MAILBOX);
	const char *stored;
	int got;

	db_bind_text(&q, 1, address);
	got = db_step(&q, err);
	if (got == 1 && db_is_null(&q, MAILBOX_ADDRESS))
		got = err_set(err, ERR_CORRUPT,
			"a mailbox in the database has no address");
	if (got == 1) {
		stored = db_text(&q, MAILBOX_PASSWORD);
		out->mailbox_id = db_number(&q, MAILBOX_ID);
		out->address =
			arena_strdup(arena, db_text(&q, MAILBOX_ADDRESS));
		*state_refusal_out = state_refusal(&q);
		main_out->stored =
			arena_strdup(arena, stored == NULL ? "" : stored);
		main_out->refusal = main_refusal(&q, service);
	}
	db_finish(&q);
	return got;
}

static int
read_app_passwords(struct db *core, enum account_service service,
	struct arena *arena, struct account *out, const char *refusal,
	struct err *err)
{
	struct db_query q = db_query(core, &SQL_ACCOUNT_APP_PASSWORDS);
	const char *stored;
	bool allowed;
	int got;

	db_bind_number(&q, 1, out->mailbox_id);
	db_bind_number(&q, 2, ACCOUNT_HASHES_MAX - 1);
	while ((got = db_step(&q, err)) == 1) {
		stored = db_text(&q, APP_PASSWORD_HASH);
		allowed =
			db_number(&q, APP_PASSWORD_ACCESS + (int)service) == 1;
		if (stored != NULL)
			add_hash(out, arena_strdup(arena, stored),
				db_number(&q, APP_PASSWORD_ID),
				refusal != NULL || allowed
					? refusal
					: "protocol-disabled");
	}
	db_finish(&q);
	return got;
}

static int
find_by_address(struct db *core, const char *address,
	enum account_service service, struct arena *arena, struct account *out,
	struct err *err)
{
	struct account_hash main_hash = { 0 };
	const char *refusal = NULL;
	int got = read_mailbox(
		core, address, service, arena, out, &main_hash, &refusal, err);

	if (got != 1)
		return got;
	if (read_app_passwords(core, service, arena, out, refusal, err) < 0)
		return -1;
	add_hash(out, main_hash.stored, 0,
		refusal != NULL ? refusal : main_hash.refusal);
	return 1;
}

/* user@alias.example as user@target.example: 1, 0, -1. */
static int
follow_alias_domain(struct db *core, const char *address, struct arena *arena,
	const char **address_out, struct err *err)
{
	const char *domain = address_domain_part(address);
	struct db_query q = db_query(core, &SQL_ACCOUNT_ALIAS_DOMAIN);
	int got;

	db_bind_text(&q, 1, domain);
	got = db_step(&q, err);
	if (got == 1)
		*address_out = arena_printf(arena, "%.*s%s",
			(int)(domain - address), address, db_text(&q, 0));
	db_finish(&q);
	return got;
}

static int
find_in_snapshot(struct db *core, const char *address,
	enum account_service service, struct arena *arena, struct account *out,
	struct err *err)
{
	const char *followed;
	int got = find_by_address(core, address, service, arena, out, err);

	if (got != 0)
		return got;
	got = follow_alias_domain(core, address, arena, &followed, err);
	if (got != 1)
		return got;
	return find_by_address(core, followed, service, arena, out, err);
}

int
account_find(struct db *core, const char *user, enum account_service service,
	struct arena *arena, struct account *out, struct err *err)
{
	char address[ADDRESS_MAX];
	int got;

	*out = (struct account){ 0 };
	if (address_canonical(user, false, "user", address, NULL) < 0)
		return 0;
	if (db_begin_read(core, err) < 0)
		return -1;
	got = find_in_snapshot(core, address, service, arena, out, err);
	if (got < 0) {
		db_rollback(core);
		return -1;
	}
	if (db_commit(core, err) < 0)
		return -1;
	return got;
}
