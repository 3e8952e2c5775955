/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a start finds after ends of all kinds. */
#include "directory/usage_mark.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "directory/test_core.h"

static const struct db_statement SQL_DOUBT = { "doubt",
	"SELECT doubt FROM quota_state", "of a test" };
static const struct db_statement SQL_SYNCHRONOUS = { "synchronous",
	"PRAGMA synchronous", NULL };

#define NORMAL 1

static int64_t
number(struct test_core *core, const struct db_statement *statement)
{
	struct db_query q = db_query(core->usage, statement);
	int64_t got = db_step(&q, NULL) == 1 ? db_number(&q, 0) : -1;

	db_finish(&q);
	return got;
}

static int
setup(void **state)
{
	static struct test_core core;
	struct err err;

	test_core_init(&core);
	assert_int_equal(db_script(core.usage,
				 "INSERT INTO quota VALUES (1, 10, 1, 1, 7);"
				 "INSERT INTO quota VALUES (2, 20, 2, 1, 4);",
				 &err),
		0);
	*state = &core;
	return 0;
}

static int
teardown(void **state)
{
	test_core_deinit(*state);
	return 0;
}

static void
a_clean_end_leaves_no_doubt(void **state)
{
	struct test_core *core = *state;
	struct err err;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(usage_mark_stopped(core->usage, &err), 0);
		assert_int_equal(
			usage_mark_running(core->usage, false, &err), 0);
		assert_int_equal(number(core, &SQL_DOUBT), 0);
	}
	assert_int_equal(number(core, &SQL_SYNCHRONOUS), NORMAL);
}

static void
another_end_puts_all_rows_in_doubt(void **state)
{
	struct test_core *core = *state;
	struct err err;

	assert_int_equal(usage_mark_running(core->usage, false, &err), 1);
	assert_int_equal(number(core, &SQL_DOUBT), 8);
	assert_int_equal(number(core, &SQL_SYNCHRONOUS), NORMAL);
	/* A clean end does not make them right. */
	assert_int_equal(usage_mark_stopped(core->usage, &err), 0);
	assert_int_equal(usage_mark_running(core->usage, false, &err), 0);
	assert_int_equal(number(core, &SQL_DOUBT), 8);
}

static void
a_replaced_file_is_in_doubt(void **state)
{
	struct test_core *core = *state;
	struct err err;

	assert_int_equal(usage_mark_stopped(core->usage, &err), 0);
	assert_int_equal(usage_mark_running(core->usage, true, &err), 1);
	assert_int_equal(number(core, &SQL_DOUBT), 8);
}

/* Nothing was kept: every mailbox without a row is in doubt. */
static void
an_empty_file_is_in_doubt_too(void **state)
{
	struct test_core *core = *state;
	struct err err;

	assert_int_equal(db_script(core->usage, "DELETE FROM quota", &err), 0);
	assert_int_equal(usage_mark_running(core->usage, false, &err), 1);
	assert_int_equal(number(core, &SQL_DOUBT), 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_clean_end_leaves_no_doubt),
		CASE(another_end_puts_all_rows_in_doubt),
		CASE(a_replaced_file_is_in_doubt),
		CASE(an_empty_file_is_in_doubt_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
