/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The asking side of ipc.h: one connection per request. A Unix socket's
 * connect(2) does not wait for the server, so even the one inside a loop
 * may simply call it; a full queue counts as nobody there.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "io/ipc.h"
#include "io/ipc_packet.h"

static int
connect_to(const char *socket_path, int *fd_out, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(socket_path);
	if (length >= sizeof(address.sun_path))
		return err_set(err, ERR_INVALID, "socket path too long: %s",
			socket_path);
	memcpy(address.sun_path, socket_path, length);
	int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		err_errno(err, errno, "nobody answers at %s", socket_path);
		close(fd);
		if (err)
			err->code = ERR_UNAVAILABLE;
		return -1;
	}
	*fd_out = fd;
	return 0;
}

static int
send_request(int fd, const json_t *request, struct err *err)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t length = text ? strlen(text) : 0;
	BUG_ON(!text);
	int result = 0;
	if (length > IPC_PACKET_MAX)
		result = err_set(err, ERR_TOO_BIG,
			"the request is larger than a packet");
	else if (send(fd, text, length, MSG_NOSIGNAL | MSG_EOR) < 0) {
		result = err_errno(err, errno, "sending the request");
		if (err)
			err->code = ERR_UNAVAILABLE;
	}
	secret_wipe(text, length);
	x_release(text); /* jansson's memory comes from malloc */
	return result;
}

static int
open_and_send(const char *socket_path, const json_t *request, int *fd_out,
	struct err *err)
{
	int fd;
	if (connect_to(socket_path, &fd, err) < 0)
		return -1;
	if (send_request(fd, request, err) < 0) {
		close(fd);
		return -1;
	}
	*fd_out = fd;
	return 0;
}

/* NULL with err set when the server hung up or talks nonsense. */
static json_t *
receive(int fd, struct err *err)
{
	char *packet = xmalloc(IPC_PACKET_MAX + 1);
	ssize_t got = recv(fd, packet, IPC_PACKET_MAX + 1, MSG_TRUNC);
	json_t *reply = NULL;
	if (got < 0) {
		err_errno(err, errno, "receiving the reply");
		err->code = ERR_UNAVAILABLE;
	} else if (got == 0) {
		err_set(err, ERR_UNAVAILABLE,
			"the service closed the connection");
	} else {
		struct span span = { packet, (size_t)got };
		reply = ipc_packet_parse(span, err);
	}
	x_release(packet);
	return reply;
}

static int
wait_readable(int fd, int64_t deadline, struct err *err)
{
	for (;;) {
		int64_t left = deadline - clock_monotonic_ms();
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int ready = poll(&p, 1, left > 0 ? (int)left : 0);
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return err_errno(err, errno, "poll");
		if (ready == 0)
			return err_set(
				err, ERR_BUSY, "no answer within the deadline");
	}
}

static int
wait_for_reply(int fd, int deadline_ms, ipc_progress_fn *progress,
	void *context, json_t **reply_out, struct err *err)
{
	int64_t deadline = clock_monotonic_ms() + deadline_ms;
	for (;;) {
		if (wait_readable(fd, deadline, err) < 0)
			return -1;
		json_t *reply = receive(fd, err);
		if (!reply)
			return -1;
		int result = ipc_packet_result(reply, err);
		if (result > 0) {
			*reply_out = reply;
			return 0;
		}
		if (result == 0 && progress)
			progress(reply, context);
		json_decref(reply);
		if (result < 0)
			return -1;
	}
}

int
ipc_request(const char *socket_path, json_t *request, int deadline_ms,
	ipc_progress_fn *progress, void *context, json_t **reply_out,
	struct err *err)
{
	struct err own = { 0 };
	int fd;
	if (!err)
		err = &own;
	if (open_and_send(socket_path, request, &fd, err) < 0)
		return -1;
	int result = wait_for_reply(
		fd, deadline_ms, progress, context, reply_out, err);
	close(fd);
	return result;
}

struct ipc_pending {
	int fd; /* -1 when asking failed */
	struct event *event;
	int64_t deadline;
	ipc_progress_fn *progress;
	ipc_done_fn *done;
	void *context;
	struct err err;
};

static void
finish(struct ipc_pending *pending, json_t *reply)
{
	event_free(pending->event);
	if (pending->fd >= 0)
		close(pending->fd);
	pending->done(reply, reply ? NULL : &pending->err, pending->context);
	json_decref(reply);
	x_release(pending);
}

static void
wait_on(struct ipc_pending *pending)
{
	int64_t left = pending->deadline - clock_monotonic_ms();
	if (left < 0)
		left = 0;
	struct timeval wait = { .tv_sec = left / 1000,
		.tv_usec = left % 1000 * 1000 };
	event_add(pending->event, &wait);
}

static void
on_pending(evutil_socket_t fd, short what, void *context)
{
	struct ipc_pending *pending = context;
	if (pending->fd < 0) {
		finish(pending, NULL);
		return;
	}
	if (!(what & EV_READ)) {
		err_set(&pending->err, ERR_BUSY,
			"no answer within the deadline");
		finish(pending, NULL);
		return;
	}
	json_t *reply = receive(fd, &pending->err);
	int result = reply ? ipc_packet_result(reply, &pending->err) : -1;
	if (result > 0) {
		finish(pending, reply);
		return;
	}
	if (result == 0 && pending->progress)
		pending->progress(reply, pending->context);
	json_decref(reply);
	if (result < 0)
		finish(pending, NULL);
	else
		wait_on(pending);
}

void
ipc_request_async(struct event_base *loop, const char *socket_path,
	json_t *request, int deadline_ms, ipc_progress_fn *progress,
	ipc_done_fn *done, void *context)
{
	struct ipc_pending *pending = xmalloc(sizeof(*pending));
	pending->fd = -1;
	pending->progress = progress;
	pending->done = done;
	pending->context = context;
	pending->deadline = clock_monotonic_ms() + deadline_ms;
	if (open_and_send(socket_path, request, &pending->fd, &pending->err) <
		0)
		/* Told from the loop, never before this function returns. */
		pending->deadline = 0;
	pending->event = event_new(loop, pending->fd,
		pending->fd < 0 ? 0 : EV_READ, on_pending, pending);
	BUG_ON(!pending->event);
	wait_on(pending);
}
