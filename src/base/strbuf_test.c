/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits, overflow and hand-over of strbuf. */
#include "base/strbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"

static void
grows_and_ends_in_nul(void **state)
{
	(void)state;
	struct strbuf sb;
	strbuf_init(&sb, 100000);
	assert_string_equal(sb.data, "");
	for (int i = 0; i < 10000; i++)
		strbuf_add_text(&sb, "abc");
	assert_int_equal(sb.length, 30000);
	assert_int_equal(strlen(sb.data), 30000);
	assert_false(strbuf_overflowed(&sb));
	strbuf_deinit(&sb);
}

static void
stops_at_its_limit(void **state)
{
	(void)state;
	struct strbuf sb;
	strbuf_init(&sb, 5);
	strbuf_add_text(&sb, "abc");
	strbuf_add_text(&sb, "def");
	assert_true(strbuf_overflowed(&sb));
	assert_string_equal(sb.data, "abc");
	/* No hole: even what would fit stays out after an overflow. */
	strbuf_add_char(&sb, 'x');
	assert_string_equal(sb.data, "abc");
	strbuf_reset(&sb);
	strbuf_add_text(&sb, "12345");
	assert_false(strbuf_overflowed(&sb));
	assert_string_equal(sb.data, "12345");
	strbuf_deinit(&sb);
}

static void
printf_keeps_the_limit(void **state)
{
	(void)state;
	struct strbuf sb;
	char long_text[301];
	memset(long_text, 'y', 300);
	long_text[300] = '\0';
	strbuf_init(&sb, 310);
	strbuf_printf(&sb, "%s=%d;", "n", 42);
	strbuf_printf(&sb, "%s", long_text);
	assert_int_equal(sb.length, 305);
	assert_memory_equal(sb.data, "n=42;yyy", 8);
	strbuf_printf(&sb, "%s", "abcdef");
	assert_true(strbuf_overflowed(&sb));
	assert_int_equal(sb.length, 305);
	assert_int_equal(strlen(sb.data), 305);
	strbuf_deinit(&sb);
}

static void
printf_takes_back_what_is_too_much(void **state)
{
	(void)state;
	struct strbuf sb;
	strbuf_init(&sb, 3);
	strbuf_printf(&sb, "%s", "abcdef");
	assert_true(strbuf_overflowed(&sb));
	assert_string_equal(sb.data, "");
	strbuf_deinit(&sb);
}

static void
consumes_and_hands_over(void **state)
{
	(void)state;
	struct strbuf sb;
	strbuf_init(&sb, 100);
	strbuf_add_text(&sb, "request\nrest");
	strbuf_consume(&sb, 8);
	assert_string_equal(sb.data, "rest");
	char *text = strbuf_take(&sb);
	assert_string_equal(text, "rest");
	assert_int_equal(sb.length, 0);
	strbuf_add_text(&sb, "new");
	assert_string_equal(sb.data, "new");
	x_free(&text);
	assert_null(text);
	strbuf_deinit(&sb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_and_ends_in_nul),
		cmocka_unit_test(stops_at_its_limit),
		cmocka_unit_test(printf_keeps_the_limit),
		cmocka_unit_test(printf_takes_back_what_is_too_much),
		cmocka_unit_test(consumes_and_hands_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
