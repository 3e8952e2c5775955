/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The server's side: one request at a time on a connection. A call owns
 * its reply's text and outlives its connection, so that a handler may
 * answer a peer that is gone. Packets that a slow peer does not take wait
 * in a short queue; a peer that lets it fill is dropped.
 */
#include "io/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/ipc_packet.h"

#define IPC_QUEUE_MAX 64
#define IPC_SENDERS_MAX 8
#define IPC_REQ_MAX 64
#define IPC_ACCEPT_PAUSE_MS 100

struct ipc_waiting {
	struct ipc_waiting *next;
	size_t length;
	char bytes[];
};

struct ipc_connection {
	struct ipc_server *server;
	struct ipc_connection *previous, *next;
	int fd;
	uid_t peer_uid;
	struct event *read_event, *write_event;
	struct ipc_call *call; /* NULL between requests */
	struct ipc_waiting *waiting;
	unsigned waiting_count;
};

struct ipc_call {
	struct ipc_connection *connection; /* NULL: the peer is gone */
	const struct ipc_verb *verb;
	char req[IPC_REQ_MAX + 1];
	uid_t peer_uid;
	bool open; /* the reply's object */
	struct strbuf text;
	struct json_writer writer;
};

/* The users of one verb's senders, looked up once. */
struct ipc_senders {
	uid_t uids[IPC_SENDERS_MAX];
	unsigned count;
};

struct ipc_server {
	struct event_base *loop;
	int listen_fd;
	const struct ipc_verb *verbs;
	struct ipc_senders *senders; /* one per verb */
	void *context;
	struct event *accept_event, *accept_pause_event;
	struct ipc_connection *first; /* the youngest */
	unsigned count;
	char packet[IPC_PACKET_MAX + 1];
};

static void
connection_end(struct ipc_connection *connection)
{
	struct ipc_server *server = connection->server;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		server->first = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->count--;
	if (connection->call)
		connection->call->connection = NULL;
	struct ipc_waiting *next;
	for (struct ipc_waiting *w = connection->waiting; w; w = next) {
		next = w->next;
		x_release(w);
	}
	event_free(connection->read_event);
	event_free(connection->write_event);
	close(connection->fd);
	x_release(connection);
}

static void
drop(struct ipc_connection *connection, const char *verb, const char *reason)
{
	log_warn("request refused, connection closed",
		LOG_NUMBER("uid", connection->peer_uid), LOG_TEXT("verb", verb),
		LOG_TEXT("reason", reason));
	connection_end(connection);
}

/* 1 sent, 0 has to wait, -1 the peer is gone. */
static int
try_send(struct ipc_connection *connection, const char *bytes, size_t length)
{
	ssize_t sent;
	do {
		sent = send(connection->fd, bytes, length,
			MSG_NOSIGNAL | MSG_DONTWAIT | MSG_EOR);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 1;
	return errno == EAGAIN ? 0 : -1;
}

static void
enqueue(struct ipc_connection *connection, const char *bytes, size_t length)
{
	struct ipc_waiting *waiting = xmalloc(sizeof(*waiting) + length);
	waiting->length = length;
	memcpy(waiting->bytes, bytes, length);
	struct ipc_waiting **end = &connection->waiting;
	while (*end)
		end = &(*end)->next;
	*end = waiting;
	connection->waiting_count++;
	event_add(connection->write_event, NULL);
}

static void
send_packet(struct ipc_call *call, const char *bytes, size_t length)
{
	struct ipc_connection *connection = call->connection;
	if (!connection)
		return;
	int sent =
		connection->waiting ? 0 : try_send(connection, bytes, length);
	if (sent < 0)
		connection_end(connection);
	else if (sent == 0 && connection->waiting_count == IPC_QUEUE_MAX)
		drop(connection, call->verb->name, "replies are not fetched");
	else if (sent == 0)
		enqueue(connection, bytes, length);
}

static void
on_writable(evutil_socket_t fd, short what, void *context)
{
	struct ipc_connection *connection = context;
	(void)fd;
	(void)what;
	while (connection->waiting) {
		struct ipc_waiting *waiting = connection->waiting;
		int sent =
			try_send(connection, waiting->bytes, waiting->length);
		if (sent < 0) {
			connection_end(connection);
			return;
		}
		if (sent == 0) {
			event_add(connection->write_event, NULL);
			return;
		}
		connection->waiting = waiting->next;
		connection->waiting_count--;
		x_release(waiting);
	}
}

static const struct ipc_verb *
find_verb(const struct ipc_server *server, const char *name)
{
	for (const struct ipc_verb *v = server->verbs; v->name; v++) {
		if (strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

static bool
may_send(
	const struct ipc_server *server, const struct ipc_verb *verb, uid_t uid)
{
	if (uid == 0 || uid == geteuid())
		return true;
	const struct ipc_senders *s = &server->senders[verb - server->verbs];
	for (unsigned i = 0; i < s->count; i++) {
		if (s->uids[i] == uid)
			return true;
	}
	return false;
}

static struct ipc_call *
call_new(struct ipc_connection *connection, const struct ipc_verb *verb,
	const json_t *request)
{
	struct ipc_call *call = xmalloc(sizeof(*call));
	const char *req = json_string_value(json_object_get(request, "req"));
	call->connection = connection;
	call->verb = verb;
	call->peer_uid = connection->peer_uid;
	if (req)
		memcpy(call->req, req, strnlen(req, IPC_REQ_MAX));
	strbuf_init(&call->text, IPC_PACKET_MAX);
	connection->call = call;
	return call;
}

static void
call_free(struct ipc_call *call)
{
	if (call->connection)
		call->connection->call = NULL;
	secret_wipe(call->text.data, call->text.length);
	strbuf_deinit(&call->text);
	x_release(call);
}

static void
serve(struct ipc_connection *connection, struct span packet)
{
	struct ipc_server *server = connection->server;
	struct err err = { 0 };
	json_t *request = ipc_packet_parse(packet, &err);
	const char *name =
		request ? json_string_value(json_object_get(request, "verb"))
			: NULL;
	const struct ipc_verb *verb = name ? find_verb(server, name) : NULL;
	if (!request)
		drop(connection, "", err.text);
	else if (connection->call)
		drop(connection, "", "a second request before the reply");
	else if (!verb)
		drop(connection, name ? name : "", "no such verb");
	else if (!may_send(server, verb, connection->peer_uid))
		drop(connection, verb->name, "the user may not send it");
	else if (ipc_packet_check(request, verb->fields, &err) < 0)
		drop(connection, verb->name, err.text);
	else
		verb->handler(call_new(connection, verb, request), request,
			server->context);
	json_decref(request);
}

static void
on_readable(evutil_socket_t fd, short what, void *context)
{
	struct ipc_connection *connection = context;
	struct ipc_server *server = connection->server;
	(void)what;
	ssize_t got = recv(fd, server->packet, sizeof(server->packet),
		MSG_DONTWAIT | MSG_TRUNC);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0)
		connection_end(connection);
	else if (got > IPC_PACKET_MAX)
		drop(connection, "", "packet too big");
	else
		serve(connection, (struct span){ server->packet, (size_t)got });
}

static void
connection_begin(struct ipc_server *server, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) {
		close(fd);
		return;
	}
	struct ipc_connection *connection = xmalloc(sizeof(*connection));
	connection->server = server;
	connection->fd = fd;
	connection->peer_uid = peer.uid;
	connection->next = server->first;
	if (connection->next)
		connection->next->previous = connection;
	server->first = connection;
	server->count++;
	connection->read_event = event_new(server->loop, fd,
		EV_READ | EV_PERSIST, on_readable, connection);
	connection->write_event =
		event_new(server->loop, fd, EV_WRITE, on_writable, connection);
	BUG_ON(!connection->read_event || !connection->write_event);
	event_add(connection->read_event, NULL);
}

/* Ends the oldest connection that asks nothing; false when all do. */
static bool
make_room(struct ipc_server *server)
{
	struct ipc_connection *oldest = NULL;
	for (struct ipc_connection *c = server->first; c; c = c->next) {
		if (!c->call && !c->waiting)
			oldest = c;
	}
	if (oldest)
		drop(oldest, "", "too many connections, and it is idle");
	return oldest != NULL;
}

static void
pause_accepting(struct ipc_server *server, const char *reason)
{
	struct timeval wait = { .tv_usec = IPC_ACCEPT_PAUSE_MS * 1000 };
	log_warn("requests have to wait", LOG_TEXT("reason", reason));
	event_del(server->accept_event);
	event_add(server->accept_pause_event, &wait);
}

static void
on_accept_pause_over(evutil_socket_t fd, short what, void *context)
{
	struct ipc_server *server = context;
	(void)fd;
	(void)what;
	event_add(server->accept_event, NULL);
}

static void
on_connection(evutil_socket_t listen_fd, short what, void *context)
{
	struct ipc_server *server = context;
	(void)what;
	if (server->count >= IPC_CONNECTIONS_MAX && !make_room(server)) {
		pause_accepting(server, "too many requests are being handled");
		return;
	}
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		connection_begin(server, fd);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
		 errno == ENOBUFS)
		/* The queue would wake us again at once. */
		pause_accepting(server, strerrorname_np(errno));
}

static void
look_up_senders(struct ipc_senders *senders, const struct ipc_verb *verb)
{
	for (const char *const *user = verb->senders; user && *user; user++) {
		BUG_ON(senders->count == IPC_SENDERS_MAX);
		struct err err = { 0 };
		uid_t uid;
		gid_t gid;
		if (fs_user(*user, &uid, &gid, &err) == 0)
			senders->uids[senders->count++] = uid;
		else
			log_warn("a verb's sender is not known, ignoring it",
				LOG_TEXT("verb", verb->name), LOG_ERR(&err));
	}
}

struct ipc_server *
ipc_server_new(struct event_base *loop, int listen_fd,
	const struct ipc_verb *verbs, void *context)
{
	struct ipc_server *server = xmalloc(sizeof(*server));
	size_t count = 0;
	while (verbs[count].name)
		count++;
	server->loop = loop;
	server->listen_fd = listen_fd;
	server->verbs = verbs;
	server->context = context;
	server->senders = xcalloc(count, sizeof(*server->senders));
	for (size_t i = 0; i < count; i++)
		look_up_senders(&server->senders[i], &verbs[i]);
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
ipc_server_free(struct ipc_server **server)
{
	if (!*server)
		return;
	while ((*server)->first)
		connection_end((*server)->first);
	event_free((*server)->accept_event);
	event_free((*server)->accept_pause_event);
	close((*server)->listen_fd);
	x_free(&(*server)->senders);
	x_free(server);
}

struct json_writer *
ipc_answer(struct ipc_call *call)
{
	if (!call->open) {
		strbuf_reset(&call->text);
		json_writer_init(&call->writer, &call->text);
		json_object_open(&call->writer, NULL);
		call->open = true;
	}
	return &call->writer;
}

/* Closes the object and sends it; a reply that got too long is an error. */
static void
send_answer(struct ipc_call *call, const char *mark)
{
	struct json_writer *w = ipc_answer(call);
	json_bool(w, mark, true);
	json_object_close(w);
	BUG_ON(w->depth != 0);
	call->open = false;
	if (strbuf_overflowed(&call->text)) {
		struct err err = { 0 };
		err_set(&err, ERR_TOO_BIG, "the reply is larger than a packet");
		ipc_packet_write_error(&call->text, &err);
	}
	send_packet(call, call->text.data, call->text.length);
}

void
ipc_progress(struct ipc_call *call)
{
	send_answer(call, "more");
}

void
ipc_reply(struct ipc_call *call)
{
	send_answer(call, "ok");
	call_free(call);
}

void
ipc_fail(struct ipc_call *call, const struct err *err)
{
	ipc_packet_write_error(&call->text, err);
	send_packet(call, call->text.data, call->text.length);
	call_free(call);
}

uid_t
ipc_peer_uid(const struct ipc_call *call)
{
	return call->peer_uid;
}

bool
ipc_is_awaited(const struct ipc_call *call)
{
	return call->connection != NULL;
}
