/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: dns_message_judge() and ping_parse_reply(), what the
 * watch reads from the resolver and from the network. The identifier that
 * they look for is the input's own, so that the checks behind it are
 * reached.
 */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "watch/dns_message.h"
#include "watch/ping.h"

static uint16_t
id_at(const char *data, size_t size, size_t offset)
{
	uint16_t id = 0;

	if (size >= offset + sizeof(id))
		memcpy(&id, data + offset, sizeof(id));
	return ntohs(id);
}

static void
check_ping(int family, const char *data, size_t size, size_t id_offset)
{
	struct ping_reply reply;

	if (!ping_parse_reply(family, (struct span){ data, size },
		    id_at(data, size, id_offset), &reply))
		return;
	BUG_ON(reply.cookie.length != PING_COOKIE_SIZE);
	BUG_ON(reply.cookie.data < data);
	BUG_ON(reply.cookie.data + reply.cookie.length > data + size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of its own size, so that a byte too far is seen. */
	char *exact = xmalloc(size ? size : 1);
	enum dns_answer answer;

	memcpy(exact, data, size);
	answer = dns_message_judge((struct span){ exact, size }, "a.example",
		id_at(exact, size, 0));
	BUG_ON(answer == DNS_SILENCE || answer == DNS_REFUSED);
	BUG_ON(!dns_answer_text(answer));
	check_ping(AF_INET, exact, size, 24);
	check_ping(AF_INET6, exact, size, 4);
	x_free(&exact);
	return 0;
}
