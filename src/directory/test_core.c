/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows are written by SQL: the rules of the model are not under test here. */
#include "directory/test_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "store/schema.h"

/* clang-format off */
#define MAILBOX(id, address, state, quota)                                     \
	"INSERT INTO mailbox (id, address, domain_id, active, quota, store_id," \
	" imap, pop3, smtp, sieve, dav, eas, force_password_change, password," \
	" password_changed, created, modified, local_part) VALUES (" #id       \
	", '" address "', 1, " #state ", " #quota                              \
	", printf('%032d', " #id "), 1, 1, 1, 1, 1, 1, 0, '', 0, 0, 0, '');"
#define DOMAIN(id, name, active)                                               \
	"INSERT INTO domain (id, name, active, max_mailboxes, max_aliases,"    \
	" default_quota, max_quota, quota, created, modified) VALUES (" #id    \
	", '" name "', " #active ", 0, 0, 0, 0, 0, 0, 0);"
#define ALIAS_DOMAIN(name, target, active)                                     \
	"INSERT INTO alias_domain (name, domain_id, active, created, modified)" \
	" VALUES ('" name "', " #target ", " #active ", 0, 0);"
#define ALIAS(id, address, active, sender)                                     \
	"INSERT INTO alias (id, address, domain_id, active, sender_allowed,"   \
	" internal, created, modified) VALUES (" #id ", '" address             \
	"', 1, " #active ", " #sender ", 0, 0, 0);"
#define TARGET(alias, position, address)                                       \
	"INSERT INTO alias_target VALUES (" #alias ", " #position              \
	", '" address "');"

static const char ROWS[] =
	DOMAIN(1, "example.org", 1)
	DOMAIN(2, "off.example", 0)
	DOMAIN(3, "plain.example", 1)
	DOMAIN(4, "xn--bcher-kva.example", 1)
	ALIAS_DOMAIN("alias.example", 1, 1)
	ALIAS_DOMAIN("off-alias.example", 1, 0)
	ALIAS_DOMAIN("alias-of-off.example", 2, 1)
	MAILBOX(1, "anna@example.org", 1, 1000000)
	MAILBOX(2, "bert@example.org", 1, 0)
	MAILBOX(3, "off@example.org", 0, 0)
	MAILBOX(4, "nologin@example.org", 2, 1000)
	MAILBOX(5, "plus+sign@example.org", 1, 0)
	MAILBOX(6, "carl@plain.example", 1, 0)
	MAILBOX(7, "dora@off.example", 1, 0)
	MAILBOX(8, "emil@xn--bcher-kva.example", 1, 0)
	ALIAS(1, "@example.org", 1, 1) TARGET(1, 0, "anna@example.org")
	ALIAS(2, "one@example.org", 1, 1) TARGET(2, 0, "bert@example.org")
	ALIAS(3, "both@example.org", 1, 0)
	TARGET(3, 0, "anna@example.org") TARGET(3, 1, "bert@example.org")
	ALIAS(4, "outside@example.org", 1, 1)
	TARGET(4, 0, "someone@elsewhere.example")
	TARGET(4, 1, "anna@example.org")
	ALIAS(5, "chain@example.org", 1, 1) TARGET(5, 0, "one@example.org")
	ALIAS(6, "twice@example.org", 1, 1)
	TARGET(6, 0, "both@example.org") TARGET(6, 1, "one@example.org")
	TARGET(6, 2, "anna@alias.example")
	ALIAS(7, "loop-a@example.org", 1, 1)
	TARGET(7, 0, "bert@example.org") TARGET(7, 1, "loop-b@example.org")
	ALIAS(8, "loop-b@example.org", 1, 1)
	TARGET(8, 0, "loop-a@example.org")
	ALIAS(9, "null@example.org", 1, 1) TARGET(9, 0, "null")
	ALIAS(10, "null-and@example.org", 1, 1)
	TARGET(10, 0, "null") TARGET(10, 1, "anna@example.org")
	ALIAS(11, "inactive@example.org", 0, 1)
	TARGET(11, 0, "anna@example.org")
	ALIAS(12, "to-off@example.org", 1, 1) TARGET(12, 0, "off@example.org")
	ALIAS(13, "to-off-and@example.org", 1, 1)
	TARGET(13, 0, "off@example.org") TARGET(13, 1, "bert@example.org")
	ALIAS(14, "to-nobody@plain.example", 1, 1)
	TARGET(14, 0, "nobody@plain.example")
	ALIAS(15, "own@alias.example", 1, 1) TARGET(15, 0, "bert@example.org")
	ALIAS(16, "nested@example.org", 1, 1)
	TARGET(16, 0, "both@example.org") TARGET(16, 1, "nologin@example.org")
	ALIAS(17, "fixed@example.org", 1, 1)
	TARGET(17, 0, "anna+list@example.org")
	ALIAS(18, "special+tag@example.org", 1, 1)
	TARGET(18, 0, "bert@example.org")
	ALIAS(19, "self@plain.example", 1, 1)
	TARGET(19, 0, "self@plain.example");

/* clang-format on */

void
test_core_run(struct test_core *core, const char *sql)
{
	struct err err = { 0 };
	int result = db_script(core->core_writer, sql, &err);

	if (result != 0)
		(void)fprintf(stderr, "%s\n", err.text);
	BUG_ON(result != 0);
}

void
test_core_init(struct test_core *core)
{
	struct err err = { 0 };
	int failed = 0;

	(void)snprintf(core->directory, sizeof(core->directory),
		"/tmp/mh-directory-XXXXXX");
	BUG_ON(mkdtemp(core->directory) == NULL);
	(void)snprintf(core->core_path, sizeof(core->core_path), "%s/core.db",
		core->directory);
	(void)snprintf(core->usage_path, sizeof(core->usage_path),
		"%s/usage.db", core->directory);
	failed |= db_open(core->core_path, DB_WRITE, DB_SYNC_NORMAL, 1000,
		&core->core_writer, &err);
	BUG_ON(failed != 0);
	failed |= schema_migrate(core->core_writer, SCHEMA_CORE, NULL, &err);
	failed |= db_open(core->usage_path, DB_WRITE, DB_SYNC_NORMAL, 1000,
		&core->usage, &err);
	BUG_ON(failed != 0);
	failed |= schema_migrate(core->usage, SCHEMA_USAGE, NULL, &err);
	failed |= db_open(core->core_path, DB_READ, DB_SYNC_NORMAL, 1000,
		&core->core, &err);
	BUG_ON(failed != 0);
	test_core_run(core, ROWS);
}

void
test_core_deinit(struct test_core *core)
{
	struct err err = { 0 };

	db_close(&core->core);
	db_close(&core->core_writer);
	db_close(&core->usage);
	BUG_ON(fs_remove_tree(core->directory, &err) != 0);
}
