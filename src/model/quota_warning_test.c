/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which percentages are understood, and what a template may say. */
#include "model/quota_warning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
test_levels(void **state)
{
	static const struct {
		const char *text;
		int want; /* how many; -1 refused */
		int first;
		int last;
	} rows[] = {
		{ "80 95", 2, 80, 95 },
		{ "95  80 80 ", 2, 80, 95 },
		{ "100", 1, 100, 100 },
		{ "off", 0, 0, 0 },
		{ "1 2 3 4 5 6 7 8", 8, 1, 8 },
		{ "1 2 3 4 5 6 7 8 9", -1, 0, 0 },
		{ "", -1, 0, 0 },
		{ " ", -1, 0, 0 },
		{ "0", -1, 0, 0 },
		{ "101", -1, 0, 0 },
		{ "80,95", -1, 0, 0 },
		{ "-5", -1, 0, 0 },
		{ "80%", -1, 0, 0 },
		{ "off 80", -1, 0, 0 },
	};

	(void)state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct quota_levels levels = { .count = 77 };
		struct err err = { 0 };
		int status = quota_levels_parse(rows[i].text, &levels, &err);

		if (rows[i].want < 0) {
			if (status == 0 || levels.count != 77 ||
				err.remedy[0] == '\0')
				fail_msg("\"%s\" was taken", rows[i].text);
			continue;
		}
		if (status != 0 || levels.count != (size_t)rows[i].want)
			fail_msg("\"%s\": %d, %zu levels", rows[i].text, status,
				levels.count);
		if (levels.count == 0)
			continue;
		assert_int_equal(levels.percents[0], rows[i].first);
		assert_int_equal(
			levels.percents[levels.count - 1], rows[i].last);
	}
}

static void
test_reached(void **state)
{
	static const struct {
		int64_t used;
		int64_t quota;
		int want;
	} rows[] = {
		{ 0, 100, 0 },
		{ 79, 100, 0 },
		{ 80, 100, 80 },
		{ 949, 1000, 80 },
		{ 95, 100, 95 },
		{ 250, 100, 95 },
		{ 50, 0, 0 },
		{ -5, 100, 0 },
		{ INT64_MAX, 1, 95 },
		{ INT64_MAX, INT64_MAX, 95 },
	};
	struct quota_levels levels;
	(void)state;

	assert_int_equal(quota_levels_parse("80 95", &levels, NULL), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int got = quota_levels_reached(
			&levels, quota_percent(rows[i].used, rows[i].quota));

		if (got != rows[i].want)
			fail_msg("row %zu: %d instead of %d", i, got,
				rows[i].want);
	}
}

static void
test_templates(void **state)
{
	static const struct {
		const char *text;
		const char *error; /* part of it; NULL: it is right */
	} rows[] = {
		{ QUOTA_WARNING_TEXT, NULL },
		{ "no marks at all", NULL },
		{ "\xc3\x9c{{ percent }} {{#used}}x{{/used}}{{! y }}", NULL },
		{ "1\n2\n{{usrname}}\n", "name:3: there is no value" },
		{ "a\n{{percent", "name:2: {{ without }}" },
		{ "{{#used}}", "name:1: {{#used} has no end" },
		{ "\n\n\n{{/used}}", "name:4: {{/used}} ends nothing" },
		{ "{{{used}}}", "name:1: a name is expected" },
	};

	(void)state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct err err = { 0 };
		int status = quota_warning_check(rows[i].text, "name", &err);

		if ((status == 0) != (rows[i].error == NULL))
			fail_msg("row %zu: %d %s", i, status, err.text);
		if (status == 0)
			continue;
		if (strstr(err.text, "name:") == NULL || err.remedy[0] == '\0')
			fail_msg("row %zu: %s", i, err.text);
		/* The text itself is template.c's. */
		if (strncmp(err.text, rows[i].error, 6) != 0)
			fail_msg("row %zu: %s", i, err.text);
	}
}

static void
test_filling(void **state)
{
	struct quota_warning_values values = {
		.username = "ann@example.org",
		.hostname = "mx.example.org",
		.quota_bytes = 3072,
		.used_bytes = 2662,
	};
	struct arena *arena = arena_new();
	struct err err = { 0 };
	struct strbuf out;
	(void)state;

	strbuf_init(&out, QUOTA_WARNING_FILLED_MAX);
	assert_int_equal(
		quota_warning_fill(
			"{{username}} {{domain}} {{percent}} {{quota}} {{used}} {{hostname}}",
			"t", &values, arena, &out, &err),
		0);
	assert_string_equal(out.data,
		"ann@example.org example.org 86 3 KiB 2.5 KiB mx.example.org");
	strbuf_deinit(&out);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_reached),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_filling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
