/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Never more jobs inside than threads, so two arrays of that size are all
 * the queues there are: `ready` for the threads, `finished` for the loop,
 * both behind one mutex. An eventfd wakes the loop.
 */
#include "io/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"

struct pool {
	struct pool_job *(*next)(void *context);
	void *context;
	int threads;
	int nice_level;
	int busy; /* only the loop's thread touches it */
	struct event *finished_event;
	int finished_fd;
	pthread_t *thread_ids;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t wanted;
	bool stopping;
	int ready_count, finished_count;
	struct pool_job **ready, **finished;
};

static struct pool_job *
wait_for_job(struct pool *pool)
{
	struct pool_job *job = NULL;
	pthread_mutex_lock(&pool->mutex);
	while (pool->ready_count == 0 && !pool->stopping)
		pthread_cond_wait(&pool->wanted, &pool->mutex);
	if (pool->ready_count > 0)
		job = pool->ready[--pool->ready_count];
	pthread_mutex_unlock(&pool->mutex);
	return job;
}

static void
hand_back(struct pool *pool, struct pool_job *job)
{
	pthread_mutex_lock(&pool->mutex);
	pool->finished[pool->finished_count++] = job;
	pthread_mutex_unlock(&pool->mutex);
	eventfd_write(pool->finished_fd, 1);
}

static void *
thread_main(void *context)
{
	struct pool *pool = context;
	/* On Linux a nice level belongs to the thread; failing is harmless. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), pool->nice_level);
	struct pool_job *job;
	while ((job = wait_for_job(pool))) {
		job->work(job);
		hand_back(pool, job);
	}
	return NULL;
}

static void
collect(struct pool *pool)
{
	for (;;) {
		struct pool_job *job = NULL;
		pthread_mutex_lock(&pool->mutex);
		if (pool->finished_count > 0)
			job = pool->finished[--pool->finished_count];
		pthread_mutex_unlock(&pool->mutex);
		if (!job)
			return;
		pool->busy--;
		job->done(job);
	}
}

static void
on_finished(evutil_socket_t fd, short what, void *context)
{
	struct pool *pool = context;
	eventfd_t count;
	(void)what;
	eventfd_read(fd, &count);
	collect(pool);
	pool_wake(pool);
}

/* New threads inherit the mask: signals are the loop's business. */
static void
start_threads(struct pool *pool)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (int i = 0; i < pool->threads; i++) {
		int failed = pthread_create(
			&pool->thread_ids[i], NULL, thread_main, pool);
		BUG_ON(failed);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct pool *
pool_new(struct event_base *loop, int threads, int nice_level,
	struct pool_job *(*next)(void *context), void *context)
{
	BUG_ON(threads < 1);
	struct pool *pool = xmalloc(sizeof(*pool));
	pool->next = next;
	pool->context = context;
	pool->threads = threads;
	pool->nice_level = nice_level;
	pool->ready = xcalloc((size_t)threads, sizeof(struct pool_job *));
	pool->finished = xcalloc((size_t)threads, sizeof(struct pool_job *));
	pool->thread_ids = xcalloc((size_t)threads, sizeof(pthread_t));
	pthread_mutex_init(&pool->mutex, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	pool->finished_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	BUG_ON(pool->finished_fd < 0);
	pool->finished_event = event_new(loop, pool->finished_fd,
		EV_READ | EV_PERSIST, on_finished, pool);
	BUG_ON(!pool->finished_event);
	event_add(pool->finished_event, NULL);
	start_threads(pool);
	return pool;
}

void
pool_wake(struct pool *pool)
{
	while (pool->busy < pool->threads) {
		struct pool_job *job = pool->next(pool->context);
		if (!job)
			return;
		pool->busy++;
		pthread_mutex_lock(&pool->mutex);
		pool->ready[pool->ready_count++] = job;
		pthread_cond_signal(&pool->wanted);
		pthread_mutex_unlock(&pool->mutex);
	}
}

int
pool_busy(const struct pool *pool)
{
	return pool->busy;
}

void
pool_free(struct pool **pool_pointer)
{
	struct pool *pool = *pool_pointer;
	if (!pool)
		return;
	pthread_mutex_lock(&pool->mutex);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->mutex);
	for (int i = 0; i < pool->threads; i++)
		pthread_join(pool->thread_ids[i], NULL);
	collect(pool);
	event_free(pool->finished_event);
	close(pool->finished_fd);
	pthread_mutex_destroy(&pool->mutex);
	pthread_cond_destroy(&pool->wanted);
	x_free(&pool->ready);
	x_free(&pool->finished);
	x_free(&pool->thread_ids);
	x_free(pool_pointer);
}
