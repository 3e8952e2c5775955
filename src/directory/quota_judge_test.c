/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a mailbox is warned: anna of the test's core.db has 1,000,000 bytes. */
#include "directory/quota_judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "directory/test_core.h"

#define ANNA 1
#define BERT 2 /* has no limit */

static int
setup(void **state)
{
	static struct test_core core;

	core = (struct test_core){ 0 };
	test_core_init(&core);
	*state = &core;
	return 0;
}

static int
teardown(void **state)
{
	test_core_deinit(*state);
	return 0;
}

static int
report(struct test_core *core, int64_t mailbox_id, int64_t bytes)
{
	struct err err = { 0 };
	int got = quota_judge(core->usage, core->core, mailbox_id, bytes, &err);

	if (got < 0)
		fail_msg("%s", err.text);
	return got;
}

/* Strikes everything out; how many parts there were. */
static int
deliver(struct test_core *core)
{
	struct quota_warning warning;
	int64_t due_ms;
	int count = 0;

	while (quota_warning_next(core->usage, clock_wall_ms(), &warning,
		       &due_ms, NULL) == 1) {
		enum quota_part part = warning.parts & QUOTA_PART_MAILBOX
					       ? QUOTA_PART_MAILBOX
					       : QUOTA_PART_COPIES;

		assert_int_equal(
			quota_warning_done(core->usage, &warning, part, NULL),
			0);
		count++;
	}
	assert_int_equal(due_ms, 0);
	return count;
}

static void
each_level_once(void **state)
{
	static const struct {
		int64_t thousands;
		int want; /* whether there is a warning */
		int level; /* of it */
	} rows[] = {
		{ 799, 0, 0 }, { 800, 1, 80 }, { 850, 0, 0 }, { 949, 0, 0 },
		{ 950, 1, 95 }, { 1000, 1, 100 }, { 1300, 0, 0 },
		{ 980, 0, 0 }, /* too near below */
		{ 1000, 0, 0 }, { 969, 0, 0 }, /* 100 counts again */
		{ 1000, 1, 100 },
		{ 770, 0, 0 }, /* 95 counts again, 80 not yet */
		{ 940, 0, 0 }, { 960, 1, 95 }, { 700, 0, 0 }, { 800, 1, 80 },
		{ 100, 0, 0 }, { 1000, 1, 100 }, /* one for three levels */
	};
	struct test_core *core = *state;
	struct quota_warning warning;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		int got = report(core, ANNA, rows[i].thousands * 1000);

		if (got != rows[i].want)
			fail_msg("row %zu: %d", i, got);
		if (got == 1) {
			assert_int_equal(quota_warning_find(core->usage, ANNA,
						 &warning, NULL),
				1);
			assert_int_equal(warning.level, rows[i].level);
			assert_int_equal(
				warning.bytes, rows[i].thousands * 1000);
		}
		assert_int_equal(deliver(core), rows[i].want * 2);
	}
}

static void
a_higher_level_takes_the_place_of_a_waiting_one(void **state)
{
	struct test_core *core = *state;
	struct quota_warning first, second;

	assert_int_equal(report(core, ANNA, 800000), 1);
	assert_int_equal(
		quota_warning_find(core->usage, ANNA, &first, NULL), 1);
	assert_int_equal(report(core, ANNA, 960000), 1);
	/* The end of the first one's delivery strikes nothing out. */
	assert_int_equal(quota_warning_done(
				 core->usage, &first, QUOTA_PART_MAILBOX, NULL),
		0);
	assert_int_equal(
		quota_warning_find(core->usage, ANNA, &second, NULL), 1);
	assert_int_equal(second.level, 95);
	assert_int_equal(second.parts, QUOTA_PART_MAILBOX | QUOTA_PART_COPIES);
	assert_int_equal(deliver(core), 2);
}

static void
a_waiting_one_stays_when_mail_is_deleted(void **state)
{
	struct test_core *core = *state;

	assert_int_equal(report(core, ANNA, 800000), 1);
	assert_int_equal(report(core, ANNA, 0), 0);
	assert_int_equal(deliver(core), 2);
	assert_int_equal(report(core, ANNA, 800000), 1);
}

static void
no_limit_no_warning(void **state)
{
	struct test_core *core = *state;

	assert_int_equal(report(core, BERT, INT64_MAX), 0);
	assert_int_equal(report(core, 12345, 5), 0); /* is gone */
	assert_int_equal(report(core, ANNA, 900000), 1);
	assert_int_equal(deliver(core), 2);
	test_core_run(core, "UPDATE mailbox SET quota = 0 WHERE id = 1");
	assert_int_equal(report(core, ANNA, 2000000), 0);
	test_core_run(core, "UPDATE mailbox SET quota = 2000000 WHERE id = 1");
	assert_int_equal(report(core, ANNA, 2000000), 1);
}

static void
settings_decide(void **state)
{
	struct test_core *core = *state;

	test_core_run(core,
		"INSERT INTO setting VALUES ('quota.warnings', 'off', 0)");
	assert_int_equal(report(core, ANNA, 1000000), 0);
	test_core_run(core, "UPDATE setting SET value = '50'");
	assert_int_equal(report(core, ANNA, 490000), 0);
	assert_int_equal(report(core, ANNA, 500000), 1);
	/* What cannot be a value counts as not set. */
	test_core_run(core, "UPDATE setting SET value = 'x'");
	assert_int_equal(report(core, ANNA, 800000), 1);
}

static void
failures_are_put_off(void **state)
{
	struct test_core *core = *state;
	struct quota_warning warning;
	int64_t now_ms, due_ms;

	assert_int_equal(report(core, ANNA, 800000), 1);
	now_ms = clock_wall_ms() + 5;
	for (int attempt = 0; attempt < 12; attempt++) {
		int64_t wait_ms = attempt < 6 ? 1000 * (1 << attempt) : 60000;

		assert_int_equal(quota_warning_next(core->usage, now_ms,
					 &warning, &due_ms, NULL),
			1);
		assert_int_equal(warning.attempts, attempt);
		assert_int_equal(quota_warning_failed(
					 core->usage, &warning, now_ms, NULL),
			0);
		assert_int_equal(
			quota_warning_next(core->usage, now_ms + wait_ms - 1,
				&warning, &due_ms, NULL),
			0);
		assert_int_equal(due_ms, now_ms + wait_ms);
		now_ms += wait_ms;
	}
	/* The clock is put back by a day. */
	assert_int_equal(quota_warning_next(core->usage, now_ms - 86400000,
				 &warning, &due_ms, NULL),
		1);
}

static void
no_statement_scans(void **state)
{
	struct test_core *core = *state;
	char plan[512];

	for (int i = 0; i < quota_usage_statement_count; i++) {
		const struct db_statement *statement =
			quota_usage_statements[i];

		assert_int_equal(db_explain(core->usage, statement, plan,
					 sizeof(plan), NULL),
			0);
		if (statement->scan_reason == NULL)
			assert_string_equal(plan, "");
	}
	for (int i = 0; i < quota_core_statement_count; i++) {
		assert_int_equal(
			db_explain(core->core, quota_core_statements[i], plan,
				sizeof(plan), NULL),
			0);
		assert_string_equal(plan, "");
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(each_level_once),
		CASE(a_higher_level_takes_the_place_of_a_waiting_one),
		CASE(a_waiting_one_stays_when_mail_is_deleted),
		CASE(no_limit_no_warning),
		CASE(settings_decide),
		CASE(failures_are_put_off),
		CASE(no_statement_scans),
	};

	return cmocka_run_group_tests_name("quota_judge", tests, NULL, NULL);
}
