/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The merged table: one name space, defaults that are values. */
#include "model/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
test_names_are_unique(void **state)
{
	struct option a, b;

	(void)state;
	for (size_t i = 0; option_at(i, &a); i++) {
		assert_true(a.name[0] != '\0' && a.sentence[0] != '\0');
		for (size_t j = i + 1; option_at(j, &b); j++)
			assert_string_not_equal(a.name, b.name);
		assert_true(option_find(a.name, &b));
		assert_string_equal(a.sentence, b.sentence);
	}
	assert_false(option_find("", &a));
	assert_false(option_find("HOSTNAME", &a));
}

static void
test_both_places(void **state)
{
	struct option option;

	(void)state;
	assert_true(option_find("listen.smtp", &option));
	assert_int_equal(option.place, OPTION_FILE);
	assert_true(option_find("dkim_bits", &option));
	assert_int_equal(option.place, OPTION_DATABASE);
	assert_int_equal(option.setting, SETTING_DKIM_BITS);
	assert_string_equal(option.default_value, "2048");
}

/* Those of the file are judged when it is read: instance_test. */
static void
test_defaults_of_settings(void **state)
{
	struct option option;
	struct err err;

	(void)state;
	for (size_t i = 0; option_at(i, &option); i++)
		if (option.place == OPTION_DATABASE)
			assert_int_equal(setting_check(option.setting,
						 option.default_value, &err),
				0);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_names_are_unique),
		cmocka_unit_test(test_both_places),
		cmocka_unit_test(test_defaults_of_settings),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
