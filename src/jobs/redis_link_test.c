/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of redis_link.c with a redis-server that comes and goes. */
#include "jobs/redis_link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "jobs/test_redis.h"

#define PATIENCE_MS 10000

struct fixture {
	struct test_redis redis;
	struct event_base *loop;
	struct redis_link *link;
	int ups;
	int replies; /* with content */
	int lost; /* replies that will not come */
};

static void
on_up(void *context)
{
	struct fixture *fixture = context;

	assert_non_null(redis_link_commands(fixture->link));
	fixture->ups++;
}

static void
on_reply(redisAsyncContext *redis UNUSED, void *reply, void *context)
{
	struct fixture *fixture = context;

	if (reply)
		fixture->replies++;
	else
		fixture->lost++;
}

static void
ignore_line(const char *line UNUSED, void *context UNUSED)
{
}

static int
setup(void **state)
{
	static struct fixture fixture;

	fixture = (struct fixture){ .loop = event_base_new() };
	test_redis_init(&fixture.redis);
	log_set_sink(ignore_line, NULL);
	fixture.link = redis_link_new(
		fixture.loop, fixture.redis.path, on_up, &fixture);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	redis_link_free(&fixture->link);
	log_set_sink(NULL, NULL);
	event_base_free(fixture->loop);
	test_redis_deinit(&fixture->redis);
	return 0;
}

static void
skip_without_redis(void)
{
	if (!test_redis_absence())
		return;
	print_message("skipped: %s\n", test_redis_absence());
	skip();
}

/* Until *counter is want; the loop's own timers wake it. */
static void
await(struct fixture *fixture, const int *counter, int want)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	struct timeval wait = { .tv_usec = 5000 };

	while (*counter != want && clock_monotonic_ms() < until) {
		event_base_loopexit(fixture->loop, &wait);
		event_base_dispatch(fixture->loop);
	}
	assert_int_equal(*counter, want);
}

static void
send_ping(struct fixture *fixture)
{
	assert_int_equal(redisAsyncCommand(redis_link_commands(fixture->link),
				 on_reply, fixture, "PING"),
		REDIS_OK);
}

static void
test_waits_for_it(void **state)
{
	struct fixture *fixture = *state;

	skip_without_redis();
	for (int i = 0; i < 10; i++)
		event_base_loop(fixture->loop, EVLOOP_ONCE);
	assert_null(redis_link_commands(fixture->link));
	test_redis_start(&fixture->redis);
	await(fixture, &fixture->ups, 1);
	send_ping(fixture);
	await(fixture, &fixture->replies, 1);
}

static void
test_comes_back_after_a_crash(void **state)
{
	struct fixture *fixture = *state;

	skip_without_redis();
	test_redis_start(&fixture->redis);
	await(fixture, &fixture->ups, 1);
	for (int turn = 1; turn <= 3; turn++) {
		send_ping(fixture);
		test_redis_kill(&fixture->redis);
		await(fixture, &fixture->lost, turn);
		test_redis_start(&fixture->redis);
		await(fixture, &fixture->ups, turn + 1);
	}
	send_ping(fixture);
	await(fixture, &fixture->replies, 1);
}

/* A server that does not answer is given up; what was asked gets no reply. */
static void
test_reset(void **state)
{
	struct fixture *fixture = *state;

	skip_without_redis();
	test_redis_start(&fixture->redis);
	await(fixture, &fixture->ups, 1);
	kill(fixture->redis.pid, SIGSTOP);
	send_ping(fixture);
	redis_link_reset(fixture->link);
	assert_int_equal(fixture->lost, 1);
	assert_null(redis_link_commands(fixture->link));
	kill(fixture->redis.pid, SIGCONT);
	await(fixture, &fixture->ups, 2);
	assert_int_equal(fixture->replies, 0);
}

/* The end of the program may come at any point. */
static void
test_freed_with_a_question_open(void **state)
{
	struct fixture *fixture = *state;

	skip_without_redis();
	test_redis_start(&fixture->redis);
	await(fixture, &fixture->ups, 1);
	send_ping(fixture);
	redis_link_free(&fixture->link);
	assert_int_equal(fixture->lost, 1);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	static const struct CMUnitTest TESTS[] = {
		CASE(test_waits_for_it),
		CASE(test_comes_back_after_a_crash),
		CASE(test_reset),
		CASE(test_freed_with_a_question_open),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
