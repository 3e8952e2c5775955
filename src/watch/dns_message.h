/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The two DNS messages (RFC 1035 4.1) that a health check needs: a query
 * for the IPv4 address of a name, and a judgement of what came back. The C
 * library's resolver functions do the parsing. A full resolver library is
 * not used because it would answer from its own cache.
 */
#ifndef WATCH_DNS_MESSAGE_H
#define WATCH_DNS_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define DNS_QUERY_MAX 300 /* header, longest name, type, class */
#define DNS_REPLY_MAX 4096 /* bytes of a reply that are looked at */

enum dns_answer {
	DNS_SILENCE, /* nothing came yet */
	DNS_FOREIGN, /* not a reply to this query */
	DNS_DATA,
	DNS_EMPTY, /* no error, but no address either */
	DNS_NO_NAME,
	DNS_FAILURE, /* the resolver says that it failed or will not */
	DNS_REFUSED, /* nobody listens at its port */
};

/* Returns the length, or 0 when name is not a domain name. */
size_t dns_message_query(
	const char *name, uint16_t id, unsigned char out[DNS_QUERY_MAX]);
enum dns_answer dns_message_judge(
	struct span reply, const char *name, uint16_t id);
/* "no such name" */
const char *dns_answer_text(enum dns_answer answer);

#endif
