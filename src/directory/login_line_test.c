/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests of Dovecot's Lua lines and their replies. */
#include "directory/login_line.h"

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
#include "directory/usage.h"

#define RIGHT "\tcmlnaHQ=\n"
#define WRONG "\td3Jvbmc=\n"

struct line_case {
	const char *name;
	const char *input;
	const char *want; /* NULL: the connection is dropped */
};

/* clang-format off */
static const struct line_case lines[] = {
	{ "right", "AUTH\timap\t192.0.2.1\t1\tanna@example.org" RIGHT,
		"OK\tanna@example.org\n" },
	{ "canonical", "AUTH\tsieve\t-\t0\tAnna@ALIAS.example" RIGHT,
		"OK\tanna@example.org\n" },
	{ "wrong", "AUTH\timap\t2001:db8::1\t1\tanna@example.org" WRONG,
		"FAIL\tbad-credentials\n" },
	{ "unknown users look the same",
		"AUTH\tpop3\t-\t1\tnobody@example.org" WRONG,
		"FAIL\tbad-credentials\n" },
	{ "no login", "AUTH\timap\t-\t1\toff@example.org" RIGHT,
		"FAIL\tbad-credentials\n" },
	{ "no password", "AUTH\timap\t-\t1\tanna@example.org\t\n",
		"FAIL\tbad-credentials\n" },
	{ "escapes", "AUTH\timap\t-\t1\tan\001tna@example.org" RIGHT,
		"FAIL\tbad-credentials\n" },
	{ "two requests", "AUTH\timap\t-\t1\tanna@example.org" WRONG
		"AUTH\timap\t-\t1\tanna@example.org" RIGHT,
		"FAIL\tbad-credentials\nOK\tanna@example.org\n" },
	{ "a service without logins", "AUTH\tlmtp\t-\t1\tanna@example.org" RIGHT,
		"FAIL\tunknown-service\n" },
	{ "unfinished", "AUTH\timap\t-\t1\tanna@exam", "" },
	{ "empty line", "\n", NULL },
	{ "another verb", "PASS\timap\t-\t1\tanna@example.org" RIGHT, NULL },
	{ "too few fields", "AUTH\timap\t-\t1\tanna@example.org\n", NULL },
	{ "too many fields", "AUTH\timap\t-\t1\tanna@example.org\tx" RIGHT,
		NULL },
	{ "no base64", "AUTH\timap\t-\t1\tanna@example.org\t*\n", NULL },
	{ "broken escape", "AUTH\timap\t-\t1\tanna\001x@example.org" RIGHT,
		NULL },
	{ "an address that is too long",
		"AUTH\timap\t00000000000000000000000000000000000000000000000000"
		"\t1\tanna@example.org" RIGHT, NULL },
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
		login.directory.loop, &login_line_protocol, &login.directory);
}

static void
lines_are_answered(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
		const struct line_case *c = &lines[i];

		test_talk(connect_to_it(), c->name, c->input, c->want);
	}
}

static void
a_database_that_is_away_is_temporary(void **state UNUSED)
{
	struct stream *stream = connect_to_it();

	login.directory.core = NULL;
	assert_string_equal(test_stream_ask(stream,
				    "AUTH\timap\t-\t1\tanna@example.org" RIGHT),
		"TEMP\tdatabase\n");
	login.directory.core = login.core.core;
	test_stream_hang_up(stream);
}

static void
a_changed_password_is_in_force_at_once(void **state UNUSED)
{
	struct stream *stream = connect_to_it();
	static const char right[] = "AUTH\timap\t-\t1\tanna@example.org" RIGHT;

	assert_memory_equal(test_stream_ask(stream, right), "OK", 2);
	assert_memory_equal(test_stream_ask(stream, right), "OK", 2);
	test_core_run(&login.core, "UPDATE mailbox SET password ="
				   " '{BLF-CRYPT}=new' WHERE id = 1");
	assert_memory_equal(test_stream_ask(stream, right), "FAIL", 4);
	test_stream_hang_up(stream);
}

static void
a_line_without_end_is_dropped(void **state UNUSED)
{
	static char endless[8192];
	struct stream *stream = connect_to_it();

	memset(endless, 'A', sizeof(endless) - 1);
	(void)test_stream_ask(stream, endless);
	assert_true(test_stream_dropped(stream));
	test_stream_hang_up(stream);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(lines_are_answered),
		CASE(a_database_that_is_away_is_temporary),
		CASE(a_changed_password_is_in_force_at_once),
		CASE(a_line_without_end_is_dropped),
	};

	return cmocka_run_group_tests_name("login_line", tests, NULL, NULL);
}
