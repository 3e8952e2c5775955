/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One struct stream per connection, on plain events and two strbufs. A
 * connection ends in stream_end(), from wherever it was decided; while the
 * protocol's functions run, the end is only noted (doomed) and carried out
 * when they have returned. Back pressure: a paused connection reads at
 * most one more request, and one whose peer does not fetch its replies is
 * not parsed until half of the output limit is free again.
 */
#include "io/stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define STREAM_READ_CHUNK 16384
#define STREAM_ACCEPT_BATCH 16
#define STREAM_ACCEPT_PAUSE_MS 100

struct stream {
	struct stream_server *server; /* NULL when ended */
	struct stream *previous, *next;
	int fd; /* -1 when ended */
	unsigned references; /* ours, until ended, and stream_ref()'s */
	uid_t peer_uid;
	bool paused;
	bool parsing; /* the protocol's input() is running */
	bool stalled; /* parsing waits for output to leave */
	bool half_open; /* the peer has sent its last byte */
	bool doomed; /* ends as soon as parsing has returned */
	int64_t active_at_ms;
	struct strbuf input, output;
	struct event *read_event, *idle_event;
	struct event *write_event; /* NULL until the peer is slow */
	void *state;
};

struct stream_server {
	struct event_base *loop;
	int listen_fd;
	const struct stream_protocol *protocol;
	void *context;
	struct event *accept_event, *accept_pause_event;
	struct stream *first;
	unsigned count;
	bool full; /* does not accept until a connection ends */
	bool said_full; /* until half of them have ended */
	bool draining;
};

static struct timeval
from_ms(int64_t ms)
{
	return (struct timeval){ .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };
}

static void
unlink_stream(struct stream *stream)
{
	if (stream->previous)
		stream->previous->next = stream->next;
	else
		stream->server->first = stream->next;
	if (stream->next)
		stream->next->previous = stream->previous;
}

static void
leave_server(struct stream_server *server)
{
	server->count--;
	if (server->full && !server->draining)
		event_add(server->accept_event, NULL);
	server->full = false;
	if (server->count <= server->protocol->connections_max / 2)
		server->said_full = false;
}

/* The connection is over; the struct lives on while somebody refers to it. */
static void
stream_end(struct stream *stream)
{
	if (stream->fd < 0)
		return;
	if (stream->parsing) {
		stream->doomed = true;
		return;
	}
	const struct stream_protocol *protocol = stream->server->protocol;
	unlink_stream(stream);
	leave_server(stream->server);
	event_free(stream->read_event);
	if (stream->write_event)
		event_free(stream->write_event);
	if (stream->idle_event)
		event_free(stream->idle_event);
	close(stream->fd);
	stream->fd = -1;
	stream->server = NULL;
	protocol->close(stream->state);
	stream_unref(stream);
}

static void
drop(struct stream *stream, const char *reason)
{
	log_warn("connection dropped",
		LOG_TEXT("protocol", stream->server->protocol->name),
		LOG_NUMBER("uid", stream->peer_uid),
		LOG_TEXT("reason", reason));
	stream_end(stream);
}

static void on_writable(evutil_socket_t fd, short what, void *context);

static void
await_room(struct stream *stream)
{
	if (!stream->write_event)
		stream->write_event = event_new(stream->server->loop,
			stream->fd, EV_WRITE, on_writable, stream);
	BUG_ON(!stream->write_event);
	event_add(stream->write_event, NULL);
}

/* Sends what the socket takes; false when the connection has ended. */
static bool
send_output(struct stream *stream)
{
	while (stream->output.length > 0) {
		ssize_t sent = send(stream->fd, stream->output.data,
			stream->output.length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			await_room(stream);
			return true;
		}
		if (sent < 0) {
			stream_end(stream);
			return false;
		}
		strbuf_consume(&stream->output, (size_t)sent);
	}
	return true;
}

/* After each step: is there a reason to end, and shall we read on? */
static void
settle(struct stream *stream)
{
	const struct stream_protocol *protocol = stream->server->protocol;
	if (stream->doomed) {
		stream_end(stream);
		return;
	}
	if (strbuf_overflowed(&stream->output)) {
		drop(stream, "replies are not fetched");
		return;
	}
	if (!send_output(stream))
		return;
	bool working =
		stream->paused || stream->stalled || stream->output.length > 0;
	if (!working && (stream->half_open || stream->server->draining)) {
		stream_end(stream);
		return;
	}
	if (!stream->paused && !stream->stalled &&
		stream->input.length >= protocol->input_max) {
		drop(stream, "request too long");
		return;
	}
	bool reading = !stream->half_open && !stream->server->draining &&
		       stream->input.length < protocol->input_max;
	if (reading)
		event_add(stream->read_event, NULL);
	else
		event_del(stream->read_event);
}

/* Parses what is complete; returns what was used, or -1. */
static ptrdiff_t
parse_requests(struct stream *stream)
{
	const struct stream_protocol *protocol = stream->server->protocol;
	size_t used = 0;
	while (!stream->paused && !stream->stalled && !stream->doomed &&
		used < stream->input.length) {
		struct span rest = { stream->input.data + used,
			stream->input.length - used };
		ptrdiff_t n = protocol->input(stream, stream->state, rest);
		if (n <= 0)
			return n < 0 ? -1 : (ptrdiff_t)used;
		BUG_ON((size_t)n > rest.length);
		used += (size_t)n;
		if (stream->output.length > protocol->output_max / 2)
			send_output(stream);
		stream->stalled =
			stream->output.length > protocol->output_max / 2;
	}
	return (ptrdiff_t)used;
}

static void
process_input(struct stream *stream)
{
	if (stream->fd < 0 || stream->parsing)
		return;
	stream_ref(stream);
	stream->parsing = true;
	ptrdiff_t used = parse_requests(stream);
	stream->parsing = false;
	if (used > 0)
		strbuf_consume(&stream->input, (size_t)used);
	if (used < 0 && !stream->doomed)
		drop(stream, "protocol error");
	else
		settle(stream);
	stream_unref(stream);
}

/* A peer that closed both directions is gone; one direction is a last word. */
static bool
is_hung_up(int fd)
{
	struct pollfd p = { .fd = fd };
	return poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR));
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	char chunk[STREAM_READ_CHUNK];
	(void)what;
	size_t room = stream->input.limit - stream->input.length;
	ssize_t got = recv(fd, chunk,
		room < sizeof(chunk) ? room : sizeof(chunk), MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0 || (got == 0 && stream->paused && is_hung_up(fd))) {
		stream_end(stream);
		return;
	}
	stream->active_at_ms = clock_monotonic_ms();
	stream->half_open = got == 0;
	strbuf_add(&stream->input, chunk, (size_t)got);
	process_input(stream);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	(void)fd;
	(void)what;
	if (!send_output(stream))
		return;
	if (stream->stalled && stream->output.length <=
				       stream->server->protocol->output_max / 2)
		stream->stalled = false;
	process_input(stream);
}

/* Comes round once per idle time, not once per request. */
static void
on_idle(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	(void)fd;
	(void)what;
	int64_t left = stream->active_at_ms +
		       stream->server->protocol->idle_ms - clock_monotonic_ms();
	if (stream->paused)
		left = stream->server->protocol->idle_ms;
	if (left <= 0) {
		stream_end(stream);
		return;
	}
	struct timeval wait = from_ms(left);
	event_add(stream->idle_event, &wait);
}

static uid_t
peer_uid_of(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return (uid_t)-1;
	return peer.uid;
}

static void
stream_begin(struct stream_server *server, int fd)
{
	const struct stream_protocol *protocol = server->protocol;
	struct stream *stream = xmalloc(sizeof(*stream));
	stream->server = server;
	stream->fd = fd;
	stream->references = 1;
	stream->peer_uid = peer_uid_of(fd);
	stream->active_at_ms = clock_monotonic_ms();
	strbuf_init(&stream->input, protocol->input_max);
	strbuf_init(&stream->output, protocol->output_max);
	stream->next = server->first;
	if (stream->next)
		stream->next->previous = stream;
	server->first = stream;
	server->count++;
	stream->read_event = event_new(
		server->loop, fd, EV_READ | EV_PERSIST, on_readable, stream);
	BUG_ON(!stream->read_event);
	if (protocol->idle_ms > 0) {
		struct timeval wait = from_ms(protocol->idle_ms);
		stream->idle_event =
			event_new(server->loop, -1, 0, on_idle, stream);
		BUG_ON(!stream->idle_event);
		event_add(stream->idle_event, &wait);
	}
	event_add(stream->read_event, NULL);
	stream->parsing = true;
	stream->state = protocol->open(stream, server->context);
	stream->parsing = false;
	settle(stream);
}

/* Out of descriptors: the queue waits, and we do not spin on it. */
static void
pause_accepting(struct stream_server *server, int errno_value)
{
	struct timeval wait = from_ms(STREAM_ACCEPT_PAUSE_MS);
	struct err err = { 0 };
	err_errno(&err, errno_value, "accepting");
	log_warn("connections have to wait",
		LOG_TEXT("protocol", server->protocol->name), LOG_ERR(&err));
	event_del(server->accept_event);
	event_add(server->accept_pause_event, &wait);
}

static void
on_accept_pause_over(evutil_socket_t fd, short what, void *context)
{
	struct stream_server *server = context;
	(void)fd;
	(void)what;
	if (!server->draining)
		event_add(server->accept_event, NULL);
}

static bool
is_full(struct stream_server *server)
{
	unsigned max = server->protocol->connections_max;
	if (max == 0 || server->count < max)
		return false;
	server->full = true;
	event_del(server->accept_event);
	if (server->said_full)
		return true;
	server->said_full = true;
	log_warn("too many connections, others have to wait",
		LOG_TEXT("protocol", server->protocol->name),
		LOG_NUMBER("connections", server->count));
	return true;
}

static void
on_connection(evutil_socket_t listen_fd, short what, void *context)
{
	struct stream_server *server = context;
	(void)what;
	for (int i = 0; i < STREAM_ACCEPT_BATCH; i++) {
		if (is_full(server))
			return;
		int fd = accept4(
			listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			stream_begin(server, fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			errno == ENOBUFS)
			pause_accepting(server, errno);
		return;
	}
}

struct stream_server *
stream_server_new(struct event_base *loop, int listen_fd,
	const struct stream_protocol *protocol, void *context)
{
	struct stream_server *server = xmalloc(sizeof(*server));
	*server = (struct stream_server){ .loop = loop,
		.listen_fd = listen_fd,
		.protocol = protocol,
		.context = context };
	evutil_make_socket_nonblocking(listen_fd);
	server->accept_event = event_new(
		loop, listen_fd, EV_READ | EV_PERSIST, on_connection, server);
	server->accept_pause_event =
		event_new(loop, -1, 0, on_accept_pause_over, server);
	BUG_ON(!server->accept_event || !server->accept_pause_event);
	event_add(server->accept_event, NULL);
	return server;
}

void
stream_server_free(struct stream_server **server_pointer)
{
	struct stream_server *server = *server_pointer;
	if (!server)
		return;
	while (server->first) {
		BUG_ON(server->first->parsing);
		stream_end(server->first);
	}
	event_free(server->accept_event);
	event_free(server->accept_pause_event);
	close(server->listen_fd);
	x_free(server_pointer);
}

void
stream_server_drain(struct stream_server *server)
{
	server->draining = true;
	event_del(server->accept_event);
	event_del(server->accept_pause_event);
	struct stream *next;
	for (struct stream *s = server->first; s; s = next) {
		next = s->next;
		process_input(s);
	}
}

struct strbuf *
stream_output(struct stream *stream)
{
	return &stream->output;
}

void
stream_flush(struct stream *stream)
{
	if (stream->fd >= 0 && !stream->parsing)
		settle(stream);
}

void
stream_pause(struct stream *stream)
{
	stream->paused = true;
}

void
stream_resume(struct stream *stream)
{
	stream->paused = false;
	stream->active_at_ms = clock_monotonic_ms();
	process_input(stream);
}

void
stream_ref(struct stream *stream)
{
	stream->references++;
}

void
stream_unref(struct stream *stream)
{
	BUG_ON(stream->references == 0);
	if (--stream->references > 0)
		return;
	BUG_ON(stream->fd >= 0);
	strbuf_deinit(&stream->input);
	strbuf_deinit(&stream->output);
	x_release(stream);
}

bool
stream_alive(const struct stream *stream)
{
	return stream->fd >= 0 && !stream->doomed;
}

void
stream_close(struct stream *stream)
{
	if (stream->fd >= 0 && send_output(stream))
		stream_end(stream);
}

unsigned
stream_peer_uid(const struct stream *stream)
{
	return stream->peer_uid;
}
