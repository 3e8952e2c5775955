/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A connection to Redis that is made again whenever it is lost, with
 * hiredis in the loop. Each new connection is announced, because what is
 * behind it may have forgotten everything.
 */
#ifndef JOBS_REDIS_LINK_H
#define JOBS_REDIS_LINK_H

#include <event2/event.h>
#include <hiredis/async.h>

struct redis_link;

typedef void redis_link_up_fn(void *context);

struct redis_link *redis_link_new(struct event_base *loop,
	const char *socket_path, redis_link_up_fn *up, void *context);
void redis_link_free(struct redis_link **link);
/* For commands, with hiredis's rules; NULL while there is no connection. */
redisAsyncContext *redis_link_commands(struct redis_link *link);
/* Gives the connection up, commands get no reply; it is made again. */
void redis_link_reset(struct redis_link *link);

#endif
