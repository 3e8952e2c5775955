/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The key = value format: what is read and what is refused. */
#include "base/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

static int
collect(void *context, const char *key, const char *value, int line,
	struct err *err)
{
	if (strcmp(key, "bad") == 0)
		return err_set(err, ERR_INVALID, "it is bad");
	strbuf_printf(context, "%d:%s=%s;", line, key, value);
	return 0;
}

struct config_case {
	const char *text;
	const char *want; /* what was collected */
	const char *want_error; /* NULL: none */
};

static const struct config_case CASES[] = {
	{ "", "", NULL },
	{ "a = b", "1:a=b;", NULL },
	{ "a=b\nc=d\n", "1:a=b;2:c=d;", NULL },
	{ "# comment\n\n  a\t=  b c \r\n", "3:a=b c;", NULL },
	{ "a.b-c_D9 = x # not a comment", "1:a.b-c_D9=x # not a comment;",
		NULL },
	{ "a = b = c", "1:a=b = c;", NULL },
	{ "a =", "1:a=;", NULL },
	{ "a = 1\na = 2", "1:a=1;2:a=2;", NULL },
	{ "no equals", "", "f:1: the line is not \"key = value\"" },
	{ "a = 1\n = x", "1:a=1;",
		"f:2: a key has only letters, digits, \".\", \"_\", \"-\"" },
	{ "a b = x", "",
		"f:1: a key has only letters, digits, \".\", \"_\", \"-\"" },
	{ "a = 1\nbad = x\nb = 2", "1:a=1;", "f:2: bad: it is bad" },
};

static void
reads_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		const struct config_case *c = &CASES[i];
		struct err err = { 0 };
		struct strbuf got;
		strbuf_init(&got, 1000);
		int result = config_parse(
			span_from(c->text), "f", collect, &got, &err);
		assert_string_equal(got.data, c->want);
		assert_int_equal(result, c->want_error ? -1 : 0);
		assert_string_equal(
			err.text, c->want_error ? c->want_error : "");
		strbuf_deinit(&got);
	}
}

static void
refuses_nul_and_long_lines(void **state)
{
	(void)state;
	static char line[CONFIG_LINE_MAX + 2];
	struct err err = { 0 };
	struct strbuf got;
	strbuf_init(&got, 10000);
	struct span nul = { "a = b\0c", 7 };
	assert_int_equal(config_parse(nul, "f", collect, &got, &err), -1);
	assert_string_equal(err.text, "f:1: the line has a NUL byte");
	memset(line, 'x', CONFIG_LINE_MAX + 1);
	line[1] = '=';
	assert_int_equal(
		config_parse(span_from(line), "f", collect, &got, &err), -1);
	assert_int_equal(err.code, ERR_TOO_BIG);
	line[CONFIG_LINE_MAX] = '\0';
	assert_int_equal(
		config_parse(span_from(line), "f", collect, &got, &err), 0);
	strbuf_deinit(&got);
}

static void
a_missing_file_is_not_found(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(
		config_parse_file("/nonexistent/x", collect, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void
knows_yes_from_no(void **state)
{
	(void)state;
	assert_int_equal(config_bool("yes"), 1);
	assert_int_equal(config_bool("On"), 1);
	assert_int_equal(config_bool("1"), 1);
	assert_int_equal(config_bool("Y"), 1);
	assert_int_equal(config_bool("FALSE"), 0);
	assert_int_equal(config_bool("off"), 0);
	assert_int_equal(config_bool("0"), 0);
	assert_int_equal(config_bool(""), -1);
	assert_int_equal(config_bool("2"), -1);
	assert_int_equal(config_bool("yess"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(refuses_nul_and_long_lines),
		cmocka_unit_test(a_missing_file_is_not_found),
		cmocka_unit_test(knows_yes_from_no),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
