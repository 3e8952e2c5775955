/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Well-formed and ill-formed sequences. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/compiler.h"

struct utf8_case {
	const char *text;
	size_t want;
};

static const struct utf8_case CASES[] = {
	{ "a", 1 },
	{ "\x7f", 1 },
	{ "\xc3\xa4", 2 },
	{ "\xe2\x82\xac", 3 },
	{ "\xf0\x9f\x93\xa7", 4 },
	{ "\xf4\x8f\xbf\xbf", 4 },
	{ "\x80", 0 },
	{ "\xc0\xaf", 0 },
	{ "\xc1\x81", 0 },
	{ "\xc3", 0 },
	{ "\xc3(", 0 },
	{ "\xe0\x9f\xbf", 0 },
	{ "\xed\xa0\x80", 0 },
	{ "\xf0\x8f\xbf\xbf", 0 },
	{ "\xf4\x90\x80\x80", 0 },
	{ "\xf5\x80\x80\x80", 0 },
	{ "\xff", 0 },
	{ "", 0 },
};

static void
knows_good_from_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		size_t got = utf8_length(CASES[i].text, strlen(CASES[i].text));
		if (got != CASES[i].want)
			fail_msg("case %zu: got %zu, want %zu", i, got,
				CASES[i].want);
	}
}

static void
cuts_between_characters(void **state)
{
	(void)state;
	const char *text = "a\xe2\x82\xac";
	assert_int_equal(utf8_cut(text, 4), 4);
	assert_int_equal(utf8_cut(text, 3), 1);
	assert_int_equal(utf8_cut(text, 2), 1);
	assert_int_equal(utf8_cut(text, 1), 1);
	assert_int_equal(utf8_cut(text, 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_good_from_bad),
		cmocka_unit_test(cuts_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
