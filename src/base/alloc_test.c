/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zeroing and copying of the heap functions. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
memory_is_zeroed(void **state)
{
	(void)state;
	char *bytes = xmalloc(16);
	for (int i = 0; i < 16; i++)
		assert_int_equal(bytes[i], 0);
	bytes[15] = 'x';
	bytes = xrealloc(bytes, 16, 64);
	assert_int_equal(bytes[15], 'x');
	for (int i = 16; i < 64; i++)
		assert_int_equal(bytes[i], 0);
	x_free(&bytes);
	assert_null(bytes);
	x_free(&bytes);
}

static void
nothing_is_something(void **state)
{
	(void)state;
	void *none = xmalloc(0);
	assert_non_null(none);
	none = xrealloc(none, 0, 0);
	assert_non_null(none);
	x_free(&none);
}

static void
copies_end_in_nul(void **state)
{
	(void)state;
	char *text = xstrndup("abcdef", 3);
	assert_string_equal(text, "abc");
	x_free(&text);
	text = xstrndup("ab", 10);
	assert_string_equal(text, "ab");
	x_free(&text);
	text = xstrdup("");
	assert_string_equal(text, "");
	x_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed),
		cmocka_unit_test(nothing_is_something),
		cmocka_unit_test(copies_end_in_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
