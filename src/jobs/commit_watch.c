/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A commit becomes visible some time after its last write: the log is
 * synced in between, and the index that publishes it is mapped memory,
 * whose changes the kernel does not report. So a write begins a series of
 * looks at growing distances.
 */
#include "jobs/commit_watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

#define LOOK_FIRST_MS 1
#define LOOK_LAST_MS 1024
#define REST_MS 5000 /* in case that everything else has failed */
#define REST_BLIND_MS 250 /* without inotify */
#define EVENTS_SIZE 4096

struct commit_watch {
	struct db *db;
	int64_t version;
	int inotify_fd; /* -1: blind */
	struct event *written;
	struct event *timer;
	int wait_ms; /* until the next look; 0: resting */
	commit_watch_fn *committed;
	void *context;
};

static void
set_timer(struct commit_watch *watch)
{
	int rest_ms = watch->inotify_fd < 0 ? REST_BLIND_MS : REST_MS;
	int ms = watch->wait_ms > 0 ? watch->wait_ms : rest_ms;
	struct timeval wait = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	event_add(watch->timer, &wait);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct commit_watch *watch = context;
	int64_t version = db_data_version(watch->db);

	watch->wait_ms *= 2;
	if (watch->wait_ms > LOOK_LAST_MS)
		watch->wait_ms = 0;
	set_timer(watch);
	if (version == watch->version)
		return;
	watch->version = version;
	watch->committed(watch->context);
}

static void
on_written(evutil_socket_t fd, short what UNUSED, void *context)
{
	struct commit_watch *watch = context;
	char events[EVENTS_SIZE];

	while (read(fd, events, sizeof(events)) > 0)
		continue; /* which file it was does not matter */
	watch->wait_ms = LOOK_FIRST_MS;
	set_timer(watch);
}

static int
open_inotify(const char *directory)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd >= 0 && inotify_add_watch(fd, directory, IN_MODIFY) >= 0)
		return fd;
	log_warn("the kernel does not report writes, looking at the database"
		 " four times a second instead",
		LOG_TEXT("cause", strerror(errno)));
	if (fd >= 0)
		close(fd);
	return -1;
}

struct commit_watch *
commit_watch_new(struct event_base *loop, struct db *db, const char *directory,
	commit_watch_fn *committed, void *context)
{
	struct commit_watch *watch = xmalloc(sizeof(*watch));

	watch->db = db;
	watch->version = db_data_version(db);
	watch->committed = committed;
	watch->context = context;
	watch->timer = evtimer_new(loop, on_timer, watch);
	watch->inotify_fd = open_inotify(directory);
	if (watch->inotify_fd >= 0) {
		watch->written = event_new(loop, watch->inotify_fd,
			EV_READ | EV_PERSIST, on_written, watch);
		event_add(watch->written, NULL);
	}
	set_timer(watch);
	return watch;
}

void
commit_watch_free(struct commit_watch **watch)
{
	if (!*watch)
		return;
	event_free((*watch)->timer);
	if ((*watch)->written) {
		event_free((*watch)->written);
		close((*watch)->inotify_fd);
	}
	x_free(watch);
}
