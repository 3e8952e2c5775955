/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A private redis-server on a Unix socket in a directory of its own, for
 * the unit tests of this folder; static functions, because there is no test
 * library. Without Debian's redis-server the tests are skipped.
 */
#ifndef JOBS_TEST_REDIS_H
#define JOBS_TEST_REDIS_H

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/fs.h"

#define TEST_REDIS_PROGRAM "/usr/bin/redis-server"
#define TEST_REDIS_PATIENCE_MS 20000

struct test_redis {
	char directory[40];
	char path[64];
	const char *load_delay_us; /* for each key at a start; NULL: none */
	pid_t pid; /* 0: not running */
	redisContext *side; /* to look from outside */
};

/* NULL, or why there can be no test. */
UNUSED static const char *
test_redis_absence(void)
{
	return access(TEST_REDIS_PROGRAM, X_OK) == 0 ? NULL
						     : TEST_REDIS_PROGRAM
		       " is not installed";
}

UNUSED static void
test_redis_init(struct test_redis *redis)
{
	*redis = (struct test_redis){ .pid = 0 };
	signal(SIGPIPE,
		SIG_IGN); /* as service.c does: hiredis is not careful */
	snprintf(redis->directory, sizeof(redis->directory),
		"/tmp/mh-redis-XXXXXX");
	BUG_ON(!mkdtemp(redis->directory));
	snprintf(redis->path, sizeof(redis->path), "%s/s", redis->directory);
}

UNUSED static void
test_redis_start(struct test_redis *redis)
{
	int64_t until = clock_monotonic_ms() + TEST_REDIS_PATIENCE_MS;

	redis->pid = fork();
	if (redis->pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		execl(TEST_REDIS_PROGRAM, "redis-server", "--port", "0",
			"--unixsocket", redis->path, "--dir", redis->directory,
			"--save", "", "--loglevel", "warning", "--logfile",
			"/dev/null", "--loading-process-events-interval-bytes",
			"1024", "--key-load-delay",
			redis->load_delay_us ? redis->load_delay_us : "0",
			NULL);
		_exit(127);
	}
	do {
		if (redis->side)
			redisFree(redis->side);
		usleep(1000);
		redis->side = redisConnectUnix(redis->path);
	} while ((!redis->side || redis->side->err) &&
		 clock_monotonic_ms() < until);
	BUG_ON(!redis->side || redis->side->err);
}

/* As a crash: nothing is said to its clients. */
UNUSED static void
test_redis_kill(struct test_redis *redis)
{
	if (redis->side)
		redisFree(redis->side);
	redis->side = NULL;
	if (redis->pid == 0)
		return;
	kill(redis->pid, SIGKILL);
	waitpid(redis->pid, NULL, 0);
	redis->pid = 0;
	unlink(redis->path);
}

UNUSED static void
test_redis_deinit(struct test_redis *redis)
{
	test_redis_kill(redis);
	BUG_ON(fs_remove_tree(redis->directory, NULL) < 0);
}

/* The reply as text; "(nil)" for none. Words are separated by blanks. */
UNUSED static const char *
test_redis_ask(struct test_redis *redis, const char *command)
{
	static char text[1000];
	redisReply *reply = redisCommand(redis->side, command);

	BUG_ON(!reply);
	if (reply->type == REDIS_REPLY_NIL)
		snprintf(text, sizeof(text), "(nil)");
	else if (reply->type == REDIS_REPLY_INTEGER)
		snprintf(text, sizeof(text), "%lld", reply->integer);
	else
		snprintf(text, sizeof(text), "%s", reply->str);
	freeReplyObject(reply);
	return text;
}

#endif
