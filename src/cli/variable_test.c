/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options that the table names exist; each variable stands in it once. */
#include "cli/variable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "base/strbuf.h"
#include "model/option.h"

#define NAMES_MAX 256
#define NAMES_LEAST 75

static bool
is_option(struct span name)
{
	struct option option;

	for (size_t i = 0; option_at(i, &option); i++)
		if (span_equal_text(name, option.name))
			return true;
	return false;
}

static void
test_options_exist(void **state)
{
	size_t count;
	const struct variable *table = variable_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct span rest, name;

		/* Each row says something. */
		assert_true(table[i].options != NULL || table[i].text[0]);
		if (table[i].options == NULL)
			continue;
		rest = span_from(table[i].options);
		while (span_split(&rest, ' ', &name))
			if (!is_option(name))
				fail_msg("%s: there is no option %.*s",
					table[i].names, (int)name.length,
					name.data);
	}
}

/* Those that are set in backticks in a text. */
static void
test_quoted_options_exist(void **state)
{
	size_t count;
	const struct variable *table = variable_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct span rest = span_from(table[i].text), piece;
		bool quoted = false;

		for (; span_split(&rest, '`', &piece); quoted = !quoted)
			if (quoted && span_find(piece, '.') > 0 &&
				span_find(piece, '/') < 0 &&
				span_find(piece, ' ') < 0 && !is_option(piece))
				fail_msg("there is no option %.*s",
					(int)piece.length, piece.data);
	}
}

static void
test_names_are_unique(void **state)
{
	struct span names[NAMES_MAX], rest;
	size_t count, used = 0;
	const struct variable *table = variable_table(&count);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		rest = span_from(table[i].names);
		while (used < NAMES_MAX && span_split(&rest, ' ', &names[used]))
			used++;
	}
	for (size_t i = 0; i < used; i++)
		for (size_t j = i + 1; j < used; j++)
			assert_false(span_equal(names[i], names[j]));
	assert_true(used > NAMES_LEAST);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_options_exist),
		cmocka_unit_test(test_quoted_options_exist),
		cmocka_unit_test(test_names_are_unique),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
