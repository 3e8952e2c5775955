/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts, prefixes and the table of codes. */
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

static void
sets_and_prefixes(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(
		err_field(&err, ERR_INVALID, "port", "port %d", 0), -1);
	assert_string_equal(err.field, "port");
	err_prefix(&err, "reading %s", "conf");
	assert_string_equal(err.text, "reading conf: port 0");
	assert_string_equal(err.field, "port");
	err_remedy(&err, "use %d", 25);
	assert_string_equal(err.remedy, "use 25");
	/* A new error forgets the old one's field and remedy. */
	err_set(&err, ERR_BUSY, "wrapped: %s", err.text);
	assert_string_equal(err.text, "wrapped: reading conf: port 0");
	assert_string_equal(err.field, "");
	assert_string_equal(err.remedy, "");
	err_clear(&err);
	assert_int_equal(err.code, ERR_NONE);
}

static void
says_what_errno_means(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(err_errno(&err, ENOENT, "opening %s", "/x"), -1);
	assert_int_equal(err.code, ERR_SYSTEM);
	assert_string_equal(err.text, "opening /x: No such file or directory");
	err_errno(&err, 99999, "odd");
	assert_string_equal(err.text, "odd: unknown error");
}

static void
nobody_wants_to_know(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_BUSY, "x"), -1);
	assert_int_equal(err_field(NULL, ERR_BUSY, "f", "x"), -1);
	assert_int_equal(err_errno(NULL, EIO, "x"), -1);
	assert_int_equal(err_prefix(NULL, "x"), -1);
	assert_int_equal(err_remedy(NULL, "x"), -1);
	err_clear(NULL);
}

static void
long_texts_are_cut_between_characters(void **state)
{
	(void)state;
	struct err err = { 0 };
	char text[2000] = "";
	for (int i = 0; i < 900; i++)
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	err_set(&err, ERR_INVALID, "%s", text);
	err_prefix(&err, "x");
	size_t length = strlen(err.text);
	assert_in_range(length, 500, sizeof(err.text) - 1);
	assert_int_equal((unsigned char)err.text[length - 1], 0xa4);
}

static void
every_code_has_its_row(void **state)
{
	(void)state;
	for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
		assert_non_null(err_code_name((enum err_code)code));
		assert_int_not_equal(err_exit_status((enum err_code)code), 0);
		assert_in_range(err_http_status((enum err_code)code), 400, 599);
	}
	assert_string_equal(err_code_name(ERR_NOT_FOUND), "not-found");
	assert_int_equal(err_exit_status(ERR_NOT_FOUND), 3);
	assert_int_equal(err_exit_status(ERR_EXISTS), 4);
	assert_int_equal(err_exit_status(ERR_LIMIT), 5);
	assert_int_equal(err_exit_status(ERR_BUSY), 75);
	assert_int_equal(err_exit_status(ERR_NONE), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_and_prefixes),
		cmocka_unit_test(says_what_errno_means),
		cmocka_unit_test(nobody_wants_to_know),
		cmocka_unit_test(long_texts_are_cut_between_characters),
		cmocka_unit_test(every_code_has_its_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
