/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services with SRV records stand in a table (RFC 6186, 8314, 5804). */
#include "cli/dns_records.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define TTL 3600
#define MX_PREFERENCE 10
#define SPF "v=spf1 mx -all"
#define DMARC "v=DMARC1; p=quarantine"
#define NAME_WIDTH 40

static const struct {
	const char *service;
	enum instance_port port;
} SERVICES[] = {
	{ "_submissions._tcp", PORT_SUBMISSIONS },
	{ "_submission._tcp", PORT_SUBMISSION },
	{ "_imaps._tcp", PORT_IMAPS },
	{ "_imap._tcp", PORT_IMAP },
	{ "_pop3s._tcp", PORT_POP3S },
	{ "_sieve._tcp", PORT_SIEVE },
	{ "_autodiscover._tcp", PORT_HTTPS },
};

static const char *const WEB_NAMES[] = { "autoconfig", "autodiscover" };

void
dns_records_init(struct dns_records *records, struct arena *arena)
{
	records->arena = arena;
	records->list =
		arena_alloc(arena, DNS_RECORDS_MAX * sizeof(*records->list));
	records->count = 0;
}

static void
add(struct dns_records *records, const char *name, const char *type,
	const char *value)
{
	if (records->count < DNS_RECORDS_MAX)
		records->list[records->count++] =
			(struct dns_record){ name, type, value };
}

static const char *
reverse_v4(struct arena *arena, const unsigned char *b)
{
	return arena_printf(
		arena, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
}

static const char *
reverse_v6(struct arena *arena, const unsigned char *bytes)
{
	char text[16 * 4 + 1];

	for (int i = 0; i < 16; i++) {
		unsigned byte = bytes[15 - i];

		(void)snprintf(
			text + 4 * i, 5, "%x.%x.", byte & 0xf, byte >> 4);
	}
	return arena_printf(arena, "%sip6.arpa", text);
}

void
dns_records_host(struct dns_records *records, const struct instance *instance,
	const char *const *addresses)
{
	unsigned char binary[16];

	for (size_t i = 0; addresses[i] != NULL; i++) {
		bool v6 = strchr(addresses[i], ':') != NULL;

		if (inet_pton(v6 ? AF_INET6 : AF_INET, addresses[i], binary) !=
			1)
			continue;
		add(records, instance->hostname, v6 ? "AAAA" : "A",
			addresses[i]);
		add(records,
			v6 ? reverse_v6(records->arena, binary)
			   : reverse_v4(records->arena, binary),
			"PTR",
			arena_printf(
				records->arena, "%s.", instance->hostname));
	}
}

static void
add_services(struct dns_records *records, const struct instance *instance,
	const char *domain)
{
	struct arena *arena = records->arena;

	for (size_t i = 0; i < ARRAY_LENGTH(SERVICES); i++) {
		unsigned port = instance->listen[SERVICES[i].port].port;

		if (port == 0)
			continue;
		add(records,
			arena_printf(
				arena, "%s.%s", SERVICES[i].service, domain),
			"SRV",
			arena_printf(
				arena, "0 1 %u %s.", port, instance->hostname));
	}
}

void
dns_records_domain(struct dns_records *records, const struct instance *instance,
	const char *domain, const char *selector, const char *dkim)
{
	struct arena *arena = records->arena;

	add(records, domain, "MX",
		arena_printf(
			arena, "%d %s.", MX_PREFERENCE, instance->hostname));
	add(records, domain, "TXT", SPF);
	if (dkim != NULL)
		add(records,
			arena_printf(
				arena, "%s._domainkey.%s", selector, domain),
			"TXT", dkim);
	add(records, arena_printf(arena, "_dmarc.%s", domain), "TXT", DMARC);
	add_services(records, instance, domain);
	for (size_t i = 0; i < ARRAY_LENGTH(WEB_NAMES); i++) {
		const char *name =
			arena_printf(arena, "%s.%s", WEB_NAMES[i], domain);

		/* A host of that name has its own records. */
		if (strcmp(name, instance->hostname) != 0)
			add(records, name, "CNAME",
				arena_printf(arena, "%s.", instance->hostname));
	}
}

static void
put_quoted(const char *text, struct strbuf *out)
{
	size_t length = strlen(text);

	do {
		size_t part = length < DNS_STRING_MAX ? length : DNS_STRING_MAX;

		strbuf_add_char(out, '"');
		for (size_t i = 0; i < part; i++) {
			if (text[i] == '"' || text[i] == '\\')
				strbuf_add_char(out, '\\');
			strbuf_add_char(out, text[i]);
		}
		strbuf_add_char(out, '"');
		text += part;
		length -= part;
		if (length > 0)
			strbuf_add_char(out, ' ');
	} while (length > 0);
}

void
dns_records_zone(const struct dns_records *records, struct strbuf *out)
{
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];

		strbuf_printf(
			out, "%s. %d IN %s ", record->name, TTL, record->type);
		if (strcmp(record->type, "TXT") == 0)
			put_quoted(record->value, out);
		else
			strbuf_add_text(out, record->value);
		strbuf_add_char(out, '\n');
	}
}

void
dns_records_table(const struct dns_records *records, struct strbuf *out)
{
	strbuf_printf(
		out, "%-*s  %-5s  %s\n", NAME_WIDTH, "NAME", "TYPE", "VALUE");
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];

		strbuf_printf(out, "%-*s  %-5s  %s\n", NAME_WIDTH, record->name,
			record->type, record->value);
	}
}
