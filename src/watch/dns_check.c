/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One connected socket per check: the kernel gives it a fresh port, drops
 * what does not come from the resolver, and tells when nobody listens.
 */
#include "watch/dns_check.h"

#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/strbuf.h"
#include "watch/dns_message.h"

#define DNS_PORT 53

struct query {
	const char *name;
	uint16_t id;
	enum dns_answer answer; /* the last one */
};

struct dns_check {
	struct dns_check_options options;
	struct query queries[DNS_CHECK_NAMES_MAX];
	size_t count;
	int fd; /* -1: no socket */
	struct event *readable;
	struct event *again;
	struct event *limit;
	dns_check_done_fn *done;
	void *context;
};

static struct timeval
interval(int ms)
{
	return (struct timeval){ .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };
}

static void
free_check(struct dns_check *check)
{
	if (check->readable)
		event_free(check->readable);
	if (check->fd >= 0)
		close(check->fd);
	event_free(check->again);
	event_free(check->limit);
	x_free(&check);
}

static void
finish(struct dns_check *check, bool answered)
{
	struct strbuf text;

	strbuf_init(&text, DNS_CHECK_TEXT_SIZE);
	for (size_t i = 0; !answered && i < check->count; i++)
		strbuf_printf(&text, "%s%s: %s", i > 0 ? ", " : "",
			check->queries[i].name,
			dns_answer_text(check->queries[i].answer));
	check->done(answered, text.data, check->context);
	strbuf_deinit(&text);
	free_check(check);
}

static bool
is_final(enum dns_answer answer)
{
	return answer == DNS_EMPTY || answer == DNS_NO_NAME;
}

static bool
is_hopeless(const struct dns_check *check)
{
	for (size_t i = 0; i < check->count; i++)
		if (!is_final(check->queries[i].answer))
			return false;
	return true;
}

/* An error of the socket is about the last query, thus about all. */
static void
take_error(struct dns_check *check, int cause)
{
	for (size_t i = 0; i < check->count; i++)
		if (!is_final(check->queries[i].answer))
			check->queries[i].answer = cause == ECONNREFUSED
							   ? DNS_REFUSED
							   : DNS_SILENCE;
}

/* The query that is answered with data, if this reply does so. */
static bool
take_reply(struct dns_check *check, struct span reply)
{
	for (size_t i = 0; i < check->count; i++) {
		struct query *query = &check->queries[i];
		enum dns_answer answer =
			dns_message_judge(reply, query->name, query->id);

		if (answer != DNS_FOREIGN)
			query->answer = answer;
		if (answer == DNS_DATA)
			return true;
	}
	return false;
}

static void
on_readable(evutil_socket_t fd, short what UNUSED, void *context)
{
	struct dns_check *check = context;
	char reply[DNS_REPLY_MAX];
	ssize_t n;

	while ((n = recv(fd, reply, sizeof(reply), 0)) >= 0) {
		if (!take_reply(check, (struct span){ reply, (size_t)n }))
			continue;
		finish(check, true);
		return;
	}
	if (errno != EAGAIN && errno != EINTR)
		take_error(check, errno);
	if (is_hopeless(check))
		finish(check, false);
}

static void
ask(struct dns_check *check, const struct query *query)
{
	unsigned char message[DNS_QUERY_MAX];
	size_t length = dns_message_query(query->name, query->id, message);

	/* The error that is pending belongs to an earlier query. */
	if (send(check->fd, message, length, MSG_NOSIGNAL) < 0 &&
		errno == ECONNREFUSED)
		(void)send(check->fd, message, length, MSG_NOSIGNAL);
}

static void
on_again(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct dns_check *check = context;
	struct timeval again = interval(check->options.again_ms);

	for (size_t i = 0; i < check->count; i++)
		if (!is_final(check->queries[i].answer))
			ask(check, &check->queries[i]);
	event_add(check->again, &again);
}

static void
on_limit(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	finish(context, false);
}

static int
connect_to(const char *resolver)
{
	struct sockaddr_storage address = { 0 };
	int length = sizeof(address);
	/* sin_port and sin6_port are at the same place. */
	in_port_t *port = &((struct sockaddr_in *)&address)->sin_port;
	int fd;

	if (evutil_parse_sockaddr_port(
		    resolver, (struct sockaddr *)&address, &length) < 0)
		return -1;
	if (*port == 0)
		*port = htons(DNS_PORT);
	fd = socket(address.ss_family,
		SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
			       (socklen_t)length) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

struct dns_check *
dns_check_start(struct event_base *loop,
	const struct dns_check_options *options, dns_check_done_fn *done,
	void *context)
{
	struct dns_check *check = xmalloc(sizeof(*check));
	struct timeval limit = interval(options->limit_ms);
	struct timeval now = { 0 };

	check->options = *options;
	check->done = done;
	check->context = context;
	check->limit = evtimer_new(loop, on_limit, check);
	check->again = evtimer_new(loop, on_again, check);
	for (size_t i = 0; i < DNS_CHECK_NAMES_MAX && options->names[i]; i++) {
		struct query *query = &check->queries[check->count++];

		query->name = options->names[i];
		random_bytes(&query->id, sizeof(query->id));
	}
	check->fd = connect_to(options->resolver);
	if (check->fd >= 0) {
		check->readable = event_new(loop, check->fd,
			EV_READ | EV_PERSIST, on_readable, check);
		event_add(check->readable, NULL);
		event_add(check->again, &now);
		event_add(check->limit, &limit);
	} else {
		event_add(check->limit, &now);
	}
	return check;
}

void
dns_check_cancel(struct dns_check **check)
{
	if (*check)
		free_check(*check);
	*check = NULL;
}
