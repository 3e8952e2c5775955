/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the tests of this folder: peers on loopback, in the loop of the
 * test, that answer as a table says. No network is used beyond 127.0.0.1.
 */
#ifndef WATCH_FAKE_PEER_H
#define WATCH_FAKE_PEER_H

#include <event2/event.h>
#include <stddef.h>

enum fake_echo {
	FAKE_ECHO_RIGHT,
	FAKE_ECHO_SECOND, /* the first request is lost */
	FAKE_ECHO_WRONG_COOKIE,
	FAKE_ECHO_NONE
};

struct fake_echo_peer;

/* A bound, non-blocking UDP socket on 127.0.0.1. */
int fake_udp_socket(void);
/* Answers ICMP echo requests that come as UDP payload. */
struct fake_echo_peer *fake_echo_new(
	struct event_base *loop, enum fake_echo answers);
const char *fake_echo_address(const struct fake_echo_peer *peer);
void fake_echo_free(struct fake_echo_peer **peer);

enum fake_dns {
	FAKE_DNS_DATA,
	FAKE_DNS_EMPTY, /* NOERROR without an answer */
	FAKE_DNS_CNAME, /* an alias and nothing behind it */
	FAKE_DNS_NXDOMAIN,
	FAKE_DNS_SERVFAIL,
	FAKE_DNS_SECOND, /* SERVFAIL first, then data */
	FAKE_DNS_SILENT
};

struct fake_dns_server;

/* answers[i] is for the name "n<i>.example". */
struct fake_dns_server *fake_dns_new(
	struct event_base *loop, const enum fake_dns *answers, size_t count);
const char *fake_dns_address(const struct fake_dns_server *server);
int fake_dns_queries(const struct fake_dns_server *server);
void fake_dns_free(struct fake_dns_server **server);

#endif
