/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names of networks, who counts as a guesser, and for how long. */
#include "auth/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

struct key_case {
	const char *ip;
	const char *want;
};

static const struct key_case keys[] = {
	{ "192.0.2.1", "4 c00002" },
	{ "192.0.2.254", "4 c00002" },
	{ "192.0.3.1", "4 c00003" },
	{ "::ffff:192.0.2.9", "4 c00002" },
	{ "2001:db8::1", "6 20010db800000000" },
	{ "2001:db8::ffff:1", "6 20010db800000000" },
	{ "2001:db8:0:1::1", "6 20010db800000001" },
	{ "127.0.0.9", "local anna" },
	{ "::ffff:127.0.0.1", "local anna" },
	{ "::1", "local anna" },
	{ "", "local anna" },
	{ "nonsense", "local anna" },
};

static void
networks_have_names(void **state UNUSED)
{
	char key[SOURCE_KEY_MAX];

	for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
		source_key(keys[i].ip, "anna", key);
		assert_string_equal(key, keys[i].want);
	}
}

static void
a_long_user_is_cut(void **state UNUSED)
{
	char user[2 * SOURCE_KEY_MAX];
	char key[SOURCE_KEY_MAX];

	memset(user, 'x', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	source_key("", user, key);
	assert_int_equal(strlen(key), SOURCE_KEY_MAX - 1);
}

static void
fail_times(struct source_list *list, const char *key, int times, int64_t now_ms)
{
	for (int i = 0; i < times; i++)
		source_failed(list, key, now_ms);
}

static void
many_failures_make_a_guesser(void **state UNUSED)
{
	struct source_list *list = source_list_new(8);

	assert_false(source_guesses(list, "a", 0));
	fail_times(list, "a", SOURCE_FAILURES_MAX, 0);
	assert_false(source_guesses(list, "a", 0));
	source_failed(list, "a", 0);
	assert_true(source_guesses(list, "a", 0));
	assert_false(source_guesses(list, "b", 0));
	assert_false(source_guesses(list, "a", SOURCE_FORGIVE_MS));
	source_list_free(&list);
	assert_null(list);
}

static void
slow_failures_are_forgiven(void **state UNUSED)
{
	struct source_list *list = source_list_new(8);
	int64_t now_ms = 0;

	for (int i = 0; i < 20 * SOURCE_FAILURES_MAX; i++) {
		source_failed(list, "a", now_ms);
		assert_false(source_guesses(list, "a", now_ms));
		now_ms += SOURCE_FORGIVE_MS;
	}
	source_list_free(&list);
}

static void
a_guesser_is_forgiven_in_bounded_time(void **state UNUSED)
{
	struct source_list *list = source_list_new(8);
	int64_t half = (int64_t)SOURCE_FAILURES_MAX * SOURCE_FORGIVE_MS;

	fail_times(list, "a", 100000, 0);
	assert_true(source_guesses(list, "a", half - 1));
	assert_false(source_guesses(list, "a", half));
	source_list_free(&list);
}

static void
memory_is_bounded(void **state UNUSED)
{
	struct source_list *list = source_list_new(4);
	char key[16];

	for (int i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		fail_times(list, key, SOURCE_FAILURES_MAX + 1, 0);
	}
	assert_int_equal(source_count(list), 4);
	assert_true(source_guesses(list, "99", 0));
	assert_false(source_guesses(list, "95", 0)); /* forgotten */
	for (int i = 0; i < 4; i++)
		source_failed(list, "new", 3600 * 1000);
	assert_int_equal(source_count(list), 1);
	source_list_free(&list);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_have_names),
		cmocka_unit_test(a_long_user_is_cut),
		cmocka_unit_test(many_failures_make_a_guesser),
		cmocka_unit_test(slow_failures_are_forgiven),
		cmocka_unit_test(a_guesser_is_forgiven_in_bounded_time),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
