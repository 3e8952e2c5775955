/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sequence number of a request is the index of its address, so that a
 * late reply to an earlier request counts as well. Every ICMP message of
 * the machine comes to a raw socket; the kernel is told to pass on echo
 * replies only, and the rest is decided by identifier and cookie.
 */
#include "watch/ping.h"

#include <event2/util.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/random.h"

#define IPV4_HEADER_MIN 20
#define ICMP_HEADER_SIZE 8
#define PACKET_MAX 1500
#define RECEIVE_BUFFER (32 * 1024)

/* The same layout for both families (RFC 792 p. 14, RFC 4443 4.1). */
struct echo {
	uint8_t type;
	uint8_t code;
	uint16_t checksum; /* the kernel fills it in for IPv6 */
	uint16_t id;
	uint16_t sequence;
	uint8_t cookie[PING_COOKIE_SIZE];
};

struct ping {
	struct ping_options options;
	struct sockaddr_storage to[PING_ADDRESSES_MAX];
	socklen_t to_length[PING_ADDRESSES_MAX];
	enum ping_state state[PING_ADDRESSES_MAX];
	size_t count;
	int sent; /* attempts */
	uint16_t id;
	uint8_t cookie[PING_COOKIE_SIZE];
	struct event *timer;
	struct event *readable_v4;
	struct event *readable_v6;
	ping_done_fn *done;
	void *context;
};

static int
open_raw(int family, int protocol)
{
	int size = RECEIVE_BUFFER;
	int fd = socket(
		family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);

	if (fd >= 0) /* best effort: it limits memory, nothing else */
		(void)setsockopt(
			fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

void
ping_sockets_open(struct ping_sockets *sockets)
{
	struct icmp_filter filter_v4 = { ~(1U << ICMP_ECHOREPLY) };
	struct icmp6_filter filter_v6;

	sockets->v4 = open_raw(AF_INET, IPPROTO_ICMP);
	sockets->v6 = open_raw(AF_INET6, IPPROTO_ICMPV6);
	ICMP6_FILTER_SETBLOCKALL(&filter_v6);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter_v6);
	/* Without the filters we only see more packets to ignore. */
	if (sockets->v4 >= 0)
		(void)setsockopt(sockets->v4, SOL_RAW, ICMP_FILTER, &filter_v4,
			sizeof(filter_v4));
	if (sockets->v6 >= 0)
		(void)setsockopt(sockets->v6, IPPROTO_ICMPV6, ICMP6_FILTER,
			&filter_v6, sizeof(filter_v6));
}

void
ping_sockets_close(struct ping_sockets *sockets)
{
	if (sockets->v4 >= 0)
		close(sockets->v4);
	if (sockets->v6 >= 0)
		close(sockets->v6);
	sockets->v4 = -1;
	sockets->v6 = -1;
}

/* RFC 1071. */
static uint16_t
internet_checksum(const void *data, size_t length)
{
	const uint8_t *bytes = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < length; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

bool
ping_parse_reply(int family, struct span packet, uint16_t id,
	struct ping_reply *reply_out)
{
	uint8_t want = family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
	struct echo echo;

	if (family == AF_INET) {
		size_t header;

		if (packet.length < IPV4_HEADER_MIN)
			return false;
		header = (size_t)(packet.data[0] & 0x0f) * 4;
		if (header < IPV4_HEADER_MIN || packet.length < header)
			return false;
		packet.data += header;
		packet.length -= header;
	}
	if (packet.length < sizeof(echo))
		return false;
	memcpy(&echo, packet.data, sizeof(echo));
	if (echo.type != want || echo.code != 0 || ntohs(echo.id) != id)
		return false;
	reply_out->sequence = ntohs(echo.sequence);
	reply_out->cookie = (struct span){ packet.data + ICMP_HEADER_SIZE,
		PING_COOKIE_SIZE };
	return true;
}

static int
socket_for(const struct ping *ping, size_t index)
{
	return ping->to[index].ss_family == AF_INET6 ? ping->options.sockets.v6
						     : ping->options.sockets.v4;
}

/* A request that cannot be sent is one without an answer. */
static void
send_request(struct ping *ping, size_t index)
{
	bool v6 = ping->to[index].ss_family == AF_INET6;
	struct echo echo = {
		.type = v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.id = htons(ping->id),
		.sequence = htons((uint16_t)index),
	};

	memcpy(echo.cookie, ping->cookie, sizeof(echo.cookie));
	if (!v6)
		echo.checksum = internet_checksum(&echo, sizeof(echo));
	(void)sendto(socket_for(ping, index), &echo, sizeof(echo), MSG_NOSIGNAL,
		(const struct sockaddr *)&ping->to[index],
		ping->to_length[index]);
}

static void
free_events(struct ping *ping)
{
	struct event **const events[] = { &ping->timer, &ping->readable_v4,
		&ping->readable_v6 };

	for (size_t i = 0; i < ARRAY_LENGTH(events); i++) {
		if (*events[i])
			event_free(*events[i]);
		*events[i] = NULL;
	}
}

/* Among several addresses, one need not be waited for. */
static bool
is_certain(const struct ping *ping)
{
	size_t asked = 0;
	size_t waiting = 0;

	for (size_t i = 0; i < ping->count; i++) {
		asked += ping->state[i] != PING_SKIPPED;
		waiting += ping->state[i] == PING_WAITING;
	}
	return waiting == 0 || (waiting == 1 && asked > 1);
}

static void
finish(struct ping *ping)
{
	for (size_t i = 0; i < ping->count; i++)
		if (ping->state[i] == PING_WAITING)
			ping->state[i] = PING_SILENT;
	free_events(ping);
	ping->done(ping->state, ping->count, ping->context);
	x_free(&ping);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct ping *ping = context;
	struct timeval wait = {
		.tv_sec = ping->options.interval_ms / 1000,
		.tv_usec = ping->options.interval_ms % 1000 * 1000,
	};

	if (is_certain(ping) || ping->sent == ping->options.attempts) {
		finish(ping);
		return;
	}
	for (size_t i = 0; i < ping->count; i++)
		if (ping->state[i] == PING_WAITING)
			send_request(ping, i);
	ping->sent++;
	event_add(ping->timer, &wait);
}

static void
take_packet(struct ping *ping, int family, struct span packet)
{
	struct ping_reply reply;

	if (ping_parse_reply(family, packet, ping->id, &reply) &&
		reply.sequence < ping->count &&
		ping->to[reply.sequence].ss_family == family &&
		memcmp(reply.cookie.data, ping->cookie, PING_COOKIE_SIZE) == 0)
		ping->state[reply.sequence] = PING_ANSWERED;
}

static void
on_readable(evutil_socket_t fd, short what UNUSED, void *context)
{
	struct ping *ping = context;
	int family = fd == ping->options.sockets.v6 ? AF_INET6 : AF_INET;
	char packet[PACKET_MAX];
	ssize_t n;

	while ((n = recv(fd, packet, sizeof(packet), 0)) > 0)
		take_packet(ping, family, (struct span){ packet, (size_t)n });
	if (is_certain(ping))
		finish(ping);
}

static void
add_address(struct ping *ping, const char *text)
{
	size_t index = ping->count++;
	int length = sizeof(ping->to[index]);

	if (evutil_parse_sockaddr_port(
		    text, (struct sockaddr *)&ping->to[index], &length) < 0)
		ping->state[index] = PING_SKIPPED;
	ping->to_length[index] = (socklen_t)length;
	if (socket_for(ping, index) < 0)
		ping->state[index] = PING_SKIPPED;
}

static struct event *
watch_socket(struct ping *ping, struct event_base *loop, int fd)
{
	struct event *event;

	if (fd < 0)
		return NULL;
	event = event_new(loop, fd, EV_READ | EV_PERSIST, on_readable, ping);
	event_add(event, NULL);
	return event;
}

struct ping *
ping_start(struct event_base *loop, const struct ping_options *options,
	ping_done_fn *done, void *context)
{
	struct ping *ping = xmalloc(sizeof(*ping));
	struct timeval now = { 0 };

	ping->options = *options;
	ping->done = done;
	ping->context = context;
	random_bytes(&ping->id, sizeof(ping->id));
	random_bytes(ping->cookie, sizeof(ping->cookie));
	for (size_t i = 0; options->addresses[i] && i < PING_ADDRESSES_MAX; i++)
		add_address(ping, options->addresses[i]);
	ping->readable_v4 = watch_socket(ping, loop, options->sockets.v4);
	ping->readable_v6 = watch_socket(ping, loop, options->sockets.v6);
	ping->timer = evtimer_new(loop, on_timer, ping);
	event_add(ping->timer, &now);
	return ping;
}

void
ping_cancel(struct ping **ping)
{
	if (!*ping)
		return;
	free_events(*ping);
	x_free(ping);
}
