/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * hiredis frees the context by itself after a failed connection and after
 * a lost one; in both cases it tells us first, and we forget it.
 */
#include "jobs/redis_link.h"

#include <hiredis/adapters/libevent.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/paths.h"

#define AGAIN_MIN_MS 50
#define AGAIN_MAX_MS 500
#define PATIENCE_MS 5000 /* until an outage is worth a word */

struct redis_link {
	struct event_base *loop;
	char socket_path[PATHS_MAX];
	redisAsyncContext *redis; /* NULL: none, and the timer runs */
	bool up;
	bool silent; /* and that was said */
	int again_ms;
	int64_t down_since; /* monotonic */
	struct event *timer;
	redis_link_up_fn *on_up;
	void *context;
};

static void
try_again_later(struct redis_link *link)
{
	struct timeval wait = {
		.tv_sec = link->again_ms / 1000,
		.tv_usec = link->again_ms % 1000 * 1000,
	};

	link->redis = NULL;
	link->up = false;
	link->again_ms *= 2;
	if (link->again_ms > AGAIN_MAX_MS)
		link->again_ms = AGAIN_MAX_MS;
	event_add(link->timer, &wait);
}

/* Once per outage, and not about a start or a restart. */
static void
note_down(struct redis_link *link, const char *cause)
{
	if (!link->silent &&
		clock_monotonic_ms() - link->down_since > PATIENCE_MS) {
		link->silent = true;
		log_warn("redis does not answer, trying on",
			LOG_TEXT("cause", cause));
	}
}

static void
on_connect(const redisAsyncContext *redis, int status)
{
	struct redis_link *link = redis->data;

	if (!link)
		return;
	if (status != REDIS_OK) {
		note_down(link, redis->errstr);
		try_again_later(link);
		return;
	}
	link->up = true;
	link->silent = false;
	link->again_ms = AGAIN_MIN_MS;
	link->on_up(link->context);
}

static void
on_disconnect(const redisAsyncContext *redis, int status UNUSED)
{
	struct redis_link *link = redis->data;

	if (!link)
		return;
	log_info("connection to redis lost, making it again",
		LOG_TEXT("cause", redis->errstr ? redis->errstr : ""));
	link->down_since = clock_monotonic_ms();
	try_again_later(link);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct redis_link *link = context;

	link->redis = redisAsyncConnectUnix(link->socket_path);
	if (!link->redis || link->redis->err) {
		note_down(
			link, link->redis ? link->redis->errstr : "no memory");
		if (link->redis)
			redisAsyncFree(link->redis);
		try_again_later(link);
		return;
	}
	link->redis->data = link;
	BUG_ON(redisLibeventAttach(link->redis, link->loop) != REDIS_OK);
	(void)redisAsyncSetDisconnectCallback(link->redis, on_disconnect);
	(void)redisAsyncSetConnectCallback(link->redis, on_connect);
}

struct redis_link *
redis_link_new(struct event_base *loop, const char *socket_path,
	redis_link_up_fn *up, void *context)
{
	struct redis_link *link = xmalloc(sizeof(*link));
	struct timeval now = { 0 };

	link->loop = loop;
	snprintf(link->socket_path, sizeof(link->socket_path), "%s",
		socket_path);
	link->again_ms = AGAIN_MIN_MS;
	link->down_since = clock_monotonic_ms();
	link->on_up = up;
	link->context = context;
	link->timer = evtimer_new(loop, on_timer, link);
	event_add(link->timer, &now);
	return link;
}

/* Commands get their callback, with no reply; the link is not told. */
static void
drop_redis(struct redis_link *link)
{
	redisAsyncContext *redis = link->redis;

	link->redis = NULL;
	link->up = false;
	if (!redis)
		return;
	redis->data = NULL;
	redisAsyncFree(redis);
}

void
redis_link_free(struct redis_link **link)
{
	if (!*link)
		return;
	drop_redis(*link);
	event_free((*link)->timer);
	x_free(link);
}

redisAsyncContext *
redis_link_commands(struct redis_link *link)
{
	return link->up ? link->redis : NULL;
}

void
redis_link_reset(struct redis_link *link)
{
	drop_redis(link);
	link->down_since = clock_monotonic_ms();
	try_again_later(link);
}
