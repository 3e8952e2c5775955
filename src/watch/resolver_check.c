/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two parts run side by side, each ends by itself; the whole ends with the
 * later of them or at the limit, when what is still open has failed.
 */
#include "watch/resolver_check.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

enum part_state {
	PART_NOT_ASKED,
	PART_OPEN,
	PART_HEALTHY,
	PART_FAILED
};

struct part {
	enum part_state state;
	char text[RESOLVER_CHECK_TEXT_SIZE];
};

struct resolver_check {
	const struct resolver_check_options *options;
	struct part dns;
	struct part ping;
	struct dns_check *dns_check;
	struct ping *ping_round;
	struct event *limit;
	resolver_check_done_fn *done;
	void *context;
};

static void
free_check(struct resolver_check *check)
{
	dns_check_cancel(&check->dns_check);
	ping_cancel(&check->ping_round);
	event_free(check->limit);
	x_free(&check);
}

static void
add_part(struct strbuf *text, const char *name, const struct part *part)
{
	if (part->state != PART_FAILED)
		return;
	strbuf_printf(text, "%s%s failed (%s)", text->length > 0 ? "; " : "",
		name, part->text);
}

static void
describe(const struct resolver_check *check, struct resolver_result *result)
{
	struct strbuf text;

	/* What is too long is cut: the failing part comes first. */
	strbuf_init(&text, 4 * RESOLVER_CHECK_TEXT_SIZE);
	add_part(&text, "dns", &check->dns);
	add_part(&text, "ping", &check->ping);
	if (result->healthy)
		strbuf_add_text(&text, check->options->skip
					       ? "the check is switched off"
					       : "the resolver answers");
	snprintf(result->text, sizeof(result->text), "%s", text.data);
	strbuf_deinit(&text);
}

static void
finish(struct resolver_check *check)
{
	struct resolver_result result = {
		.healthy = check->dns.state != PART_FAILED &&
			   check->ping.state != PART_FAILED,
	};

	describe(check, &result);
	check->done(&result, check->context);
	free_check(check);
}

static void
finish_if_certain(struct resolver_check *check)
{
	if (check->dns.state != PART_OPEN && check->ping.state != PART_OPEN)
		finish(check);
}

static void
on_dns(bool answered, const char *text, void *context)
{
	struct resolver_check *check = context;

	check->dns_check = NULL;
	check->dns.state = answered ? PART_HEALTHY : PART_FAILED;
	snprintf(check->dns.text, sizeof(check->dns.text), "%s", text);
	finish_if_certain(check);
}

static bool
enough_answered(size_t asked, size_t silent)
{
	return asked > 1 ? silent <= 1 : silent == 0;
}

static void
on_ping(const enum ping_state *state, size_t count, void *context)
{
	struct resolver_check *check = context;
	struct strbuf silent;
	size_t asked_count = 0;
	size_t silent_count = 0;

	check->ping_round = NULL;
	strbuf_init(&silent, sizeof(check->ping.text) - 1);
	for (size_t i = 0; i < count; i++) {
		if (state[i] != PING_SKIPPED)
			asked_count++;
		if (state[i] != PING_SILENT)
			continue;
		strbuf_printf(&silent, "%s%s", silent_count++ > 0 ? ", " : "",
			check->options->ping.addresses[i]);
	}
	if (asked_count == 0)
		check->ping.state = PART_NOT_ASKED;
	else if (enough_answered(asked_count, silent_count))
		check->ping.state = PART_HEALTHY;
	else
		check->ping.state = PART_FAILED;
	strbuf_add_text(&silent, " silent");
	snprintf(check->ping.text, sizeof(check->ping.text), "%s", silent.data);
	strbuf_deinit(&silent);
	finish_if_certain(check);
}

static void
fail_open(struct part *part)
{
	if (part->state != PART_OPEN)
		return;
	part->state = PART_FAILED;
	snprintf(part->text, sizeof(part->text), "no verdict in time");
}

/* At once when there is nothing to ask, else the hard limit. */
static void
on_limit(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct resolver_check *check = context;

	fail_open(&check->dns);
	fail_open(&check->ping);
	finish(check);
}

struct resolver_check *
resolver_check_start(struct event_base *loop,
	const struct resolver_check_options *options,
	resolver_check_done_fn *done, void *context)
{
	struct resolver_check *check = xmalloc(sizeof(*check));
	struct timeval limit = {
		.tv_sec = options->limit_ms / 1000,
		.tv_usec = options->limit_ms % 1000 * 1000,
	};
	bool ask_dns = !options->skip && options->dns.names[0];
	bool ask_ping = !options->skip && options->ping.addresses[0];

	check->options = options;
	check->done = done;
	check->context = context;
	if (ask_dns) {
		check->dns.state = PART_OPEN;
		check->dns_check =
			dns_check_start(loop, &options->dns, on_dns, check);
	}
	if (ask_ping) {
		check->ping.state = PART_OPEN;
		check->ping_round =
			ping_start(loop, &options->ping, on_ping, check);
	}
	if (!ask_dns && !ask_ping)
		limit = (struct timeval){ 0 };
	check->limit = evtimer_new(loop, on_limit, check);
	event_add(check->limit, &limit);
	return check;
}

void
resolver_check_cancel(struct resolver_check **check)
{
	if (*check)
		free_check(*check);
	*check = NULL;
}
