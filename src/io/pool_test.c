/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All jobs run, never more at once than threads, done in the loop. */
#include "io/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/compiler.h"

#define THREADS 3
#define JOBS 50

struct job {
	struct pool_job job; /* first */
	struct world *world;
	int number, answer;
};

struct world {
	struct event_base *loop;
	struct pool *pool;
	struct job jobs[JOBS];
	int given, done, busy_most;
	atomic_int inside, inside_most;
	pthread_t loop_thread;
};

static void
work(struct pool_job *base)
{
	struct job *job = (struct job *)base;
	int now = atomic_fetch_add(&job->world->inside, 1) + 1;
	int most = atomic_load(&job->world->inside_most);
	while (now > most && !atomic_compare_exchange_weak(
				     &job->world->inside_most, &most, now))
		continue;
	job->answer = job->number * job->number;
	atomic_fetch_sub(&job->world->inside, 1);
}

static void
done(struct pool_job *base)
{
	struct job *job = (struct job *)base;
	struct world *world = job->world;
	assert_true(pthread_equal(pthread_self(), world->loop_thread));
	assert_int_equal(job->answer, job->number * job->number);
	if (++world->done == JOBS)
		event_base_loopbreak(world->loop);
}

static struct pool_job *
next(void *context)
{
	struct world *world = context;
	if (world->pool && pool_busy(world->pool) > world->busy_most)
		world->busy_most = pool_busy(world->pool);
	return world->given == JOBS ? NULL : &world->jobs[world->given++].job;
}

static void
begin(struct world *world)
{
	*world = (struct world){ .loop = event_base_new(),
		.loop_thread = pthread_self() };
	for (int i = 0; i < JOBS; i++)
		world->jobs[i] = (struct job){
			.job = { work, done }, .world = world, .number = i
		};
	world->pool = pool_new(world->loop, THREADS, 5, next, world);
}

static void
every_job_is_done(void **state)
{
	(void)state;
	struct world world;
	begin(&world);
	pool_wake(world.pool);
	assert_in_range(pool_busy(world.pool), 1, THREADS);
	event_base_dispatch(world.loop);
	assert_int_equal(world.done, JOBS);
	assert_int_equal(pool_busy(world.pool), 0);
	assert_in_range(world.inside_most, 1, THREADS);
	assert_in_range(world.busy_most, 1, THREADS);
	pool_free(&world.pool);
	assert_null(world.pool);
	event_base_free(world.loop);
}

static void
ending_waits_for_running_jobs(void **state)
{
	(void)state;
	struct world world;
	begin(&world);
	pool_wake(world.pool);
	int given = world.given;
	pool_free(&world.pool);
	assert_int_equal(world.done, given);
	assert_int_equal(world.given, given);
	event_base_free(world.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_job_is_done),
		cmocka_unit_test(ending_waits_for_running_jobs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
