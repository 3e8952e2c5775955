/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conversations as Dovecot 2.3 has them, and what may not come. */
#include "directory/dict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "directory/dict_sql.h"
#include "directory/test_login.h"
#include "directory/test_stream.h"
#include "directory/test_talk.h"
#include "directory/usage.h"

#define HELLO "H3\t2\t0\tanna@example.org\tuserdb\n"
#define DOUBT_HELLO "H3\t2\t0\tanna@example.org\tdoubt\n"
#define ANNA_JSON                                                              \
	"{\"user\":\"anna@example.org\",\"uid\":\"5000\",\"gid\":\"5001\","    \
	"\"home\":\"/vmail/00/00112233445566778899aabbccddeeff\","             \
	"\"quota_rule\":\"*:bytes=1000000\"}"
#define BERT_JSON                                                              \
	"{\"user\":\"bert@example.org\",\"uid\":\"5000\",\"gid\":\"5001\","    \
	"\"home\":\"/vmail/00/00000000000000000000000000000002\"}"

struct talk_case {
	const char *name;
	const char *input;
	const char *want; /* NULL: the connection is dropped */
};

/* clang-format off */
static const struct talk_case talks[] = {
	{ "greeting", HELLO, "" },
	{ "mailbox", HELLO "Lshared/userdb/anna@example.org\tanna@example.org\n",
		"O" ANNA_JSON "\n" },
	{ "without limit", HELLO "Lshared/userdb/bert@example.org\n",
		"O" BERT_JSON "\n" },
	{ "capitals, alias domain", HELLO "Lshared/userdb/Anna@Alias.Example\n",
		"O" ANNA_JSON "\n" },
	{ "an alias is no user", HELLO "Lshared/userdb/one@example.org\n",
		"N\n" },
	{ "nobody", HELLO "Lshared/userdb/nobody@example.org\n", "N\n" },
	{ "off", HELLO "Lshared/userdb/off@example.org\n", "N\n" },
	{ "domain off", HELLO "Lshared/userdb/dora@off.example\n", "N\n" },
	{ "state 2 receives", HELLO "Lshared/userdb/nologin@example.org\n",
		"O{\"user\":\"nologin@example.org\",\"uid\":\"5000\","
		"\"gid\":\"5001\",\"home\":"
		"\"/vmail/00/00000000000000000000000000000004\","
		"\"quota_rule\":\"*:bytes=1000\"}\n" },
	{ "the catch-all is no user", HELLO "Lshared/userdb/@example.org\n",
		"N\n" },
	{ "another key", HELLO "Lshared/passdb/anna@example.org\n", "N\n" },
	{ "escaped slash and quote", HELLO "Lshared/userdb/a\\|b\\'c@example.org\n",
		"N\n" },
	{ "quota unknown", HELLO "Lpriv/quota/storage\tanna@example.org\n",
		"N\n" },
	{ "quota written", HELLO "B1\tanna@example.org\n"
		"S1\tpriv/quota/storage\t5000\nS1\tpriv/quota/messages\t7\nC1\n"
		"Lpriv/quota/storage\tanna@example.org\n"
		"Lpriv/quota/messages\tanna@example.org\n",
		"O1\nO5000\nO7\n" },
	{ "quota added", HELLO "B2\tanna@example.org\n"
		"A2\tpriv/quota/storage\t-1000\nA2\tpriv/quota/storage\t10\n"
		"C2\nLpriv/quota/storage\n", "O2\nO4010\n" },
	{ "quota does not fall below zero", HELLO "B2\tanna@example.org\n"
		"A2\tpriv/quota/storage\t-99999\nC2\nLpriv/quota/storage\n",
		"O2\nO0\n" },
	{ "set, then added", HELLO "B2\nS2\tpriv/quota/storage\t100\n"
		"A2\tpriv/quota/storage\t5\nC2\nLpriv/quota/storage\n",
		"O2\nO105\n" },
	{ "counted while it changed", HELLO
		"B2\nS2\tpriv/quota/storage\t9\nC2\n"
		DOUBT_HELLO "B3\nS3\tpriv/quota/storage\t4\nC3\n",
		"O2\nF3\tthe mailbox changed while it was counted\n" },
	{ "unset", HELLO "B2\nU2\tpriv/quota/storage\nC2\n"
		"Lpriv/quota/storage\n", "O2\nO0\n" },
	{ "rolled back", HELLO "B2\nS2\tpriv/quota/storage\t9\nR2\n"
		"Lpriv/quota/storage\n", "O0\n" },
	{ "asynchronous commit", HELLO "B3\nS3\tpriv/quota/storage\t1\nT3\t1\t2\n"
		"V3\nD3\n", "AO3\n" },
	{ "two transactions", HELLO "B1\nB2\nC2\nC1\n", "O2\nO1\n" },
	{ "of one who is gone", HELLO "B1\tgone@example.org\n"
		"S1\tpriv/quota/storage\t1\nC1\n",
		"O1\n" },
	{ "foreign keys are forgotten", HELLO "B1\nS1\tpriv/x\ty\n"
		"S1\tshared/x\t1\nC1\n",
		"O1\n" },
	{ "iteration", HELLO "I8\t0\tshared/userdb/\tanna@example.org\n",
		"Oshared/userdb/anna@example.org\t\n"
		"Oshared/userdb/bert@example.org\t\n"
		"Oshared/userdb/carl@plain.example\t\n"
		"Oshared/userdb/emil@xn--bcher-kva.example\t\n"
		"Oshared/userdb/nologin@example.org\t\n"
		"Oshared/userdb/plus+sign@example.org\t\n\n" },
	{ "iteration with values and limit, then another request",
		HELLO "I0\t1\tshared/userdb/\nLshared/userdb/bert@example.org\n",
		"Oshared/userdb/anna@example.org\t" ANNA_JSON "\n\nO" BERT_JSON
		"\n" },
	{ "another path", HELLO "I0\t0\tshared/\n", "\n" },
	{ "older major version", "H2\t0\t0\tanna@example.org\tuserdb\n", "" },
	{ "other major versions", "H4\t0\t0\tu\td\n", NULL },
	{ "no greeting at all", "H\n", NULL },
	{ "unknown command", HELLO "Z\n", NULL },
	{ "empty line", HELLO "\n", NULL },
	{ "a second transaction of that id", HELLO "B1\nB1\n", NULL },
	{ "no such transaction", HELLO "C1\n", NULL },
	{ "set outside of a transaction", HELLO "S1\tpriv/quota/storage\t1\n",
		NULL },
	{ "no value", HELLO "B1\nS1\tpriv/quota/storage\n", NULL },
	{ "a difference that is no number",
		HELLO "B1\nA1\tpriv/quota/storage\tx\n", NULL },
	{ "overflow", HELLO "B1\nA1\tpriv/quota/storage\t9223372036854775807\n"
		"A1\tpriv/quota/storage\t1\n", NULL },
	{ "broken escape", HELLO "Lshared/userdb/\001\n", NULL },
	{ "flags that are no number", HELLO "Ix\t0\tshared/userdb/\n", NULL },
};
/* clang-format on */

static struct test_login login;

static int
setup(void **state UNUSED)
{
	test_login_init(&login);
	return 0;
}

static int
teardown(void **state UNUSED)
{
	test_login_deinit(&login);
	return 0;
}

static struct stream *
connect_to_it(void)
{
	return test_stream_new(
		login.directory.loop, &dict_protocol, &login.directory);
}

/* In this order: later cases see what earlier ones wrote. */
static void
conversations_end_as_they_should(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(talks); i++) {
		const struct talk_case *c = &talks[i];

		test_talk(connect_to_it(), c->name, c->input, c->want);
	}
}

static void
a_database_that_is_away_is_a_failure(void **state UNUSED)
{
	struct stream *stream = connect_to_it();

	login.directory.core = NULL;
	assert_string_equal(test_stream_ask(stream, HELLO
				    "Lshared/userdb/anna@example.org\n"
				    "I8\t0\tshared/userdb/\n"
				    "B1\nS1\tpriv/quota/storage\t1\nC1\n"),
		"Fcore.db is not open\nFcore.db is not open\n"
		"F1\tthe database is not open\n");
	login.directory.core = login.core.core;
	test_stream_hang_up(stream);
}

static void
a_peer_that_leaves_during_an_iteration_harms_nobody(void **state UNUSED)
{
	struct stream *stream = connect_to_it();

	test_stream_feed(stream, span_from(HELLO "I8\t0\tshared/userdb/\n"));
	assert_true(test_stream_paused(stream));
	test_stream_hang_up(stream);
	(void)event_base_loop(login.directory.loop, EVLOOP_NONBLOCK);
}

static void
thousands_are_iterated_in_slices(void **state UNUSED)
{
	struct stream *stream = connect_to_it();
	const char *got;
	int rows = 0;

	test_core_run(&login.core,
		"WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL"
		" SELECT i + 1 FROM n WHERE i < 5099)"
		" INSERT INTO mailbox (id, address, domain_id, active, quota,"
		" store_id, imap, pop3, smtp, sieve, dav, eas,"
		" force_password_change, password, password_changed, created,"
		" modified, local_part) SELECT i,"
		" printf('user%05d@example.org', i), 1, 1, 0,"
		" printf('%032d', i), 1, 1, 1, 1, 1, 1, 0, '', 0, 0, 0, ''"
		" FROM n;");
	got = test_stream_ask(stream, HELLO "I8\t0\tshared/userdb/\n");
	for (const char *at = got; (at = strstr(at, "Oshared/")) != NULL; at++)
		rows++;
	assert_int_equal(rows, 5006);
	assert_string_equal(got + strlen(got) - 3, "\t\n\n");
	test_stream_hang_up(stream);
}

static void
no_statement_scans(void **state UNUSED)
{
	char plan[512];
	struct err err;

	for (size_t i = 0; i < dict_statement_count; i++) {
		assert_int_equal(db_explain(login.core.core, dict_statements[i],
					 plan, sizeof(plan), &err),
			0);
		assert_string_equal(plan, "");
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* It becomes a path, so what is no store id is no answer. */
static void
damaged_store_ids_are_refused(void **state UNUSED)
{
	static const char *const ids[] = { "",
		"../../../../../../etc/passwd/xyz", "0011",
		"00112233445566778899AABBCCDDEEFF" };

	for (size_t i = 0; i < ARRAY_LENGTH(ids); i++) {
		struct stream *stream = connect_to_it();
		char sql[200];
		const char *got;

		(void)snprintf(sql, sizeof(sql),
			"PRAGMA ignore_check_constraints=ON;"
			"UPDATE mailbox SET store_id = '%s' WHERE id = 2",
			ids[i]);
		test_core_run(&login.core, sql);
		got = test_stream_ask(
			stream, HELLO "Lshared/userdb/bert@example.org\n");
		if (got[0] != 'F')
			fail_msg("%s: got %s", ids[i], got);
		test_stream_hang_up(stream);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(conversations_end_as_they_should),
		CASE(a_database_that_is_away_is_a_failure),
		CASE(a_peer_that_leaves_during_an_iteration_harms_nobody),
		CASE(thousands_are_iterated_in_slices),
		CASE(damaged_store_ids_are_refused),
		CASE(no_statement_scans),
	};

	return cmocka_run_group_tests_name("dict", tests, NULL, NULL);
}
