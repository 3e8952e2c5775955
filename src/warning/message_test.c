/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mail's bytes, and that no text can break out of its place. */
#include "warning/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
test_headers(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "Almost full", "Almost full" },
		{ "", "" },
		{ "\xc3\xbc", "=?UTF-8?B?w7w=?=" },
		{ "=?x", "=?UTF-8?B?PT94?=" },
		{ "a\nBcc: x", "=?UTF-8?B?YQpCY2M6IHg=?=" },
		/* 42 bytes would cut the character. */
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xbc",
			"=?UTF-8?B?YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=?=\n"
			" =?UTF-8?B?w7w=?=" },
	};

	(void)state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct strbuf out;

		strbuf_init(&out, 1000);
		message_encode_header(&out, rows[i].text);
		assert_string_equal(out.data, rows[i].want);
		strbuf_deinit(&out);
	}
}

static void
test_bodies(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{ "", "" },
		{ "one", "one\n" },
		{ "one\n\ntwo\n", "one\n\ntwo\n" },
		{ "a=b\xc3\xbc", "a=3Db=C3=BC\n" },
		{ ".\n..\n", "=2E\n=2E.\n" },
		{ "From me\n", "=46rom me\n" },
		{ "end \nnext\t", "end=20\nnext=09\n" },
		{ "a\rb", "a=0Db\n" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=\n"
			"ab\n" },
	};

	(void)state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct strbuf out;

		strbuf_init(&out, 1000);
		message_encode_body(&out, rows[i].text);
		assert_string_equal(out.data, rows[i].want);
		strbuf_deinit(&out);
	}
}

static struct facts
some_facts(void)
{
	return (struct facts){ .address = "ann@example.org",
		.sender = "",
		.subject = "{{percent}} %",
		.text = "{{used}} of {{quota}} on {{hostname}}\n",
		.copies = { "a@example.net", "b@example.net" },
		.mailbox_id = 7,
		.level = 80,
		.used = 850,
		.quota = 1000,
		.at = 1795461993 };
}

static void
test_to_mailbox(void **state)
{
	struct facts facts = some_facts();
	struct arena *arena = arena_new();
	struct strbuf out;
	struct err err;
	(void)state;

	strbuf_init(&out, MESSAGE_SIZE_MAX);
	assert_int_equal(message_make(&facts, MESSAGE_TO_MAILBOX,
				 "mx.example.org", arena, &out, &err),
		0);
	assert_string_equal(out.data,
		"Date: Mon, 23 Nov 2026 19:26:33 +0000\n"
		"From: postmaster@example.org\n"
		"To: ann@example.org\n"
		"Message-ID: <quota.7.80.1795461993.0@mx.example.org>\n"
		"Auto-Submitted: auto-generated\n"
		"Precedence: bulk\n"
		"MIME-Version: 1.0\n"
		"Content-Type: text/plain; charset=utf-8\n"
		"Content-Transfer-Encoding: quoted-printable\n"
		"Subject: 85 %\n"
		"\n"
		"850 B of 1000 B on mx.example.org\n");
	strbuf_deinit(&out);
	arena_free(&arena);
}

static void
test_to_copies(void **state)
{
	struct facts facts = some_facts();
	struct arena *arena = arena_new();
	struct strbuf out;
	struct err err;
	(void)state;

	facts.sender = "robot@example.org";
	facts.at = INT64_MAX; /* no date that there is */
	strbuf_init(&out, MESSAGE_SIZE_MAX);
	assert_int_equal(message_make(&facts, MESSAGE_TO_COPIES,
				 "mx.example.org", arena, &out, &err),
		0);
	assert_non_null(strstr(out.data, "From: robot@example.org\n"));
	assert_non_null(
		strstr(out.data, "To: a@example.net,\n b@example.net\n"));
	assert_non_null(
		strstr(out.data, "\nSubject: ann@example.org: 85 %\n\n"));
	assert_non_null(strstr(out.data, "Date: Thu, 1 Jan 1970 "));
	strbuf_deinit(&out);
	arena_free(&arena);
}

static void
test_a_broken_template(void **state)
{
	struct facts facts = some_facts();
	struct arena *arena = arena_new();
	struct strbuf out;
	struct err err = { 0 };
	(void)state;

	facts.text = "\n{{nobody}}";
	strbuf_init(&out, MESSAGE_SIZE_MAX);
	assert_int_equal(message_make(&facts, MESSAGE_TO_MAILBOX, "mx", arena,
				 &out, &err),
		-1);
	assert_non_null(strstr(err.text, "text:2"));
	strbuf_deinit(&out);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_to_mailbox),
		cmocka_unit_test(test_to_copies),
		cmocka_unit_test(test_a_broken_template),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
