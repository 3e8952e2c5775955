/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tests of resolver_check.c: what verdict comes from which answers, with
 * a DNS server and an echo peer in the loop of the test. Limits are those
 * of the product divided by some hundred.
 */
#include "watch/resolver_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "watch/fake_peer.h"

#define NAMES 3
#define DEAD "127.0.0.1:1"
#define LIMIT_MS 400
#define SLACK_MS 400 /* of a busy machine */

enum pings {
	PING_LIST_EMPTY,
	ALL_ANSWER,
	ONE_SILENT,
	ALL_SILENT,
	FORBIDDEN
};

static const struct {
	const char *name;
	enum fake_dns dns[NAMES];
	enum pings pings;
	bool skip;
	bool healthy;
	const char *text; /* part of the result's */
} CASES[] = {
	{ "all is well", { FAKE_DNS_DATA, FAKE_DNS_DATA, FAKE_DNS_DATA },
		ALL_ANSWER, false, true, "the resolver answers" },
	{ "one name of three",
		{ FAKE_DNS_SILENT, FAKE_DNS_NXDOMAIN, FAKE_DNS_DATA },
		ALL_ANSWER, false, true, "answers" },
	{ "an empty answer is not data",
		{ FAKE_DNS_EMPTY, FAKE_DNS_EMPTY, FAKE_DNS_EMPTY }, ALL_ANSWER,
		false, false, "dns failed (n0.example: empty answer" },
	{ "an alias is not data",
		{ FAKE_DNS_CNAME, FAKE_DNS_CNAME, FAKE_DNS_CNAME }, ALL_ANSWER,
		false, false, "dns failed" },
	{ "no such names",
		{ FAKE_DNS_NXDOMAIN, FAKE_DNS_NXDOMAIN, FAKE_DNS_NXDOMAIN },
		ALL_ANSWER, false, false,
		"dns failed (n0.example: no such name" },
	{ "failing resolver",
		{ FAKE_DNS_SERVFAIL, FAKE_DNS_SERVFAIL, FAKE_DNS_SERVFAIL },
		ALL_ANSWER, false, false,
		"dns failed (n0.example: server failure" },
	{ "failing at first",
		{ FAKE_DNS_SECOND, FAKE_DNS_SERVFAIL, FAKE_DNS_SERVFAIL },
		ALL_ANSWER, false, true, "answers" },
	{ "dns blocked", { FAKE_DNS_SILENT, FAKE_DNS_SILENT, FAKE_DNS_SILENT },
		ALL_ANSWER, false, false, "dns failed (n0.example: no answer" },
	{ "ping blocked", { FAKE_DNS_DATA, FAKE_DNS_DATA, FAKE_DNS_DATA },
		ALL_SILENT, false, false,
		"ping failed (127.0.0.1:1, 127.0.0.1:1 silent)" },
	{ "both blocked", { FAKE_DNS_SILENT, FAKE_DNS_SILENT, FAKE_DNS_SILENT },
		ALL_SILENT, false, false, "; ping failed" },
	{ "one address silent", { FAKE_DNS_DATA, FAKE_DNS_DATA, FAKE_DNS_DATA },
		ONE_SILENT, false, true, "answers" },
	{ "no addresses", { FAKE_DNS_DATA, FAKE_DNS_DATA, FAKE_DNS_DATA },
		PING_LIST_EMPTY, false, true, "answers" },
	{ "ping not permitted", { FAKE_DNS_DATA, FAKE_DNS_DATA, FAKE_DNS_DATA },
		FORBIDDEN, false, true, "answers" },
	{ "both blocked, but skipped",
		{ FAKE_DNS_SILENT, FAKE_DNS_SILENT, FAKE_DNS_SILENT },
		ALL_SILENT, true, true, "the check is switched off" },
};

struct outcome {
	struct resolver_result result;
	int calls;
};

static void
on_done(const struct resolver_result *result, void *context)
{
	struct outcome *outcome = context;

	outcome->result = *result;
	outcome->calls++;
}

static void
choose_addresses(enum pings pings, const char *peer, const char *out[3])
{
	out[2] = NULL;
	out[0] = pings == ALL_SILENT ? DEAD : peer;
	out[1] = pings == ALL_ANSWER ? peer : DEAD;
	if (pings == PING_LIST_EMPTY)
		out[0] = NULL;
}

static void
run_case(size_t index)
{
	static const char *const names[] = { "n0.example", "n1.example",
		"n2.example", NULL };
	struct event_base *loop = event_base_new();
	struct fake_dns_server *server =
		fake_dns_new(loop, CASES[index].dns, NAMES);
	struct fake_echo_peer *peer = fake_echo_new(loop, FAKE_ECHO_RIGHT);
	bool forbidden = CASES[index].pings == FORBIDDEN;
	const char *addresses[3];
	struct outcome outcome = { 0 };
	struct resolver_check_options options = {
		.skip = CASES[index].skip,
		.dns = { fake_dns_address(server), names, LIMIT_MS / 2, 20 },
		.ping = { { forbidden ? -1 : fake_udp_socket(), -1 }, addresses,
			3, 40 },
		.limit_ms = LIMIT_MS,
	};
	int64_t begun = clock_monotonic_ms();

	choose_addresses(
		CASES[index].pings, fake_echo_address(peer), addresses);
	(void)resolver_check_start(loop, &options, on_done, &outcome);
	assert_int_equal(outcome.calls, 0);
	while (outcome.calls == 0)
		event_base_loop(loop, EVLOOP_ONCE);
	if (outcome.result.healthy != CASES[index].healthy ||
		!strstr(outcome.result.text, CASES[index].text))
		fail_msg("%s: got %d \"%s\", want %d \"%s\"", CASES[index].name,
			outcome.result.healthy, outcome.result.text,
			CASES[index].healthy, CASES[index].text);
	assert_true(clock_monotonic_ms() - begun < LIMIT_MS + SLACK_MS);
	if (CASES[index].skip)
		assert_int_equal(fake_dns_queries(server), 0);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	assert_int_equal(outcome.calls, 1);
	ping_sockets_close(&options.ping.sockets);
	fake_echo_free(&peer);
	fake_dns_free(&server);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	event_base_free(loop);
}

static void
test_verdicts(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		run_case(i);
}

/* Nobody listens there: refused at once, asked again until the limit. */
static void
test_no_resolver(void **state UNUSED)
{
	static const char *const names[] = { "n0.example", NULL };
	static const char *const none[] = { NULL };
	struct event_base *loop = event_base_new();
	struct outcome outcome = { 0 };
	struct resolver_check_options options = {
		.dns = { DEAD, names, LIMIT_MS / 2, 20 },
		.ping = { { -1, -1 }, none, 3, 40 },
		.limit_ms = LIMIT_MS,
	};

	(void)resolver_check_start(loop, &options, on_done, &outcome);
	while (outcome.calls == 0)
		event_base_loop(loop, EVLOOP_ONCE);
	assert_false(outcome.result.healthy);
	assert_non_null(strstr(outcome.result.text, "nobody listens"));
	event_base_loop(loop, EVLOOP_NONBLOCK);
	event_base_free(loop);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_no_resolver),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
