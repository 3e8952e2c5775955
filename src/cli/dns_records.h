/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The DNS records that an instance wants published: for the host (A, AAAA,
 * PTR) and for each domain (MX, SPF, DKIM, DMARC, SRV, autoconfig). Pure:
 * what it knows comes from its arguments.
 */
#ifndef CLI_DNS_RECORDS_H
#define CLI_DNS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "model/instance.h"

#define DNS_RECORDS_MAX 4096
#define DNS_STRING_MAX 255 /* RFC 1035 3.3: one character-string */

struct dns_record {
	const char *name; /* without the final dot */
	const char *type; /* "MX" */
	const char *value; /* as people write it; TXT without quotes */
};

struct dns_records {
	struct arena *arena;
	struct dns_record *list; /* of DNS_RECORDS_MAX */
	size_t count;
};

void dns_records_init(struct dns_records *records, struct arena *arena);
/* addresses are numeric, NULL-ended. */
void dns_records_host(struct dns_records *records,
	const struct instance *instance, const char *const *addresses);
/* dkim is the TXT value, or NULL when the domain has no key. */
void dns_records_domain(struct dns_records *records,
	const struct instance *instance, const char *domain,
	const char *selector, const char *dkim);
/* Lines of a zone file (RFC 1035 5.1) with absolute names. */
void dns_records_zone(const struct dns_records *records, struct strbuf *out);
/* Columns for people. */
void dns_records_table(const struct dns_records *records, struct strbuf *out);

#endif
