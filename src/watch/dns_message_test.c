/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of dns_message.c: messages as bytes, and what is made of them. */
#include "watch/dns_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text)                                                            \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}
#define ID "\x12\x34"
#define QUESTION "\1a\7example\0\0\1\0\1"
#define POINTER "\xc0\x0c"
#define A_RECORD POINTER "\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
#define CNAME_RECORD POINTER "\0\5\0\1\0\0\0\x3c\0\4\1b\xc0\x0e"
#define AAAA_RECORD                                                            \
	POINTER "\0\x1c\0\1\0\0\0\x3c\0\x10"                                   \
		"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1"

static const struct {
	const char *name;
	struct span reply;
	enum dns_answer want;
} REPLIES[] = {
	{ "an address", BYTES(ID "\x81\x80\0\1\0\1\0\0\0\0" QUESTION A_RECORD),
		DNS_DATA },
	{ "behind an alias",
		BYTES(ID "\x81\x80\0\1\0\2\0\0\0\0" QUESTION CNAME_RECORD
				A_RECORD),
		DNS_DATA },
	{ "mixed case",
		BYTES(ID "\x81\x80\0\1\0\1\0\0\0\0"
			 "\1A\7eXample\0\0\1\0\1" A_RECORD),
		DNS_DATA },
	{ "no answer records", BYTES(ID "\x81\x80\0\1\0\0\0\0\0\0" QUESTION),
		DNS_EMPTY },
	{ "alias only",
		BYTES(ID "\x81\x80\0\1\0\1\0\0\0\0" QUESTION CNAME_RECORD),
		DNS_EMPTY },
	{ "another type",
		BYTES(ID "\x81\x80\0\1\0\1\0\0\0\0" QUESTION AAAA_RECORD),
		DNS_EMPTY },
	{ "no such name", BYTES(ID "\x81\x83\0\1\0\0\0\0\0\0" QUESTION),
		DNS_NO_NAME },
	{ "failure", BYTES(ID "\x81\x82\0\1\0\0\0\0\0\0" QUESTION),
		DNS_FAILURE },
	{ "refused", BYTES(ID "\x81\x85\0\1\0\0\0\0\0\0" QUESTION),
		DNS_FAILURE },
	{ "nothing", BYTES(""), DNS_FOREIGN },
	{ "half a header", BYTES(ID "\x81\x80\0\1"), DNS_FOREIGN },
	{ "another id",
		BYTES("\x12\x35\x81\x80\0\1\0\1\0\0\0\0" QUESTION A_RECORD),
		DNS_FOREIGN },
	{ "a query", BYTES(ID "\x01\0\0\1\0\0\0\0\0\0" QUESTION), DNS_FOREIGN },
	{ "another name",
		BYTES(ID "\x81\x80\0\1\0\1\0\0\0\0"
			 "\1b\7example\0\0\1\0\1" A_RECORD),
		DNS_FOREIGN },
	{ "no question", BYTES(ID "\x81\x80\0\0\0\0\0\0\0\0"), DNS_FOREIGN },
	{ "records cut off",
		BYTES(ID "\x81\x80\0\1\0\1\0\0\0\0" QUESTION POINTER "\0\1"),
		DNS_FOREIGN },
	{ "counts that lie", BYTES(ID "\x81\x80\xff\xff\xff\xff\0\0\0\0"),
		DNS_FOREIGN },
	{ "a pointer to itself",
		BYTES(ID "\x81\x80\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"),
		DNS_FOREIGN },
};

static void
test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(REPLIES) / sizeof(REPLIES[0]); i++) {
		enum dns_answer got = dns_message_judge(
			REPLIES[i].reply, "a.example", 0x1234);

		if (got != REPLIES[i].want)
			fail_msg("%s: got %d, want %d", REPLIES[i].name, got,
				REPLIES[i].want);
	}
}

static void
test_query(void **state)
{
	static const char WANT[] = ID "\1\0\0\1\0\0\0\0\0\0" QUESTION;
	unsigned char got[DNS_QUERY_MAX];

	(void)state;
	assert_int_equal(
		dns_message_query("a.example", 0x1234, got), sizeof(WANT) - 1);
	assert_memory_equal(got, WANT, sizeof(WANT) - 1);
}

static void
test_names_that_are_none(void **state)
{
	unsigned char out[DNS_QUERY_MAX];
	char name[300];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[64] = '\0'; /* a label has at most 63 */
	assert_int_equal(dns_message_query(name, 1, out), 0);
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 60 == 59 ? '.' : 'a';
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(dns_message_query(name, 1, out), 0);
	assert_int_equal(dns_message_query("a..example", 1, out), 0);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_names_that_are_none),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
