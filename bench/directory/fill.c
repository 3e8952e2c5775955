/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes a core.db of many mailboxes, in an order as mixed as years of
 * customers make it, so that the indexes are as full as they would be.
 *
 *	bench-directory-fill CORE_DB COUNT
 *	bench-directory-fill CORE_DB hold
 *
 * hold keeps an existing file open until a signal comes, as mailherd-jobs
 * does: a user who may only read cannot open a WAL file that nobody has.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "names.h"
#include "store/schema.h"

#define STEP 61 /* coprime with counts like 100,000: a permutation */

static const struct db_statement INSERT_DOMAIN = { "fill-domain",
	"INSERT INTO domain (id, name, active, max_mailboxes, max_aliases,"
	" default_quota, max_quota, quota, created, modified)"
	" VALUES (?1, ?2, 1, 0, 0, 0, 0, 0, 0, 0)",
	NULL };
static const struct db_statement INSERT_MAILBOX = { "fill-mailbox",
	"INSERT INTO mailbox (address, domain_id, active, quota, store_id,"
	" imap, pop3, smtp, sieve, dav, eas, force_password_change, password,"
	" password_changed, created, modified, local_part, name)"
	" VALUES (?1, ?2, 1, 3221225472, printf('%032d', ?3), 1, 1, 1, 1, 1, 1,"
	" 0, '{BLF-CRYPT}$2y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXY"
	"Z01234', 1700000000, 1700000000, 1700000000,"
	" substr(?1, 1, instr(?1, '@') - 1), 'First Lastname of Customers')",
	NULL };
static const struct db_statement INSERT_ALIAS = { "fill-alias",
	"INSERT INTO alias (address, domain_id, active, sender_allowed,"
	" internal, created, modified)"
	" VALUES (?1, ?2, 1, 1, 0, 1700000000, 1700000000)",
	NULL };
static const struct db_statement INSERT_TARGET = { "fill-target",
	"INSERT INTO alias_target VALUES (?1, 0, ?2)", NULL };

static int
add_domain(struct db *db, unsigned number, struct err *err)
{
	struct db_query q = db_query(db, &INSERT_DOMAIN);
	char name[64];

	(void)snprintf(name, sizeof(name), NAMES_DOMAIN, number);
	db_bind_number(&q, 1, number + 1);
	db_bind_text(&q, 2, name);
	return db_run(&q, err);
}

static int
add_alias(struct db *db, const char *address, const char *target,
	unsigned domain, struct err *err)
{
	struct db_query q = db_query(db, &INSERT_ALIAS);

	db_bind_text(&q, 1, address);
	db_bind_number(&q, 2, domain + 1);
	if (db_run(&q, err) == -1)
		return -1;
	q = db_query(db, &INSERT_TARGET);
	db_bind_number(&q, 1, db_last_id(db));
	db_bind_text(&q, 2, target);
	return db_run(&q, err);
}

static int
add_mailbox(struct db *db, unsigned number, struct err *err)
{
	unsigned domain = number % NAMES_DOMAINS;
	struct db_query q = db_query(db, &INSERT_MAILBOX);
	char address[128];
	char group[128];
	char team[128];

	(void)snprintf(address, sizeof(address), NAMES_MAILBOX, number, domain);
	(void)snprintf(group, sizeof(group), NAMES_GROUP, number, domain);
	(void)snprintf(team, sizeof(team), NAMES_CHAIN, number, domain);
	db_bind_text(&q, 1, address);
	db_bind_number(&q, 2, domain + 1);
	db_bind_number(&q, 3, number);
	if (db_run(&q, err) == -1)
		return -1;
	if (number % NAMES_CHAIN_EVERY != 0)
		return 0;
	if (add_alias(db, group, address, domain, err) == -1)
		return -1;
	return add_alias(db, team, group, domain, err);
}

static int
fill(const char *path, unsigned count, struct err *err)
{
	struct db *db;

	if (db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000, &db, err) == -1 ||
		schema_migrate(db, SCHEMA_CORE, NULL, err) == -1 ||
		db_begin(db, err) == -1)
		return -1;
	for (unsigned i = 0; i < NAMES_DOMAINS; i++)
		if (add_domain(db, i, err) == -1)
			return -1;
	for (unsigned i = 0; i < count; i++)
		if (add_mailbox(db, (unsigned)((uint64_t)i * STEP % count),
			    err) == -1)
			return -1;
	if (db_commit(db, err) == -1)
		return -1;
	db_close(&db);
	return 0;
}

static int
hold(const char *path, struct err *err)
{
	struct db *db;

	if (db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000, &db, err) == -1 ||
		schema_check(db, SCHEMA_CORE, err) == -1)
		return -1;
	(void)pause();
	return 0;
}

int
main(int argc, char **argv)
{
	struct err err = { 0 };
	int result;

	if (argc != 3) {
		(void)fprintf(
			stderr, "usage: %s CORE_DB COUNT|hold\n", argv[0]);
		return 2;
	}
	result = strcmp(argv[2], "hold") == 0
			 ? hold(argv[1], &err)
			 : fill(argv[1], (unsigned)strtoul(argv[2], NULL, 10),
				   &err);
	if (result == -1) {
		(void)fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
