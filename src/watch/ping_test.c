/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tests of ping.c. The parser gets packets as tables; a round runs against
 * a peer in the same loop: a UDP socket stands in for the raw one, which
 * needs root, and the peer answers with the IP header that a raw socket
 * would deliver.
 */
#include "watch/ping.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "watch/fake_peer.h"

#define ID 0x1234
#define COOKIE "0123456789abcdef"
#define IP20 "\x45\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define IP24 "\x46\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ECHO4 "\0\0\xff\xff\x12\x34\0\x07" COOKIE
#define ECHO6 "\x81\0\xff\xff\x12\x34\0\x07" COOKIE
#define BYTES(text)                                                            \
	{                                                                      \
		text, sizeof(text) - 1                                         \
	}

static const struct {
	const char *name;
	int family;
	struct span packet;
	bool want;
} PACKETS[] = {
	{ "reply", AF_INET, BYTES(IP20 ECHO4), true },
	{ "reply behind options", AF_INET, BYTES(IP24 ECHO4), true },
	{ "more payload than ours", AF_INET, BYTES(IP20 ECHO4 "x"), true },
	{ "reply, IPv6", AF_INET6, BYTES(ECHO6), true },
	{ "nothing", AF_INET, BYTES(""), false },
	{ "nothing, IPv6", AF_INET6, BYTES(""), false },
	{ "header only", AF_INET, BYTES(IP20), false },
	{ "header shorter than it says", AF_INET,
		BYTES("\x4f\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" ECHO4),
		false },
	{ "header of no length", AF_INET,
		BYTES("\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" ECHO4),
		false },
	{ "cookie cut off", AF_INET,
		BYTES(IP20 "\0\0\xff\xff\x12\x34\0\x07"
			   "0123"),
		false },
	{ "request", AF_INET, BYTES(IP20 "\x08\0\xff\xff\x12\x34\0\x07" COOKIE),
		false },
	{ "unreachable", AF_INET,
		BYTES(IP20 "\x03\x01\xff\xff\x12\x34\0\x07" COOKIE), false },
	{ "another's", AF_INET, BYTES(IP20 "\0\0\xff\xff\x12\x35\0\x07" COOKIE),
		false },
	{ "v4 type on v6", AF_INET6, BYTES(ECHO4), false },
};

static void
test_packets(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(PACKETS); i++) {
		struct ping_reply reply;
		bool got = ping_parse_reply(
			PACKETS[i].family, PACKETS[i].packet, ID, &reply);

		if (got != PACKETS[i].want)
			fail_msg("%s: got %d, want %d", PACKETS[i].name, got,
				PACKETS[i].want);
		if (!got)
			continue;
		assert_int_equal(reply.sequence, 7);
		assert_true(span_equal_text(reply.cookie, COOKIE));
	}
}

struct outcome {
	enum ping_state state[PING_ADDRESSES_MAX];
	size_t count;
	int calls;
};

static void
on_done(const enum ping_state *state, size_t count, void *context)
{
	struct outcome *outcome = context;

	memcpy(outcome->state, state, count * sizeof(*state));
	outcome->count = count;
	outcome->calls++;
}

#define PEER "PEER" /* replaced by the answering address */
#define DEAD "127.0.0.1:1"

static const struct {
	const char *name;
	const char *addresses[4];
	enum fake_echo answers;
	size_t count;
	enum ping_state want[3];
} ROUNDS[] = {
	{ "one answers", { PEER }, FAKE_ECHO_RIGHT, 1, { PING_ANSWERED } },
	{ "one is silent", { DEAD }, FAKE_ECHO_RIGHT, 1, { PING_SILENT } },
	{ "one of three silent", { PEER, DEAD, PEER }, FAKE_ECHO_RIGHT, 3,
		{ PING_ANSWERED, PING_SILENT, PING_ANSWERED } },
	{ "two of three silent", { PEER, DEAD, DEAD }, FAKE_ECHO_RIGHT, 3,
		{ PING_ANSWERED, PING_SILENT, PING_SILENT } },
	{ "answers to the second request", { PEER }, FAKE_ECHO_SECOND, 1,
		{ PING_ANSWERED } },
	{ "wrong cookie", { PEER }, FAKE_ECHO_WRONG_COOKIE, 1,
		{ PING_SILENT } },
	{ "no permission for IPv6", { "::1", PEER }, FAKE_ECHO_RIGHT, 2,
		{ PING_SKIPPED, PING_ANSWERED } },
	{ "no address at all", { "nonsense" }, FAKE_ECHO_RIGHT, 1,
		{ PING_SKIPPED } },
	{ "empty list", { NULL }, FAKE_ECHO_RIGHT, 0, { PING_WAITING } },
};

static void
run_round(size_t index)
{
	struct event_base *loop = event_base_new();
	struct fake_echo_peer *peer =
		fake_echo_new(loop, ROUNDS[index].answers);
	const char *addresses[4] = { NULL };
	struct outcome outcome = { 0 };
	struct ping_options options = {
		.sockets = { fake_udp_socket(), -1 },
		.addresses = addresses,
		.attempts = 3,
		.interval_ms = 20,
	};

	for (size_t i = 0; ROUNDS[index].addresses[i]; i++)
		addresses[i] = strcmp(ROUNDS[index].addresses[i], PEER) == 0
				       ? fake_echo_address(peer)
				       : ROUNDS[index].addresses[i];
	(void)ping_start(loop, &options, on_done, &outcome);
	assert_int_equal(outcome.calls, 0);
	while (outcome.calls == 0)
		event_base_loop(loop, EVLOOP_ONCE);
	assert_int_equal(outcome.count, ROUNDS[index].count);
	for (size_t i = 0; i < outcome.count; i++)
		if (outcome.state[i] != ROUNDS[index].want[i])
			fail_msg("%s: address %zu: got %d, want %d",
				ROUNDS[index].name, i, outcome.state[i],
				ROUNDS[index].want[i]);
	ping_sockets_close(&options.sockets);
	fake_echo_free(&peer);
	event_base_free(loop);
}

static void
test_rounds(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(ROUNDS); i++)
		run_round(i);
}

static void
test_cancel(void **state UNUSED)
{
	struct event_base *loop = event_base_new();
	const char *addresses[] = { DEAD, NULL };
	struct outcome outcome = { 0 };
	struct ping_options options = {
		.sockets = { fake_udp_socket(), -1 },
		.addresses = addresses,
		.attempts = 1,
		.interval_ms = 1,
	};
	struct ping *ping = ping_start(loop, &options, on_done, &outcome);

	ping_cancel(&ping);
	assert_null(ping);
	ping_cancel(&ping);
	event_base_dispatch(loop);
	assert_int_equal(outcome.calls, 0);
	ping_sockets_close(&options.sockets);
	event_base_free(loop);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_packets),
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_cancel),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
