/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DNS side is libevent's own little server. */
#include "watch/fake_peer.h"

#include <arpa/inet.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

#define IP_HEADER_SIZE 20
#define ADDRESS_SIZE 32
#define NAMES_MAX 8
#define SERVER_FAILED 2 /* RCODE */
#define NAME_ERROR 3
#define ANSWER_TTL 60

struct fake_echo_peer {
	enum fake_echo answers;
	int fd;
	int requests;
	struct event *readable;
	char address[ADDRESS_SIZE];
};

struct fake_dns_server {
	enum fake_dns answers[NAMES_MAX];
	int asked[NAMES_MAX];
	size_t count;
	int queries;
	struct evdns_server_port *port;
	char address[ADDRESS_SIZE];
};

int
fake_udp_socket(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	BUG_ON(fd < 0);
	BUG_ON(bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	return fd;
}

static void
print_address(int fd, char out[ADDRESS_SIZE])
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	BUG_ON(getsockname(fd, (struct sockaddr *)&address, &length) < 0);
	snprintf(out, ADDRESS_SIZE, "127.0.0.1:%u", ntohs(address.sin_port));
}

static void
on_echo(evutil_socket_t fd, short what UNUSED, void *context)
{
	struct fake_echo_peer *peer = context;
	unsigned char packet[1500] = { 0x45 };
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	ssize_t n = recvfrom(fd, packet + IP_HEADER_SIZE,
		sizeof(packet) - IP_HEADER_SIZE, 0, (struct sockaddr *)&from,
		&length);

	if (n <= 0)
		return;
	peer->requests++;
	if (peer->answers == FAKE_ECHO_NONE ||
		(peer->answers == FAKE_ECHO_SECOND && peer->requests == 1))
		return;
	packet[IP_HEADER_SIZE] = 0; /* echo reply */
	if (peer->answers == FAKE_ECHO_WRONG_COOKIE)
		packet[IP_HEADER_SIZE + n - 1] ^= 1;
	BUG_ON(sendto(fd, packet, IP_HEADER_SIZE + (size_t)n, 0,
		       (struct sockaddr *)&from, length) < 0);
}

struct fake_echo_peer *
fake_echo_new(struct event_base *loop, enum fake_echo answers)
{
	struct fake_echo_peer *peer = xmalloc(sizeof(*peer));

	peer->answers = answers;
	peer->fd = fake_udp_socket();
	print_address(peer->fd, peer->address);
	peer->readable =
		event_new(loop, peer->fd, EV_READ | EV_PERSIST, on_echo, peer);
	event_add(peer->readable, NULL);
	return peer;
}

const char *
fake_echo_address(const struct fake_echo_peer *peer)
{
	return peer->address;
}

void
fake_echo_free(struct fake_echo_peer **peer)
{
	event_free((*peer)->readable);
	close((*peer)->fd);
	x_free(peer);
}

/* evdns writes names in mixed case, on purpose (0x20). */
static size_t
name_index(const struct fake_dns_server *server, const char *name)
{
	BUG_ON(name[0] != 'n' && name[0] != 'N');
	BUG_ON((size_t)(name[1] - '0') >= server->count);
	return (size_t)(name[1] - '0');
}

static void
answer(struct evdns_server_request *request, const char *name,
	enum fake_dns what, bool first)
{
	struct in_addr address = { htonl(0xc0000201) }; /* 192.0.2.1 */
	int rcode = 0;

	switch (what) {
	case FAKE_DNS_SILENT:
		evdns_server_request_drop(request);
		return;
	case FAKE_DNS_NXDOMAIN:
		rcode = NAME_ERROR;
		break;
	case FAKE_DNS_SERVFAIL:
		rcode = SERVER_FAILED;
		break;
	case FAKE_DNS_CNAME:
		BUG_ON(evdns_server_request_add_cname_reply(request, name,
			       "elsewhere.example", ANSWER_TTL) != 0);
		break;
	case FAKE_DNS_SECOND:
		rcode = first ? SERVER_FAILED : 0;
		if (first)
			break;
		/* fall through */
	case FAKE_DNS_DATA:
		BUG_ON(evdns_server_request_add_a_reply(
			       request, name, 1, &address, ANSWER_TTL) != 0);
		break;
	case FAKE_DNS_EMPTY:
		break;
	}
	BUG_ON(evdns_server_request_respond(request, rcode) < 0);
}

static void
on_query(struct evdns_server_request *request, void *context)
{
	struct fake_dns_server *server = context;
	const char *name = request->questions[0]->name;
	size_t index = name_index(server, name);

	server->queries++;
	answer(request, name, server->answers[index],
		server->asked[index]++ == 0);
}

struct fake_dns_server *
fake_dns_new(
	struct event_base *loop, const enum fake_dns *answers, size_t count)
{
	struct fake_dns_server *server = xmalloc(sizeof(*server));
	int fd = fake_udp_socket();

	BUG_ON(count > NAMES_MAX);
	memcpy(server->answers, answers, count * sizeof(*answers));
	server->count = count;
	print_address(fd, server->address);
	server->port =
		evdns_add_server_port_with_base(loop, fd, 0, on_query, server);
	return server;
}

const char *
fake_dns_address(const struct fake_dns_server *server)
{
	return server->address;
}

int
fake_dns_queries(const struct fake_dns_server *server)
{
	return server->queries;
}

void
fake_dns_free(struct fake_dns_server **server)
{
	evdns_close_server_port((*server)->port); /* and its socket */
	x_free(server);
}
