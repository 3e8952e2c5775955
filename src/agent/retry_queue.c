/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * qmgr(8) takes single letters on its socket: what `postqueue -f` sends,
 * without a program in between. It may be down: then its start tries all.
 */
#include "agent/retry_queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define INTERVAL_MS 60000
/* Forget dead destinations, all time stamps, scan the deferred queue. */
#define FLUSH "FAD"

struct retry_queue {
	struct sockaddr_un qmgr;
	struct event *timer;
	int64_t last_ms; /* 0: never */
};

static const char *const CAUSES[] = { "database", "database.lookups",
	"disk.database", "disk.index", "disk.mail", "disk.queue", "resolver" };

static int
flush(const struct retry_queue *retry)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result = -1;

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)&retry->qmgr,
		    sizeof(retry->qmgr)) == 0 &&
		send(fd, FLUSH, strlen(FLUSH), MSG_NOSIGNAL) > 0)
		result = 0;
	close(fd);
	return result;
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct retry_queue *retry = context;

	retry->last_ms = clock_monotonic_ms();
	if (flush(retry) == 0)
		log_info("what mail waited for is there again, trying all of"
			 " the queue now",
			LOG_END);
	else
		log_warn("the queue manager does not answer, leaving the queue"
			 " to its own pace",
			LOG_TEXT("cause", strerror(errno)));
}

struct retry_queue *
retry_queue_new(struct event_base *loop, const char *spool)
{
	struct retry_queue *retry = xmalloc(sizeof(*retry));
	int length;

	retry->qmgr.sun_family = AF_UNIX;
	length = snprintf(retry->qmgr.sun_path, sizeof(retry->qmgr.sun_path),
		"%s/public/qmgr", spool);
	/* PATHS_ROOT_MAX sees to it. */
	BUG_ON(length < 0 || (size_t)length >= sizeof(retry->qmgr.sun_path));
	retry->timer = evtimer_new(loop, on_timer, retry);
	BUG_ON(!retry->timer);
	return retry;
}

void
retry_queue_free(struct retry_queue **retry)
{
	if (!*retry)
		return;
	event_free((*retry)->timer);
	x_free(retry);
}

static bool
is_cause(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(CAUSES); i++)
		if (strcmp(CAUSES[i], name) == 0)
			return true;
	return false;
}

void
retry_queue_on_fact(
	struct retry_queue *retry, const char *name, bool was_ok, bool ok)
{
	struct timeval wait = { 0 };
	int64_t next_ms = retry->last_ms + INTERVAL_MS;
	int64_t now_ms = clock_monotonic_ms();

	if (was_ok || !ok || !is_cause(name) ||
		evtimer_pending(retry->timer, NULL))
		return;
	if (retry->last_ms > 0 && next_ms > now_ms)
		wait.tv_sec = (time_t)((next_ms - now_ms) / 1000);
	event_add(retry->timer, &wait);
}
