/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is indexed when, and what a kill at any point leaves. */
#include "jobs/index_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000000
#define MAX 10
#define DAY (24 * 3600 * 1000)

static size_t
take(struct index_plan *plan, int batch, int64_t now_ms)
{
	bool has_failed;

	return index_plan_take(plan, batch, MAX, now_ms, &has_failed);
}

/* What a successor would know. */
static struct index_plan *
after_kill(const struct index_plan *plan)
{
	struct index_plan *next = index_plan_new();
	struct strbuf text;
	struct err err;
	int64_t optimized_ms;

	strbuf_init(&text, INDEX_PLAN_STATE_MAX);
	index_plan_save(plan, 7, &text);
	assert_int_equal(
		index_plan_load(next, text.data, &optimized_ms, &err), 0);
	assert_int_equal(optimized_ms, 7);
	strbuf_deinit(&text);
	return next;
}

static void
expect_mark(const struct index_plan *plan, int64_t want)
{
	struct index_plan *next = after_kill(plan);

	assert_int_equal(index_plan_seen(next), want);
	index_plan_free(&next);
}

static void
the_mark_follows_what_is_done(void **state)
{
	struct index_plan *plan = index_plan_new();

	(void)state;
	index_plan_add(plan, 1, 11, "a@x.example");
	index_plan_add(plan, 2, 12, "b@x.example");
	expect_mark(plan, 10);
	assert_int_equal(index_plan_take(plan, 1, 1, NOW, &(bool){ 0 }), 1);
	assert_int_equal(take(plan, 2, NOW), 1);
	assert_int_equal(index_plan_finish(plan, 2, INDEX_DONE, NOW), 1);
	expect_mark(plan, 10);
	assert_int_equal(index_plan_finish(plan, 1, INDEX_DONE, NOW), 1);
	expect_mark(plan, 12);
	assert_int_equal(index_plan_count(plan), 0);
	index_plan_pass(plan, 9, 13);
	expect_mark(plan, 13);
	index_plan_free(&plan);
}

static void
a_change_meanwhile_is_not_lost(void **state)
{
	struct index_plan *plan = index_plan_new();

	(void)state;
	index_plan_add(plan, 1, 1, "a@x.example");
	assert_int_equal(take(plan, 1, NOW), 1);
	index_plan_add(plan, 1, 2, "a@x.example");
	assert_int_equal(take(plan, 2, NOW), 0);
	(void)index_plan_finish(plan, 1, INDEX_DONE, NOW);
	assert_int_equal(take(plan, 2, NOW), 1);
	(void)index_plan_finish(plan, 2, INDEX_DONE, NOW);
	assert_int_equal(index_plan_count(plan), 0);
	index_plan_free(&plan);
}

static void
a_failure_is_put_off_and_blocks_nobody(void **state)
{
	struct index_plan *plan = index_plan_new(), *next;
	bool has_failed;

	(void)state;
	index_plan_add(plan, 1, 1, "a@x.example");
	index_plan_add(plan, 2, 2, "b@x.example");
	assert_int_equal(take(plan, 1, NOW), 2);
	index_plan_blame(plan, 1, "a@x.example", "damaged");
	index_plan_blame(plan, 1, "a@x.example", "second complaint");
	assert_int_equal(index_plan_finish(plan, 1, INDEX_DONE, NOW), 1);
	expect_mark(plan, 2);
	assert_int_equal(take(plan, 2, NOW), 0);
	next = after_kill(plan);
	assert_int_equal(index_plan_first(next)->failures, 1);
	assert_string_equal(index_plan_first(next)->text, "damaged");
	index_plan_add(next, 3, 3, "c@x.example");
	assert_int_equal(
		index_plan_take(next, 1, MAX, NOW + DAY, &has_failed), 1);
	assert_true(has_failed);
	assert_int_equal(index_plan_take(next, 2, MAX, NOW, &has_failed), 1);
	assert_false(has_failed);
	(void)index_plan_finish(next, 1, INDEX_DONE, NOW);
	(void)index_plan_finish(next, 2, INDEX_DONE, NOW);
	assert_int_equal(index_plan_count(next), 0);
	index_plan_free(&next);
	index_plan_free(&plan);
}

static void
after_a_kill_each_is_tried_alone(void **state)
{
	struct index_plan *plan = index_plan_new();

	(void)state;
	index_plan_add(plan, 1, 1, "a@x.example");
	index_plan_add(plan, 2, 2, "b@x.example");
	assert_int_equal(take(plan, 1, NOW), 2);
	(void)index_plan_finish(plan, 1, INDEX_UNKNOWN, NOW);
	assert_int_equal(take(plan, 2, NOW + DAY), 1);
	(void)index_plan_finish(plan, 2, INDEX_UNKNOWN, NOW);
	assert_int_equal(index_plan_first(plan)->failures, 1);
	assert_int_equal(take(plan, 3, NOW + 10000), 1);
	assert_int_equal(index_plan_finish(plan, 3, INDEX_DONE, NOW), 1);
	index_plan_free(&plan);
}

static void
nobody_is_blamed_for_dovecot(void **state)
{
	struct index_plan *plan = index_plan_new();

	(void)state;
	index_plan_add(plan, 1, 1, "a@x.example");
	assert_int_equal(take(plan, 1, NOW), 1);
	(void)index_plan_finish(plan, 1, INDEX_NOT_TRIED, NOW);
	assert_int_equal(index_plan_first(plan)->failures, 0);
	assert_int_equal(take(plan, 2, NOW), 0);
	assert_int_equal(take(plan, 2, NOW + DAY), 1);
	index_plan_free(&plan);
}

static void
another_usage_db_means_all_anew(void **state)
{
	struct index_plan *plan = index_plan_new();

	(void)state;
	index_plan_add(plan, 1, 500, "a@x.example");
	index_plan_restart(plan);
	assert_int_equal(index_plan_seen(plan), 0);
	expect_mark(plan, 0);
	index_plan_free(&plan);
}

static void
damaged_state_is_refused(void **state)
{
	static const char *const TEXTS[] = { "", "x", "[]", "{\"mark\":-1}" };
	struct index_plan *plan = index_plan_new();
	int64_t optimized_ms;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++)
		assert_int_equal(
			index_plan_load(plan, TEXTS[i], &optimized_ms, &err),
			-1);
	index_plan_free(&plan);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mark_follows_what_is_done),
		cmocka_unit_test(a_change_meanwhile_is_not_lost),
		cmocka_unit_test(a_failure_is_put_off_and_blocks_nobody),
		cmocka_unit_test(after_a_kill_each_is_tried_alone),
		cmocka_unit_test(nobody_is_blamed_for_dovecot),
		cmocka_unit_test(another_usage_db_means_all_anew),
		cmocka_unit_test(damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
