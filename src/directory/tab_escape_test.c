/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is escaped comes back, and what is no escape is refused. */
#include "directory/tab_escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *escaped;
	const char *text; /* NULL: refused */
} cases[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "a\001tb\001nc\001rd\0011e", "a\tb\nc\rd\001e" },
	{ "\001", NULL },
	{ "a\001x", NULL },
	{ "nul\0010", NULL },
	{ "123456789012345", "123456789012345" },
	{ "1234567890123456", NULL },
};

static void
texts_come_back(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct strbuf escaped;
		char text[16];
		int rc = tab_unescape(
			span_from(cases[i].escaped), text, sizeof(text));

		assert_int_equal(rc, cases[i].text == NULL ? -1 : 0);
		if (rc < 0)
			continue;
		assert_string_equal(text, cases[i].text);
		strbuf_init(&escaped, 64);
		tab_escape(&escaped, span_from(text));
		assert_string_equal(escaped.data, cases[i].escaped);
		strbuf_deinit(&escaped);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_come_back),
	};

	return cmocka_run_group_tests_name("tab_escape", tests, NULL, NULL);
}
