/* SPDX-License-Identifier: GPL-3.0-or-later */
/* s6-supervise replaces supervise/status by rename: inotify sees that. */
#include "agent/watcher.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"

struct watcher {
	int fd;
	struct event *event;
	watcher_fn *changed;
	void *context;
};

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct watcher *watcher = context;
	char buffer[4096];

	(void)what;
	while (read(fd, buffer, sizeof(buffer)) > 0)
		; /* which one does not matter: all statuses are read */
	watcher->changed(watcher->context);
}

int
watcher_new(struct event_base *loop, watcher_fn *changed, void *context,
	struct watcher **watcher_out, struct err *err)
{
	struct watcher *watcher;
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd == -1)
		return err_errno(err, errno, "inotify");
	watcher = xmalloc(sizeof(*watcher));
	watcher->fd = fd;
	watcher->changed = changed;
	watcher->context = context;
	watcher->event =
		event_new(loop, fd, EV_READ | EV_PERSIST, on_readable, watcher);
	BUG_ON(watcher->event == NULL);
	event_add(watcher->event, NULL);
	*watcher_out = watcher;
	return 0;
}

int
watcher_add(struct watcher *watcher, const char *service, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/supervise", service);
	if (inotify_add_watch(watcher->fd, path, IN_MOVED_TO) == -1)
		return err_errno(err, errno, "watching %s", path);
	return 0;
}

void
watcher_free(struct watcher **watcher)
{
	if (*watcher == NULL)
		return;
	event_free((*watcher)->event);
	close((*watcher)->fd);
	x_free(watcher);
}
