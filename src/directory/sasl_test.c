/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Dialogues as Postfix has them, and lines that it would never send. */
#include "directory/sasl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "directory/test_login.h"
#include "directory/test_stream.h"
#include "directory/test_talk.h"

#define GREETING "VERSION\t1\t2\nCPID\t77\n"
#define COMMON "\tservice=smtp\tnologin\tlip=192.0.2.9\trip=192.0.2.1\tsecured"
/* NUL anna@example.org NUL right, and so on. */
#define ANNA_RIGHT "AGFubmFAZXhhbXBsZS5vcmcAcmlnaHQ="
#define ANNA_WRONG "AGFubmFAZXhhbXBsZS5vcmcAd3Jvbmc="
#define ALIAS_RIGHT "AEFubmFAQWxpYXMuZXhhbXBsZQByaWdodA=="
#define BERT_RIGHT "AGJlcnRAZXhhbXBsZS5vcmcAcsOkdA=="
#define AS_BERT "YmVydEBleGFtcGxlLm9yZwBhbm5hQGV4YW1wbGUub3JnAHJpZ2h0"
#define OK_ANNA(id) "OK\t" id "\tuser=anna@example.org\n"
#define BAD(id) "FAIL\t" id "\treason=bad-credentials\n"

struct dialogue_case {
	const char *name;
	const char *input;
	const char *want; /* NULL: the connection is dropped */
};

/* clang-format off */
static const struct dialogue_case dialogues[] = {
	{ "greeting", "", "" },
	{ "plain", "AUTH\t1\tPLAIN" COMMON "\tresp=" ANNA_RIGHT "\n",
		OK_ANNA("1") },
	{ "plain, an unknown parameter",
		"AUTH\t4294967295\tPLAIN" COMMON "\tx=y\tresp=" ANNA_RIGHT "\n",
		OK_ANNA("4294967295") },
	{ "fast hash, utf-8", "AUTH\t1\tPLAIN" COMMON "\tresp=" BERT_RIGHT "\n",
		"OK\t1\tuser=bert@example.org\n" },
	{ "alias domain, capitals",
		"AUTH\t1\tPLAIN" COMMON "\tresp=" ALIAS_RIGHT "\n",
		OK_ANNA("1") },
	{ "wrong", "AUTH\t1\tPLAIN" COMMON "\tresp=" ANNA_WRONG "\n",
		BAD("1") },
	{ "unknown users look the same",
		"AUTH\t1\tPLAIN" COMMON "\tresp=AG5vYm9keUBleGFtcGxlLm9yZwB4\n",
		BAD("1") },
	{ "plain by continuation",
		"AUTH\t1\tPLAIN" COMMON "\nCONT\t1\t" ANNA_RIGHT "\n",
		"CONT\t1\t\n" OK_ANNA("1") },
	{ "login", "AUTH\t2\tLOGIN" COMMON "\n"
		"CONT\t2\tYW5uYUBleGFtcGxlLm9yZw==\nCONT\t2\tcmlnaHQ=\n",
		"CONT\t2\tVXNlcm5hbWU6\nCONT\t2\tUGFzc3dvcmQ6\n"
		OK_ANNA("2") },
	{ "login with the name at once",
		"AUTH\t2\tLOGIN" COMMON "\tresp=YW5uYUBleGFtcGxlLm9yZw==\n"
		"CONT\t2\tcmlnaHQ=\n",
		"CONT\t2\tUGFzc3dvcmQ6\n" OK_ANNA("2") },
	{ "pipelined",
		"AUTH\t1\tPLAIN" COMMON "\tresp=" ANNA_WRONG "\n"
		"AUTH\t2\tPLAIN" COMMON "\tresp=" ANNA_RIGHT "\n"
		"AUTH\t3\tPLAIN" COMMON "\tresp=" BERT_RIGHT "\n",
		BAD("1") OK_ANNA("2") "OK\t3\tuser=bert@example.org\n" },
	{ "two dialogues at once",
		"AUTH\t1\tLOGIN" COMMON "\nAUTH\t2\tPLAIN" COMMON "\n"
		"CONT\t2\t" ANNA_RIGHT "\nCONT\t1\tYW5uYUBleGFtcGxlLm9yZw==\n"
		"CONT\t1\tcmlnaHQ=\n",
		"CONT\t1\tVXNlcm5hbWU6\nCONT\t2\t\n" OK_ANNA("2")
		"CONT\t1\tUGFzc3dvcmQ6\n" OK_ANNA("1") },
	{ "cancelled", "AUTH\t1\tLOGIN" COMMON "\nCANCEL\t1\n"
		"CONT\t1\tYW5uYQ==\n",
		"CONT\t1\tVXNlcm5hbWU6\nFAIL\t1\treason=no-such-dialogue\n" },
	{ "acting as another", "AUTH\t1\tPLAIN" COMMON "\tresp=" AS_BERT "\n",
		"FAIL\t1\treason=authorization-not-supported\n" },
	{ "no base64", "AUTH\t1\tPLAIN" COMMON "\tresp=*\n",
		"FAIL\t1\treason=malformed-response\n" },
	{ "no NULs", "AUTH\t1\tPLAIN" COMMON "\tresp=cmlnaHQ=\n",
		"FAIL\t1\treason=malformed-response\n" },
	{ "an empty continuation", "AUTH\t1\tLOGIN" COMMON "\nCONT\t1\t\n",
		"CONT\t1\tVXNlcm5hbWU6\nFAIL\t1\treason=malformed-response\n" },
	{ "another mechanism", "AUTH\t1\tCRAM-MD5" COMMON "\n",
		"FAIL\t1\treason=unknown-mechanism\n" },
	{ "another service", "AUTH\t1\tPLAIN\tservice=x\tresp=" ANNA_RIGHT "\n",
		"FAIL\t1\treason=bad-request\n" },
	{ "an address that is too long",
		"AUTH\t1\tPLAIN\tservice=smtp\trip=00000000000000000000000000000"
		"00000000000000000000000000000\tresp=" ANNA_RIGHT "\n",
		"FAIL\t1\treason=bad-request\n" },
	{ "a later command", "NEWS\t1\n", "" },
	{ "id that is no number", "AUTH\tx\tPLAIN" COMMON "\n", NULL },
	{ "id that is too large", "AUTH\t4294967296\tPLAIN" COMMON "\n", NULL },
	{ "no mechanism", "AUTH\t1\n", NULL },
	{ "no id", "CONT\n", NULL },
	{ "another major version", "VERSION\t2\t0\n", NULL },
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
connect_and_greet(void)
{
	struct stream *stream = test_stream_new(
		login.directory.loop, &sasl_protocol, &login.directory);
	const char *greeting = test_stream_ask(stream, GREETING);

	assert_memory_equal(greeting,
		"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\n"
		"MECH\tLOGIN\tplaintext\nSPID\t",
		58);
	assert_non_null(strstr(greeting, "\nCOOKIE\t"));
	assert_string_equal(greeting + strlen(greeting) - 6, "\nDONE\n");
	return stream;
}

static void
dialogues_end_as_they_should(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(dialogues); i++) {
		const struct dialogue_case *c = &dialogues[i];

		test_talk(connect_and_greet(), c->name, c->input, c->want);
	}
}

static void
nothing_is_judged_before_the_version(void **state UNUSED)
{
	struct stream *stream = test_stream_new(
		login.directory.loop, &sasl_protocol, &login.directory);

	(void)test_stream_ask(
		stream, "AUTH\t1\tPLAIN" COMMON "\tresp=" ANNA_RIGHT "\n");
	assert_true(test_stream_dropped(stream));
	test_stream_hang_up(stream);
}

static void
without_a_verdict_the_connection_ends(void **state UNUSED)
{
	struct stream *stream = connect_and_greet();

	login.directory.core = NULL;
	assert_string_equal(test_stream_ask(stream, "AUTH\t1\tPLAIN" COMMON
						    "\tresp=" ANNA_RIGHT "\n"),
		"");
	assert_true(test_stream_dropped(stream));
	login.directory.core = login.core.core;
	test_stream_hang_up(stream);
}

static void
the_ninth_open_dialogue_is_refused(void **state UNUSED)
{
	struct stream *stream = connect_and_greet();
	char line[128];

	for (int i = 1; i <= 8; i++) {
		(void)snprintf(
			line, sizeof(line), "AUTH\t%d\tLOGIN%s\n", i, COMMON);
		assert_memory_equal(test_stream_ask(stream, line), "CONT", 4);
	}
	assert_string_equal(
		test_stream_ask(stream, "AUTH\t9\tLOGIN" COMMON "\n"),
		"FAIL\t9\treason=bad-request\n");
	test_stream_hang_up(stream);
}

static void
a_peer_that_leaves_while_it_is_judged_harms_nobody(void **state UNUSED)
{
	struct stream *stream = connect_and_greet();

	test_stream_feed(stream,
		span_from("AUTH\t1\tPLAIN" COMMON "\tresp=" ANNA_WRONG "\n"));
	assert_true(test_stream_paused(stream));
	test_stream_hang_up(stream);
	(void)event_base_loop(login.directory.loop, EVLOOP_ONCE);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(dialogues_end_as_they_should),
		CASE(nothing_is_judged_before_the_version),
		CASE(without_a_verdict_the_connection_ends),
		CASE(the_ninth_open_dialogue_is_refused),
		CASE(a_peer_that_leaves_while_it_is_judged_harms_nobody),
	};

	return cmocka_run_group_tests_name("sasl", tests, NULL, NULL);
}
