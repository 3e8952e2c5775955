/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is reported is read back at once and written within its second. */
#include "directory/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "directory/test_core.h"

struct fixture {
	struct test_core core;
	struct db *usage_db;
	struct event_base *loop;
	struct usage *usage;
};

static int
setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ 0 };
	test_core_init(&fixture.core);
	fixture.usage_db = fixture.core.usage;
	fixture.loop = event_base_new();
	fixture.usage = usage_new(fixture.loop, &fixture.usage_db);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	usage_free(&fixture->usage);
	event_base_free(fixture->loop);
	test_core_deinit(&fixture->core);
	return 0;
}

/* Statements are kept by their address: each gets one of its own. */
#define NUMBER_OF(fixture, sql)                                                \
	({                                                                     \
		static const struct db_statement statement = { sql, sql,       \
			"of a test" };                                         \
		number_of(fixture, &statement);                                \
	})

static int64_t
number_of(struct fixture *fixture, const struct db_statement *statement)
{
	struct db_query q = db_query(fixture->core.usage, statement);
	struct err err;
	int64_t number = db_step(&q, &err) == 1 ? db_number(&q, 0) : -1;

	db_finish(&q);
	return number;
}

static void
expect_quota(struct fixture *fixture, int want, int64_t bytes, int64_t messages)
{
	int64_t got_bytes = 0;
	int64_t got_messages = 0;
	struct err err;

	assert_int_equal(
		usage_quota(fixture->usage, 1, &got_bytes, &got_messages, &err),
		want);
	assert_int_equal(got_bytes, bytes);
	assert_int_equal(got_messages, messages);
}

static void
quota_is_known_before_and_after_it_is_written(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	expect_quota(fixture, 0, 0, 0);
	usage_set_bytes(fixture->usage, 1, 5000);
	expect_quota(fixture, 1, 5000, 0);
	usage_set_messages(fixture->usage, 1, 7);
	expect_quota(fixture, 1, 5000, 7);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	expect_quota(fixture, 1, 5000, 7);
	usage_set_bytes(fixture->usage, 1, 4000);
	expect_quota(fixture, 1, 4000, 7);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	expect_quota(fixture, 1, 4000, 7);
	assert_int_equal(NUMBER_OF(fixture, "SELECT bytes FROM quota"), 4000);
}

static void
the_loop_writes_within_a_second(void **state)
{
	struct fixture *fixture = *state;

	usage_set_bytes(fixture->usage, 1, 1);
	assert_int_equal(NUMBER_OF(fixture, "SELECT count(*) FROM quota"), 0);
	assert_int_equal(event_base_loop(fixture->loop, EVLOOP_ONCE), 0);
	assert_int_equal(NUMBER_OF(fixture, "SELECT count(*) FROM quota"), 1);
}

static void
logins_are_counted_by_kind(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	usage_login(fixture->usage, 1, "imap", "192.0.2.1", 0, 100);
	usage_login(fixture->usage, 1, "imap", "192.0.2.1", 0, 105);
	usage_login(fixture->usage, 1, "imap", "192.0.2.2", 9, 103);
	usage_login(fixture->usage, 1, "pop3", "::1", 0, 50);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	usage_login(fixture->usage, 1, "imap", "192.0.2.1", 0, 110);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	assert_int_equal(
		NUMBER_OF(fixture, "SELECT count(*) FROM login_log"), 3);
	assert_int_equal(NUMBER_OF(fixture, "SELECT count FROM login_log"
					    " WHERE ip = '192.0.2.1'"),
		3);
	assert_int_equal(NUMBER_OF(fixture, "SELECT at FROM last_login"
					    " WHERE service = 'imap'"),
		110);
	assert_int_equal(NUMBER_OF(fixture, "SELECT at FROM last_login"
					    " WHERE service = 'pop3'"),
		50);
}

/* The clock was a day ahead, and then it was not. */
static void
last_login_follows_the_clock_back(void **state)
{
	struct fixture *fixture = *state;
	int64_t now = clock_wall_seconds();
	struct err err;

	usage_login(fixture->usage, 1, "imap", "192.0.2.1", 0, now + 86400);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	usage_login(fixture->usage, 1, "imap", "192.0.2.1", 0, now);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	assert_int_equal(NUMBER_OF(fixture, "SELECT at FROM last_login"), now);
}

/* Search asks for what was written since. */
static void
each_write_has_a_higher_number(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	usage_set_bytes(fixture->usage, 1, 100);
	usage_set_bytes(fixture->usage, 2, 100);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	assert_int_equal(
		NUMBER_OF(fixture, "SELECT max(change) FROM quota"), 2);
	usage_set_bytes(fixture->usage, 1, 100);
	assert_int_equal(usage_flush(fixture->usage, &err), 0);
	assert_int_equal(NUMBER_OF(fixture, "SELECT change FROM quota"
					    " WHERE mailbox_id = 1"),
		3);
}

static void
reports_wait_while_the_file_is_away(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	fixture->usage_db = NULL;
	for (int i = 1; i <= USAGE_PENDING_MAX + 5; i++)
		usage_set_bytes(fixture->usage, i, i);
	assert_int_equal(usage_dropped(fixture->usage), 5);
	assert_int_equal(usage_flush(fixture->usage, &err), -1);
	assert_int_equal(err.code, ERR_UNAVAILABLE);
	fixture->usage_db = fixture->core.usage;
	while (usage_flush(fixture->usage, &err) > 0)
		continue;
	assert_int_equal(NUMBER_OF(fixture, "SELECT count(*) FROM quota"),
		USAGE_PENDING_MAX);
}

static void
no_statement_scans(void **state)
{
	struct fixture *fixture = *state;
	char plan[512];
	struct err err;

	for (int i = 0; i < usage_statement_count; i++) {
		assert_int_equal(
			db_explain(fixture->core.usage, usage_statements[i],
				plan, sizeof(plan), &err),
			0);
		assert_string_equal(plan, "");
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(quota_is_known_before_and_after_it_is_written),
		CASE(the_loop_writes_within_a_second),
		CASE(logins_are_counted_by_kind),
		CASE(last_login_follows_the_clock_back),
		CASE(each_write_has_a_higher_number),
		CASE(reports_wait_while_the_file_is_away),
		CASE(no_statement_scans),
	};

	return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
