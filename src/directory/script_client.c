/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The request fits any socket buffer. What comes back is what the program
 * writes to its standard output, and in the end '+' or '-' and a line end.
 */
#include "directory/script_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/strbuf.h"

#define REQUEST_MAX 4096
#define REPLY_MAX 4096
#define MS_PER_S 1000
#define GRACE_MS 2000 /* until Dovecot's own alarm has been heard of */

struct script_client {
	int fd; /* -1: it could not be asked */
	struct event *event;
	int64_t until_ms;
	struct strbuf reply;
	struct err err;
	script_client_fn *done;
	void *context;
};

static void
finish(struct script_client *client, const struct err *err)
{
	script_client_fn *done = client->done;
	void *context = client->context;
	struct err copy = { 0 };

	if (err != NULL)
		copy = *err;
	event_free(client->event);
	if (client->fd >= 0)
		(void)close(client->fd);
	strbuf_deinit(&client->reply);
	x_free(&client);
	done(err == NULL ? NULL : &copy, context);
}

static void
judge(struct script_client *client)
{
	const struct strbuf *reply = &client->reply;
	bool is_good = reply->length >= 2 &&
		       memcmp(reply->data + reply->length - 2, "+\n", 2) == 0;

	if (!is_good)
		(void)err_set(&client->err, ERR_UNAVAILABLE,
			"the program failed, Dovecot's log says why");
	finish(client, is_good ? NULL : &client->err);
}

static void
wait_on(struct script_client *client)
{
	int64_t left_ms = client->until_ms - clock_monotonic_ms();
	const struct timeval wait = { .tv_sec = left_ms > 0 ? left_ms / MS_PER_S
							    : 0,
		.tv_usec = left_ms > 0 ? left_ms % MS_PER_S * 1000 : 0 };

	(void)event_add(client->event, &wait);
}

static void
on_event(evutil_socket_t fd, short what, void *context)
{
	struct script_client *client = context;
	char chunk[512];
	ssize_t got;

	if (client->fd < 0 || (what & EV_READ) == 0) {
		if (client->fd >= 0)
			(void)err_set(&client->err, ERR_UNAVAILABLE,
				"the program does not end");
		finish(client, &client->err);
		return;
	}
	got = read(fd, chunk, sizeof(chunk));
	if (got > 0)
		strbuf_add(&client->reply, chunk, (size_t)got);
	if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
		wait_on(client);
	else
		judge(client);
}

static int
connect_to(struct script_client *client, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(
			&client->err, ERR_INVALID, "socket path too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	client->fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (client->fd < 0)
		return err_errno(&client->err, errno, "socket");
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) ==
		0)
		return 0;
	(void)err_errno(&client->err, errno, "nobody answers at %s", path);
	client->err.code = ERR_UNAVAILABLE;
	return -1;
}

static int
send_request(struct script_client *client, const char *const *arguments,
	int deadline_ms)
{
	struct strbuf request;
	bool sent;

	strbuf_init(&request, REQUEST_MAX);
	/* "-": an answer is wanted. */
	strbuf_printf(&request, "VERSION\tscript\t4\t0\nalarm=%d\n-\n",
		deadline_ms / MS_PER_S);
	for (size_t i = 0; arguments[i] != NULL; i++)
		strbuf_printf(&request, "%s\n", arguments[i]);
	strbuf_add_char(&request, '\n');
	BUG_ON(strbuf_overflowed(&request));
	sent = send(client->fd, request.data, request.length, MSG_NOSIGNAL) ==
	       (ssize_t)request.length;
	strbuf_deinit(&request);
	if (sent)
		return 0;
	return err_set(&client->err, ERR_UNAVAILABLE, "Dovecot does not read");
}

void
script_client_run(struct event_base *loop, const char *socket_path,
	const char *const *arguments, int deadline_ms, script_client_fn *done,
	void *context)
{
	struct script_client *client = xmalloc(sizeof(*client));

	client->fd = -1;
	client->done = done;
	client->context = context;
	client->until_ms = clock_monotonic_ms() + deadline_ms + GRACE_MS;
	strbuf_init(&client->reply, REPLY_MAX);
	if (connect_to(client, socket_path) < 0 ||
		send_request(client, arguments, deadline_ms) < 0) {
		if (client->fd >= 0)
			(void)close(client->fd);
		client->fd = -1;
		client->until_ms = 0; /* told from the loop */
	}
	client->event = event_new(loop, client->fd,
		client->fd < 0 ? 0 : EV_READ, on_event, client);
	BUG_ON(client->event == NULL);
	wait_on(client);
}
