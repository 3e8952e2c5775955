/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys are made and told apart; the head of a message names its key. */
#include "model/mail_key.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/encode.h"

/* Made for this test; the id is what Dovecot wrote for it. */
#define TEST_KEY                                                               \
	"-----BEGIN PRIVATE KEY-----\n"                                        \
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgiZXB2h40o1iMvu1L\n"   \
	"xuSk0esbaCiaqRc6vYv7ytZC/VmhRANCAARl8k/s27yySxWaB+GudcWsgh9iCZo9\n"   \
	"jJxPP2JN131cml5Lk0mkhM6vD0eL6TTgdyFeitWfOa1DubR9sGa9pOG0\n"           \
	"-----END PRIVATE KEY-----\n"
/* The same kind of key, as `openssl ecparam -genkey` writes it. */
#define TEST_OTHER_FORM                                                        \
	"-----BEGIN EC PRIVATE KEY-----\n"                                     \
	"MHcCAQEEIImVwdoeNKNYjL7tS8bkpNHrG2gomqkXOr2L+8rWQv1ZoAoGCCqGSM49\n"   \
	"AwEHoUQDQgAEZfJP7Nu8sksVmgfhrnXFrIIfYgmaPYycTz9iTdd9XJpeS5NJpITO\n"   \
	"rw9Hi+k04HchXorVnzmtQ7m0fbBmvaThtA==\n"                               \
	"-----END EC PRIVATE KEY-----\n"
#define TEST_ID "1aee3918b5786ef40de2a2331b428d5f"
#define HEAD                                                                   \
	"4352595054454403070200000002000000ff060960864801650304012e"           \
	"060960864801650304020100000800000000cf0102"

static void
test_identify(UNUSED void **state)
{
	static const struct {
		const char *name;
		const char *pem;
		size_t length; /* 0: all of it */
		bool good;
	} CASES[] = {
		{ "whole", TEST_KEY, 0, true },
		{ "text behind it", TEST_KEY "\ncopy of 2026\n", 0, true },
		{ "text before it", "copy of 2026\n" TEST_KEY, 0, false },
		{ "another form", TEST_OTHER_FORM, 0, false },
		{ "cut", TEST_KEY, 100, false },
		{ "last line lost", TEST_KEY, sizeof(TEST_KEY) - 30, false },
		{ "empty", "", 0, false },
		{ "zeros", "\0\0\0\0\0\0\0", 7, false },
		{ "public", "-----BEGIN PUBLIC KEY-----\nMIGH\n", 0, false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		char fingerprint[MAIL_KEY_FINGERPRINT] = "";
		struct err err = { 0 };
		struct span pem = { CASES[i].pem,
			CASES[i].length > 0 ? CASES[i].length
					    : strlen(CASES[i].pem) };
		int result = mail_key_identify(pem, fingerprint, NULL, &err);

		if ((result == 0) != CASES[i].good)
			fail_msg("%s: got %d", CASES[i].name, result);
		if (result == 0)
			assert_string_equal(fingerprint, TEST_ID);
		else
			assert_int_equal(err.code, ERR_CORRUPT);
	}
}

static void
test_make(UNUSED void **state)
{
	char first[MAIL_KEY_FINGERPRINT], second[MAIL_KEY_FINGERPRINT];
	struct secret a = { 0 }, b = { 0 };
	struct strbuf public;
	struct err err = { 0 };

	strbuf_init(&public, MAIL_KEY_PEM_MAX);
	assert_int_equal(mail_key_make(&a, &err), 0);
	assert_int_equal(mail_key_make(&b, &err), 0);
	assert_int_equal(mail_key_identify((struct span){ a.bytes, a.length },
				 first, &public, &err),
		0);
	assert_int_equal(mail_key_identify((struct span){ b.bytes, b.length },
				 second, NULL, &err),
		0);
	assert_string_not_equal(first, second);
	assert_true(span_starts_with(
		strbuf_span(&public), "-----BEGIN PUBLIC KEY-----\n"));
	strbuf_deinit(&public);
	secret_deinit(&a);
	secret_deinit(&b);
}

static void
test_head(UNUSED void **state)
{
	static const struct {
		const char *name;
		const char *hex;
		enum mail_key_head want;
	} CASES[] = {
		{ "format 2", HEAD TEST_ID "00000000", MAIL_KEY_HEAD_KNOWN },
		{ "ends with the id", HEAD TEST_ID, MAIL_KEY_HEAD_KNOWN },
		{ "cut in the id", HEAD "1aee39", MAIL_KEY_HEAD_STRANGE },
		{ "magic alone", "435259505445440307", MAIL_KEY_HEAD_STRANGE },
		{ "format 1", "43525950544544030701001000",
			MAIL_KEY_HEAD_STRANGE },
		{ "half the magic", "4352595054", MAIL_KEY_HEAD_CLEAR },
		{ "text", "52657475726e2d506174683a20", MAIL_KEY_HEAD_CLEAR },
		{ "empty", "", MAIL_KEY_HEAD_CLEAR },
		{ "identifier beyond the end",
			"4352595054454403070200000002000000ff067f6086",
			MAIL_KEY_HEAD_STRANGE },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		char bytes[MAIL_KEY_HEAD_MAX],
			fingerprint[MAIL_KEY_FINGERPRINT];
		size_t length = 0;
		enum mail_key_head got;

		assert_int_equal(hex_decode(span_from(CASES[i].hex), bytes,
					 sizeof(bytes), &length),
			0);
		got = mail_key_head_parse(
			(struct span){ bytes, length }, fingerprint);
		if (got != CASES[i].want)
			fail_msg("%s: got %d, want %d", CASES[i].name, got,
				CASES[i].want);
		if (got == MAIL_KEY_HEAD_KNOWN)
			assert_string_equal(fingerprint, TEST_ID);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identify),
		cmocka_unit_test(test_make),
		cmocka_unit_test(test_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
