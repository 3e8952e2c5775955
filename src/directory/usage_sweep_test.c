/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of removed mailboxes go, in slices; all others stay. */
#include "directory/usage_sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "directory/test_core.h"

#define GONE 1200

static const struct db_statement SQL_COUNT = { "count",
	"SELECT (SELECT count(*) FROM quota) + 10000 *"
	" (SELECT count(*) FROM last_login) + 100000000 *"
	" (SELECT count(*) FROM login_log)",
	"of a test" };
static const struct db_statement SQL_EXISTING = { "existing",
	"SELECT min(id) FROM mailbox", NULL };

static int64_t
number(struct db *db, const struct db_statement *statement)
{
	struct db_query q = db_query(db, statement);
	int64_t got = db_step(&q, NULL) == 1 ? db_number(&q, 0) : -1;

	db_finish(&q);
	return got;
}

static void
add_usage(struct db *usage, int64_t id)
{
	char sql[512];
	struct err err;

	(void)snprintf(sql, sizeof(sql),
		"INSERT INTO quota VALUES (%lld, 1, 1, 1, 1);"
		"INSERT INTO last_login VALUES (%lld, 'imap', 1, '192.0.2.1');"
		"INSERT INTO login_log VALUES (%lld, 'imap', '192.0.2.1', 0, 1, 1, 1);",
		(long long)id, (long long)id, (long long)id);
	assert_int_equal(db_script(usage, sql, &err), 0);
}

static void
removed_mailboxes_lose_their_rows(void **state)
{
	struct test_core core;
	struct event_base *loop = event_base_new();
	struct usage_sweep *sweep;
	struct db *away = NULL;
	struct err err = { 0 };

	(void)state;
	test_core_init(&core);
	assert_int_equal(db_begin(core.usage, &err), 0);
	for (int64_t i = 0; i < GONE; i++)
		add_usage(core.usage, 1000000 + i);
	add_usage(core.usage, number(core.core, &SQL_EXISTING));
	assert_int_equal(db_commit(core.usage, &err), 0);

	/* Without core.db nobody knows who is gone. */
	sweep = usage_sweep_new(loop, &away, &core.usage);
	assert_int_equal(usage_sweep_step(sweep, &err), -1);
	usage_sweep_free(&sweep);

	sweep = usage_sweep_new(loop, &core.core, &core.usage);
	assert_int_equal(usage_sweep_step(sweep, &err), 499);
	assert_int_equal(usage_sweep_step(sweep, &err), 500);
	assert_int_equal(usage_sweep_step(sweep, &err), GONE - 999);
	assert_int_equal(usage_sweep_step(sweep, &err), 0);
	assert_int_equal(number(core.usage, &SQL_COUNT), 100010001);
	/* Again from the start, for ever. */
	add_usage(core.usage, 1000000);
	assert_int_equal(usage_sweep_step(sweep, &err), 1);
	usage_sweep_free(&sweep);
	test_core_deinit(&core);
	event_base_free(loop);
}

static void
no_statement_scans(void **state)
{
	struct test_core core;
	char plan[512];
	struct err err;

	(void)state;
	test_core_init(&core);
	for (int i = 0; i < usage_sweep_statement_count; i++) {
		assert_int_equal(
			db_explain(core.usage, usage_sweep_statements[i], plan,
				sizeof(plan), &err),
			0);
		assert_string_equal(plan, "");
	}
	test_core_deinit(&core);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(removed_mailboxes_lose_their_rows),
		cmocka_unit_test(no_statement_scans),
	};

	return cmocka_run_group_tests_name("usage-sweep", tests, NULL, NULL);
}
