/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules of lookup.h, each a row; then what no row can say. */
#include "directory/lookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "directory/lookup_sql.h"
#include "directory/test_core.h"

static const char *const ANSWERS[] = { "FOUND", "NOT_FOUND", "TEMP" };

struct row {
	const char *name;
	const char *map;
	const char *key;
	enum lookup_answer answer;
	const char *value; /* when FOUND; a part of the cause when TEMP */
};

/* clang-format off */
static const struct row rows[] = {
	{ "active domain", "domains", "example.org", LOOKUP_FOUND, "example.org" },
	{ "domain in capitals", "domains", "EXAMPLE.Org", LOOKUP_FOUND, "example.org" },
	{ "domain in its own script", "domains", "b\xc3\xbc" "cher.example", LOOKUP_FOUND, "xn--bcher-kva.example" },
	{ "alias domain", "domains", "alias.example", LOOKUP_FOUND, "alias.example" },
	{ "domain off", "domains", "off.example", LOOKUP_NOT_FOUND, NULL },
	{ "alias domain off", "domains", "off-alias.example", LOOKUP_NOT_FOUND, NULL },
	{ "alias of a domain that is off", "domains", "alias-of-off.example", LOOKUP_NOT_FOUND, NULL },
	{ "foreign domain", "domains", "elsewhere.example", LOOKUP_NOT_FOUND, NULL },
	{ "empty key", "domains", "", LOOKUP_NOT_FOUND, NULL },

	{ "mailbox", "mailboxes", "anna@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "mailbox in capitals", "mailboxes", "Anna@Example.ORG", LOOKUP_FOUND, "anna@example.org" },
	{ "mailbox with detail", "mailboxes", "anna+shop@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "mailbox whose name has a plus", "mailboxes", "plus+sign@example.org", LOOKUP_FOUND, "plus+sign@example.org" },
	{ "state 0", "mailboxes", "off@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "state 2 receives", "mailboxes", "nologin@example.org", LOOKUP_FOUND, "nologin@example.org" },
	{ "in a domain that is off", "mailboxes", "dora@off.example", LOOKUP_NOT_FOUND, NULL },
	{ "unknown, the catch-all is no mailbox", "mailboxes", "nobody@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "an alias is no mailbox", "mailboxes", "one@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "no at sign", "mailboxes", "anna", LOOKUP_NOT_FOUND, NULL },
	{ "only a domain part", "mailboxes", "@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "plus at the beginning is no detail", "mailboxes", "+anna@plain.example", LOOKUP_NOT_FOUND, NULL },

	{ "a mailbox before the catch-all", "aliases", "bert@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "a mailbox keeps the detail", "aliases", "Bert+Shop@example.org", LOOKUP_FOUND, "bert+shop@example.org" },
	{ "only the first plus begins a detail", "aliases", "plus+sign+x@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "a mailbox that is off hides the catch-all", "aliases", "off@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "state 2", "aliases", "nologin@example.org", LOOKUP_FOUND, "nologin@example.org" },
	{ "own script", "aliases", "Emil@b\xc3\xbc" "cher.example", LOOKUP_FOUND, "emil@xn--bcher-kva.example" },
	{ "alias before the catch-all", "aliases", "one@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "alias keeps the detail on mailboxes", "aliases", "both+x@example.org", LOOKUP_FOUND, "anna+x@example.org,bert+x@example.org" },
	{ "but not outside", "aliases", "outside+x@example.org", LOOKUP_FOUND, "someone@elsewhere.example,anna+x@example.org" },
	{ "a target's own detail stays", "aliases", "fixed+x@example.org", LOOKUP_FOUND, "anna+list@example.org" },
	{ "an alias with detail of its own", "aliases", "special+tag@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "chain", "aliases", "chain+x@example.org", LOOKUP_FOUND, "bert+x@example.org" },
	{ "named once", "aliases", "twice@example.org", LOOKUP_FOUND, "anna@example.org,bert@example.org" },
	{ "loop", "aliases", "loop-a@example.org", LOOKUP_TEMP, "loop" },
	{ "alias of itself", "aliases", "self@plain.example", LOOKUP_TEMP, "loop" },
	{ "null", "aliases", "null@example.org", LOOKUP_FOUND, LOOKUP_NULL_ADDRESS },
	{ "null beside somebody", "aliases", "null-and@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "inactive alias hides the catch-all", "aliases", "inactive@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "only to a mailbox that is off", "aliases", "to-off@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "one of two is off", "aliases", "to-off-and@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "only to nobody", "aliases", "to-nobody@plain.example", LOOKUP_NOT_FOUND, NULL },
	{ "catch-all drops the detail", "aliases", "nobody+x@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "no catch-all", "aliases", "nobody@plain.example", LOOKUP_NOT_FOUND, NULL },
	{ "alias domain to mailbox", "aliases", "bert+x@alias.example", LOOKUP_FOUND, "bert+x@example.org" },
	{ "alias domain to alias", "aliases", "one@alias.example", LOOKUP_FOUND, "bert@example.org" },
	{ "alias in the alias domain itself", "aliases", "own@alias.example", LOOKUP_FOUND, "bert@example.org" },
	{ "catch-all of the alias domain's target", "aliases", "nobody@alias.example", LOOKUP_FOUND, "anna@example.org" },
	{ "alias domain to a mailbox that is off", "aliases", "off@alias.example", LOOKUP_NOT_FOUND, NULL },
	{ "in an alias domain that is off", "aliases", "anna@off-alias.example", LOOKUP_NOT_FOUND, NULL },
	{ "foreign address", "aliases", "x@elsewhere.example", LOOKUP_NOT_FOUND, NULL },
	{ "bare domain", "aliases", "example.org", LOOKUP_NOT_FOUND, NULL },

	{ "sender: mailbox", "sender-login", "anna@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "sender: with detail", "sender-login", "Anna+x@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "sender: alias", "sender-login", "one@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "sender: alias with detail", "sender-login", "one+x@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "sender: alias that may not send", "sender-login", "both@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "sender: each alias of the chain must allow it", "sender-login", "nested@example.org", LOOKUP_FOUND, "nologin@example.org" },
	{ "sender: nobody outside", "sender-login", "outside@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "sender: alias domain", "sender-login", "bert@alias.example", LOOKUP_FOUND, "bert@example.org" },
	{ "sender: catch-all last", "sender-login", "nobody@example.org", LOOKUP_FOUND, "anna@example.org" },
	{ "sender: not the catch-all's for a mailbox", "sender-login", "bert@example.org", LOOKUP_FOUND, "bert@example.org" },
	{ "sender: mailbox off", "sender-login", "off@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "sender: foreign", "sender-login", "x@elsewhere.example", LOOKUP_NOT_FOUND, NULL },
	{ "sender: loop", "sender-login", "loop-b@example.org", LOOKUP_TEMP, "loop" },

	{ "relay: mailbox", "relay-access", "anna@example.org", LOOKUP_FOUND, "OK" },
	{ "relay: alias with detail", "relay-access", "one+x@example.org", LOOKUP_FOUND, "OK" },
	{ "relay: alias domain", "relay-access", "bert@alias.example", LOOKUP_FOUND, "OK" },
	{ "relay: catch-all", "relay-access", "nobody@example.org", LOOKUP_FOUND, "OK" },
	{ "relay: nobody", "relay-access", "nobody@plain.example", LOOKUP_NOT_FOUND, NULL },
	{ "relay: mailbox off", "relay-access", "off@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "relay: foreign", "relay-access", "x@elsewhere.example", LOOKUP_NOT_FOUND, NULL },
	{ "relay: a domain alone", "relay-access", "example.org", LOOKUP_NOT_FOUND, NULL },
	{ "relay: percent before the catch-all", "relay-access", "x%elsewhere.example@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "relay: at sign before the catch-all", "relay-access", "x@elsewhere.example@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "relay: bang before the catch-all", "relay-access", "elsewhere.example!x@example.org", LOOKUP_NOT_FOUND, NULL },

	{ "transport of null", "transport", LOOKUP_NULL_ADDRESS, LOOKUP_FOUND, "discard:" },
	{ "transport of a mailbox", "transport", "anna@example.org", LOOKUP_NOT_FOUND, NULL },
	{ "no relay domains", "relay-domains", "example.org", LOOKUP_NOT_FOUND, NULL },
};

/* clang-format on */

struct fixture {
	struct test_core core;
	struct lookup *lookup;
	struct strbuf value;
	struct err err;
};

static int
setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	test_core_init(&fixture.core);
	fixture.lookup = lookup_new();
	lookup_set_database(fixture.lookup, fixture.core.core);
	strbuf_init(&fixture.value, 200000);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	lookup_free(&fixture->lookup);
	strbuf_deinit(&fixture->value);
	test_core_deinit(&fixture->core);
	return 0;
}

/* One request, one snapshot. */
static enum lookup_answer
ask(struct fixture *fixture, const char *map, struct span key)
{
	enum lookup_answer answer;

	strbuf_reset(&fixture->value);
	err_clear(&fixture->err);
	answer = lookup_ask(fixture->lookup, lookup_map_find(span_from(map)),
		key, &fixture->value, &fixture->err);
	lookup_end(fixture->lookup);
	return answer;
}

static void
expect(struct fixture *fixture, const struct row *row)
{
	enum lookup_answer got = ask(fixture, row->map, span_from(row->key));
	const char *text =
		got == LOOKUP_TEMP ? fixture->err.text : fixture->value.data;
	bool same = got == row->answer;

	if (same && got == LOOKUP_FOUND)
		same = strcmp(text, row->value) == 0;
	if (same && got == LOOKUP_TEMP)
		same = strstr(text, row->value) != NULL;
	if (same && got == LOOKUP_NOT_FOUND)
		same = text[0] == '\0';
	if (!same)
		fail_msg("%s: got %s \"%s\", want %s \"%s\"", row->name,
			ANSWERS[got], text, ANSWERS[row->answer],
			row->value == NULL ? "" : row->value);
}

static void
test_rules(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++)
		expect(*state, &rows[i]);
}

/* An alias of count targets outside, all with id 100 and up. */
static void
make_list(struct test_core *core, int count)
{
	char sql[600];

	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO alias (id, address, domain_id, active,"
		" sender_allowed, internal, created, modified)"
		" VALUES (100, 'list@example.org', 1, 1, 1, 0, 0, 0);"
		"WITH RECURSIVE n (i) AS (VALUES (1)"
		" UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		" INSERT INTO alias_target"
		" SELECT 100, i, 'r' || i || '@elsewhere.example' FROM n;",
		count);
	test_core_run(core, sql);
}

static void
test_thousand_targets(void **state)
{
	struct fixture *fixture = *state;
	size_t commas = 0;

	make_list(&fixture->core, LOOKUP_TARGETS_MAX);
	assert_int_equal(ask(fixture, "aliases", span_from("list@example.org")),
		LOOKUP_FOUND);
	for (const char *c = fixture->value.data; *c != '\0'; c++)
		commas += *c == ',';
	assert_int_equal(commas, LOOKUP_TARGETS_MAX - 1);

	/* One more, by way of a second alias. */
	test_core_run(&fixture->core,
		"INSERT INTO alias (id, address, domain_id, active,"
		" sender_allowed, internal, created, modified)"
		" VALUES (101, 'more@example.org', 1, 1, 1, 0, 0, 0);"
		"INSERT INTO alias_target VALUES (101, 0, 'list@example.org'),"
		" (101, 1, 'anna@example.org');");
	assert_int_equal(ask(fixture, "aliases", span_from("more@example.org")),
		LOOKUP_TEMP);
	assert_non_null(strstr(fixture->err.text, "1000"));
}

static void
test_more_than_thousand_targets(void **state)
{
	struct fixture *fixture = *state;

	make_list(&fixture->core, LOOKUP_TARGETS_MAX + 1);
	assert_int_equal(ask(fixture, "aliases", span_from("list@example.org")),
		LOOKUP_TEMP);
	assert_non_null(strstr(fixture->err.text, "1000"));
}

/* 300 lists of the same 300 people under one name: 90,000 steps. */
static void
test_too_much_work(void **state)
{
	struct fixture *fixture = *state;

	test_core_run(&fixture->core,
		"CREATE TEMP TABLE n AS WITH RECURSIVE c (i) AS (VALUES (1)"
		" UNION ALL SELECT i + 1 FROM c WHERE i < 300) SELECT i FROM c;"
		"INSERT INTO alias (id, address, domain_id, active,"
		" sender_allowed, internal, created, modified)"
		" SELECT 2000, 'all@example.org', 1, 1, 1, 0, 0, 0;"
		"INSERT INTO alias (id, address, domain_id, active,"
		" sender_allowed, internal, created, modified)"
		" SELECT 2000 + i, 's' || i || '@example.org', 1, 1, 1, 0, 0, 0"
		" FROM n;"
		"INSERT INTO alias_target SELECT 2000, i,"
		" 's' || i || '@example.org' FROM n;"
		"INSERT INTO alias_target SELECT 2000 + a.i, b.i,"
		" 'r' || b.i || '@elsewhere.example' FROM n a, n b;"
		"DROP TABLE n;");
	assert_int_equal(ask(fixture, "aliases", span_from("s7@example.org")),
		LOOKUP_FOUND);
	assert_int_equal(ask(fixture, "aliases", span_from("all@example.org")),
		LOOKUP_TEMP);
	assert_non_null(strstr(fixture->err.text, "steps"));
}

/* a1 -> a2 -> ... -> anna */
static void
make_chain(struct test_core *core, int length)
{
	char sql[700];

	(void)snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n (i) AS (VALUES (1)"
		" UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		" INSERT INTO alias (id, address, domain_id, active,"
		" sender_allowed, internal, created, modified)"
		" SELECT 1000 + i, 'a' || i || '@example.org', 1, 1, 1, 0, 0, 0"
		" FROM n;"
		"WITH RECURSIVE n (i) AS (VALUES (1)"
		" UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		" INSERT INTO alias_target SELECT 1000 + i, 0, CASE i"
		" WHEN %d THEN 'anna@example.org'"
		" ELSE 'a' || (i + 1) || '@example.org' END FROM n;",
		length, length, length);
	test_core_run(core, sql);
}

static void
test_deepest_chain(void **state)
{
	struct fixture *fixture = *state;

	make_chain(&fixture->core, LOOKUP_DEPTH_MAX);
	assert_int_equal(ask(fixture, "aliases", span_from("a1@example.org")),
		LOOKUP_FOUND);
	assert_string_equal(fixture->value.data, "anna@example.org");
}

static void
test_too_deep_chain(void **state)
{
	struct fixture *fixture = *state;

	make_chain(&fixture->core, LOOKUP_DEPTH_MAX + 1);
	assert_int_equal(ask(fixture, "aliases", span_from("a1@example.org")),
		LOOKUP_TEMP);
}

static void
test_hostile_keys(void **state)
{
	struct fixture *fixture = *state;
	char longest[2000];
	char longest_local[400];

	memset(longest, 'a', sizeof(longest));
	memset(longest_local, 'b', sizeof(longest_local));
	memcpy(longest_local + 300, "+c@example.org", 15);
	for (size_t length = 0; length < sizeof(longest); length += 7)
		assert_int_equal(ask(fixture, "aliases",
					 (struct span){ longest, length }),
			LOOKUP_NOT_FOUND);
	assert_int_equal(ask(fixture, "mailboxes", span_from(longest_local)),
		LOOKUP_NOT_FOUND);
	assert_int_equal(ask(fixture, "mailboxes",
				 (struct span){ "anna@example.org\0x", 18 }),
		LOOKUP_NOT_FOUND);
	assert_int_equal(ask(fixture, "mailboxes",
				 span_from("anna@example.org' OR '1'='1")),
		LOOKUP_NOT_FOUND);
	assert_int_equal(ask(fixture, "aliases", span_from("\xff\xfe@\xff")),
		LOOKUP_NOT_FOUND);
}

/* A change is in force with its commit, domains' memory included. */
static void
test_change_in_force(void **state)
{
	struct fixture *fixture = *state;

	static const struct {
		const char *sql;
		struct row row;
	} changes[] = {
		{ "UPDATE mailbox SET active = 0 WHERE id = 2",
			{ "mailbox off", "mailboxes", "bert@example.org",
				LOOKUP_NOT_FOUND, NULL } },
		{ "UPDATE domain SET active = 0 WHERE id = 1",
			{ "domain off", "domains", "example.org",
				LOOKUP_NOT_FOUND, NULL } },
		{ "UPDATE domain SET active = 1 WHERE id = 1",
			{ "domain on", "domains", "example.org", LOOKUP_FOUND,
				"example.org" } },
		{ "DELETE FROM alias WHERE id = 1",
			{ "catch-all gone", "aliases", "nobody@example.org",
				LOOKUP_NOT_FOUND, NULL } },
	};

	assert_int_equal(ask(fixture, "domains", span_from("example.org")),
		LOOKUP_FOUND);
	for (size_t i = 0; i < ARRAY_LENGTH(changes); i++) {
		test_core_run(&fixture->core, changes[i].sql);
		expect(fixture, &changes[i].row);
	}
}

static void
test_database_away(void **state)
{
	struct fixture *fixture = *state;
	struct lookup_mailbox mailbox;

	lookup_set_database(fixture->lookup, NULL);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		/* Those that do not depend on it are answered. */
		bool constant = strcmp(rows[i].map, "transport") == 0 ||
				strcmp(rows[i].map, "relay-domains") == 0;

		assert_int_equal(
			ask(fixture, rows[i].map, span_from(rows[i].key)),
			constant ? rows[i].answer : LOOKUP_TEMP);
	}
	assert_int_equal(
		ask(fixture, "transport", span_from("*")), LOOKUP_NOT_FOUND);
	assert_int_equal(
		lookup_only_mailbox(fixture->lookup,
			span_from("anna@example.org"), &mailbox, &fixture->err),
		LOOKUP_TEMP);
}

/* A database that fails in the middle is not an empty one. */
static void
test_database_error(void **state)
{
	struct fixture *fixture = *state;

	test_core_run(&fixture->core, "DROP TABLE alias_target");
	assert_int_equal(ask(fixture, "aliases", span_from("one@example.org")),
		LOOKUP_TEMP);
	test_core_run(
		&fixture->core, "PRAGMA foreign_keys=OFF; DROP TABLE mailbox");
	assert_int_equal(
		ask(fixture, "mailboxes", span_from("anna@example.org")),
		LOOKUP_TEMP);
	assert_int_equal(
		ask(fixture, "sender-login", span_from("one@example.org")),
		LOOKUP_TEMP);
	assert_int_equal(ask(fixture, "domains", span_from("example.org")),
		LOOKUP_FOUND);
}

/* Nobody checks what is written by other hands than ours. */
static void
test_impossible_rows(void **state)
{
	struct fixture *fixture = *state;

	test_core_run(&fixture->core,
		"UPDATE domain SET name = printf('%0999d', 1) WHERE id = 1;"
		"UPDATE domain SET name = '' WHERE id = 3;"
		"UPDATE alias_domain SET domain_id = 3, active = 1"
		" WHERE name = 'off-alias.example'");
	assert_int_equal(
		ask(fixture, "mailboxes", span_from("anna@alias.example")),
		LOOKUP_TEMP);
	assert_int_equal(fixture->err.code, ERR_CORRUPT);
	assert_int_equal(
		ask(fixture, "domains", span_from("off-alias.example")),
		LOOKUP_TEMP);
	test_core_run(&fixture->core,
		"PRAGMA ignore_check_constraints=ON;"
		"UPDATE alias_target SET address = '' WHERE alias_id = 15;"
		"UPDATE domain SET name = 'example.org' WHERE id = 1");
	assert_int_equal(
		ask(fixture, "aliases", span_from("own@alias.example")),
		LOOKUP_TEMP);
}

static void
test_only_mailbox(void **state)
{
	struct fixture *fixture = *state;

	static const struct {
		const char *address;
		enum lookup_answer answer;
		int64_t id;
	} cases[] = {
		{ "anna+x@example.org", LOOKUP_FOUND, 1 },
		{ "chain@example.org", LOOKUP_FOUND, 2 },
		{ "anna@alias.example", LOOKUP_FOUND, 1 },
		{ "nobody@example.org", LOOKUP_FOUND, 1 },
		{ "both@example.org", LOOKUP_NOT_FOUND, 0 },
		{ "outside@example.org", LOOKUP_NOT_FOUND, 0 },
		{ "null@example.org", LOOKUP_NOT_FOUND, 0 },
		{ "off@example.org", LOOKUP_NOT_FOUND, 0 },
		{ "loop-a@example.org", LOOKUP_TEMP, 0 },
		{ "x@elsewhere.example", LOOKUP_NOT_FOUND, 0 },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct lookup_mailbox mailbox = { 0 };

		if (lookup_only_mailbox(fixture->lookup,
			    span_from(cases[i].address), &mailbox,
			    &fixture->err) != cases[i].answer ||
			mailbox.id != cases[i].id)
			fail_msg("%s", cases[i].address);
		lookup_end(fixture->lookup);
	}
}

static void
test_statements_do_not_scan(void **state)
{
	struct fixture *fixture = *state;
	char plan[1000];

	for (size_t i = 0; i < lookup_statement_count; i++) {
		assert_int_equal(
			db_explain(fixture->core.core, lookup_statements[i],
				plan, sizeof(plan), &fixture->err),
			0);
		if (plan[0] != '\0')
			fail_msg("%s: %s", lookup_statements[i]->name, plan);
	}
}

static void
test_unknown_map(void **state)
{
	(void)state;
	assert_null(lookup_map_find(span_from("passwords")));
	assert_null(lookup_map_find(span_from("")));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_rules),
		CASE(test_thousand_targets),
		CASE(test_more_than_thousand_targets),
		CASE(test_too_much_work),
		CASE(test_deepest_chain),
		CASE(test_too_deep_chain),
		CASE(test_hostile_keys),
		CASE(test_change_in_force),
		CASE(test_database_away),
		CASE(test_database_error),
		CASE(test_impossible_rows),
		CASE(test_only_mailbox),
		CASE(test_statements_do_not_scan),
		CASE(test_unknown_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
