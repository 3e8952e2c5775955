/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of anvil.c with answers as Dovecot 2.3.19 gives them. */
#include "agent/anvil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

static const struct {
	const char *name;
	const char *answer;
	const char *users[3];
	int pids[3];
	int end; /* what the last call returns */
} ANSWERS[] = {
	{ "nobody", "\n", { NULL }, { 0 }, 0 },
	{ "two",
		"imap/192.0.2.1/ann@a.org\t12\t1\nimap/::1/bob@a.org\t13\t2\n\n",
		{ "ann@a.org", "bob@a.org" }, { 12, 13 }, 0 },
	{ "a delivery is none", "lmtp/ann@a.org\t12\t1\npop3/::1/x\t9\t1\n\n",
		{ "x" }, { 9 }, 0 },
	{ "a slash in the name", "imap/::1/a/b@a.org\t1\t1\n\n",
		{ "a/b@a.org" }, { 1 }, 0 },
	{ "cut off", "imap/::1/a@a.org\t1\t1\n", { "a@a.org" }, { 1 }, -1 },
	{ "nothing", "", { NULL }, { 0 }, -1 },
	{ "no number", "imap/::1/a@a.org\tx\t1\n\n", { NULL }, { 0 }, -1 },
	{ "a negative one", "imap/::1/a@a.org\t-1\t1\n\n", { NULL }, { 0 },
		-1 },
	{ "too large", "imap/::1/a@a.org\t2147483648\t1\n\n", { NULL }, { 0 },
		-1 },
	{ "two fields", "imap/::1/a@a.org\t1\n\n", { NULL }, { 0 }, -1 },
	{ "another protocol", "VERSION\tanvil-server\t2\t0\n\n", { NULL },
		{ 0 }, -1 },
};

static void
test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(ANSWERS); i++) {
		struct span rest = span_from(ANSWERS[i].answer);
		struct anvil_session session;
		int got, count = 0;

		while ((got = anvil_next(&rest, &session)) == 1) {
			if (count == 3 || !ANSWERS[i].users[count] ||
				!span_equal_text(session.user,
					ANSWERS[i].users[count]) ||
				session.pid != ANSWERS[i].pids[count])
				fail_msg("%s: session %d is \"%.*s\" %d",
					ANSWERS[i].name, count,
					(int)session.user.length,
					session.user.data, (int)session.pid);
			count++;
		}
		if (got != ANSWERS[i].end ||
			(count < 3 && ANSWERS[i].users[count]))
			fail_msg("%s: end %d after %d", ANSWERS[i].name, got,
				count);
	}
}

static void
test_whole(void **state)
{
	(void)state;
	assert_true(anvil_is_whole(span_from("\n")));
	assert_true(anvil_is_whole(span_from("x\ty\n\n")));
	assert_false(anvil_is_whole(span_from("x\ty\n")));
	assert_false(anvil_is_whole(span_from("")));
}

static const struct {
	const char *user;
	const char *address;
	bool want;
} MEANT[] = {
	{ "ann@a.org", "ann@a.org", true },
	{ "Ann@A.org", "ann@a.org", true },
	{ "ann@a.org", "*@a.org", true },
	{ "ann@a.org.net", "*@a.org", false },
	{ "ann@b.a.org", "*@a.org", false },
	{ "annn@a.org", "ann@a.org", false },
	{ "ann@a.org", "ann@a.or", false },
	{ "ann@a.org", "*", false },
	{ "ann@a.org", "", false },
	{ "root", "*@a.org", false },
};

static void
test_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(MEANT); i++)
		if (anvil_is_meant(span_from(MEANT[i].user),
			    span_from(MEANT[i].address)) != MEANT[i].want)
			fail_msg("%s, %s", MEANT[i].user, MEANT[i].address);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_meant),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
