/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One round of ICMP echo (RFC 792, RFC 4443) to a few addresses: which of
 * them answers? The sockets are opened as root, before the jail; without
 * the right to do so there is no ping, which is an answer too. A reply
 * counts when it carries the round's unpredictable cookie.
 */
#ifndef WATCH_PING_H
#define WATCH_PING_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define PING_ADDRESSES_MAX 16
#define PING_COOKIE_SIZE 16

struct ping_sockets {
	int v4; /* -1: not permitted, or no such protocol */
	int v6;
};

enum ping_state {
	PING_WAITING,
	PING_ANSWERED,
	PING_SILENT,
	PING_SKIPPED
};

struct ping;

/*
 * state[i] is about addresses[i]; none is PING_WAITING any more. The round
 * ends early when all answered, or all but one of several: that one counts
 * as silent.
 */
typedef void ping_done_fn(
	const enum ping_state *state, size_t count, void *context);

struct ping_options {
	struct ping_sockets sockets;
	const char *const *addresses; /* NULL-ended; outlive the round */
	int attempts; /* echo requests to each address */
	int interval_ms; /* between them, and after the last one */
};

void ping_sockets_open(struct ping_sockets *sockets);
void ping_sockets_close(struct ping_sockets *sockets);
/* done is called once, never from within this call. */
struct ping *ping_start(struct event_base *loop,
	const struct ping_options *options, ping_done_fn *done, void *context);
/* Before done: it is not called then. Clears the pointer; accepts NULL. */
void ping_cancel(struct ping **ping);

struct ping_reply {
	uint16_t sequence;
	struct span cookie;
};

/*
 * An echo reply as a raw socket delivers it: with the IP header for IPv4,
 * without for IPv6. False when it is anything else.
 */
bool ping_parse_reply(int family, struct span packet, uint16_t id,
	struct ping_reply *reply_out);

#endif
