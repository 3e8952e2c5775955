/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nesting, escapes and bad UTF-8 in written JSON. */
#include "base/json_write.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"

static void
nests(void **state)
{
	(void)state;
	struct strbuf sb;
	struct json_writer w;
	strbuf_init(&sb, 1000);
	json_writer_init(&w, &sb);
	json_object_open(&w, NULL);
	json_text(&w, "name", "x");
	json_array_open(&w, "list");
	json_number(&w, NULL, 1);
	json_object_open(&w, NULL);
	json_object_close(&w);
	json_bool(&w, NULL, false);
	json_array_close(&w);
	json_array_open(&w, "empty");
	json_array_close(&w);
	json_text(&w, "none", NULL);
	json_number(&w, "least", INT64_MIN);
	json_bool(&w, "yes", true);
	json_object_close(&w);
	assert_string_equal(sb.data,
		"{\"name\":\"x\",\"list\":[1,{},false],\"empty\":[],\"none\":null,\"least\":-9223372036854775808,\"yes\":true}");
	strbuf_deinit(&sb);
}

struct text_case {
	struct span text;
	const char *want;
};

#define T(literal)                                                             \
	{                                                                      \
		(literal), sizeof(literal) - 1                                 \
	}

static const struct text_case CASES[] = {
	{ T(""), "\"\"" },
	{ T("a\"b\\c/"), "\"a\\\"b\\\\c/\"" },
	{ T("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
	{ T("\x01\x1f\x7f"), "\"\\u0001\\u001f\\u007f\"" },
	{ T("a\0b"), "\"a\\u0000b\"" },
	{ T("\xc3\xa4\xf0\x9f\x93\xa7"), "\"\xc3\xa4\xf0\x9f\x93\xa7\"" },
	{ T("x\xffy"), "\"x\xef\xbf\xbdy\"" },
	{ T("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
	{ T("end\xc3"), "\"end\xef\xbf\xbd\"" },
};

static void
escapes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct strbuf sb;
		struct json_writer w;
		strbuf_init(&sb, 1000);
		json_writer_init(&w, &sb);
		json_span(&w, NULL, CASES[i].text);
		assert_string_equal(sb.data, CASES[i].want);
		strbuf_deinit(&sb);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nests),
		cmocka_unit_test(escapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
