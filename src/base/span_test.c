/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Splitting and number parsing of spans. */
#include "base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

struct number_case {
	const char *text;
	uint64_t max;
	int want;
	uint64_t want_value;
};

static const struct number_case NUMBER_CASES[] = {
	{ "0", 10, 0, 0 },
	{ "10", 10, 0, 10 },
	{ "11", 10, -1, 0 },
	{ "", 10, -1, 0 },
	{ "+1", 10, -1, 0 },
	{ " 1", 10, -1, 0 },
	{ "1 ", 10, -1, 0 },
	{ "0x1", 100, -1, 0 },
	{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
	{ "18446744073709551616", UINT64_MAX, -1, 0 },
	{ "99999999999999999999", UINT64_MAX, -1, 0 },
	{ "5", 3, -1, 0 },
	{ "0000005", 5, 0, 5 },
};

static void
parses_numbers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(NUMBER_CASES); i++) {
		const struct number_case *c = &NUMBER_CASES[i];
		uint64_t got = 77;
		int result =
			span_parse_uint64(span_from(c->text), c->max, &got);
		if (result != c->want ||
			got != (c->want == 0 ? c->want_value : 77))
			fail_msg("\"%s\" max %ju: got %d value %ju", c->text,
				(uintmax_t)c->max, result, (uintmax_t)got);
	}
}

static void
splits(void **state)
{
	(void)state;
	struct span rest = span_from("a,,bc,"), piece;
	assert_true(span_split(&rest, ',', &piece));
	assert_true(span_equal_text(piece, "a"));
	assert_true(span_split(&rest, ',', &piece));
	assert_true(span_equal_text(piece, ""));
	assert_true(span_split(&rest, ',', &piece));
	assert_true(span_equal_text(piece, "bc"));
	assert_true(span_split(&rest, ',', &piece));
	assert_true(span_equal_text(piece, ""));
	assert_null(rest.data);
	assert_false(span_split(&rest, ',', &piece));
}

static void
compares(void **state)
{
	(void)state;
	struct span none = { 0 };
	assert_true(span_equal(none, span_from("")));
	assert_true(span_equal_text(none, ""));
	assert_false(span_equal_text(span_from("ab"), "abc"));
	assert_true(span_starts_with(span_from("abc"), "ab"));
	assert_true(span_starts_with(none, ""));
	assert_false(span_starts_with(span_from("a"), "ab"));
	assert_int_equal(span_find(span_from("abc"), 'c'), 2);
	assert_int_equal(span_find(span_from("abc"), '\0'), -1);
	assert_int_equal(span_find(none, 'x'), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_numbers),
		cmocka_unit_test(splits),
		cmocka_unit_test(compares),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
