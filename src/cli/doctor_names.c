/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The doctor's look at DNS, through this instance's resolver: does it
 * answer, does the host's name lead here, and do the addresses lead back
 * to the name, without which other servers refuse mail (RFC 1912 2.1).
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli/doctor.h"
#include "cli/machine_addresses.h"

#define ANSWER_MAX 8192
#define RESOLVER_PORT 53
#define ASK_SECONDS 3
#define REVERSE_MAX 128
#define NAME_SIZE 256
#define V6_NIBBLES 32

struct question {
	const char *resolver;
	const char *name;
	int type; /* ns_t_a ... */
};

/* Calls visit with each record of the type as text. */
typedef bool record_visit_fn(const char *text, void *context);

/* The record as people write it; false: not of the type, or damaged. */
static bool
record_text(ns_msg message, ns_rr record, int type, char out[NAME_SIZE])
{
	if ((int)ns_rr_type(record) != type)
		return false;
	if (type == ns_t_a && ns_rr_rdlen(record) == sizeof(struct in_addr))
		return inet_ntop(AF_INET, ns_rr_rdata(record), out,
			       NAME_SIZE) != NULL;
	if (type == ns_t_aaaa && ns_rr_rdlen(record) == sizeof(struct in6_addr))
		return inet_ntop(AF_INET6, ns_rr_rdata(record), out,
			       NAME_SIZE) != NULL;
	return type == ns_t_ptr &&
	       ns_name_uncompress(ns_msg_base(message), ns_msg_end(message),
		       ns_rr_rdata(record), out, NAME_SIZE) != -1;
}

static bool
visit_records(const unsigned char *answer, int length, int type,
	record_visit_fn *visit, void *context)
{
	ns_msg message;

	if (ns_initparse(answer, length, &message) == -1)
		return false;
	for (int i = 0; i < ns_msg_count(message, ns_s_an); i++) {
		char text[NAME_SIZE];
		ns_rr record;

		if (ns_parserr(&message, ns_s_an, i, &record) == 0 &&
			record_text(message, record, type, text) &&
			visit(text, context))
			return true;
	}
	return false;
}

/* 1: visit said yes to a record; 0: none; -1: no answer at all. */
static int
ask(const struct question *question, record_visit_fn *visit, void *context)
{
	unsigned char answer[ANSWER_MAX];
	struct __res_state state = { 0 };
	int length, found = -1;

	if (res_ninit(&state) == -1)
		return -1;
	state.nscount = 1;
	state.nsaddr_list[0] = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons(RESOLVER_PORT) };
	state.retrans = ASK_SECONDS;
	state.retry = 1;
	if (inet_pton(AF_INET, question->resolver,
		    &state.nsaddr_list[0].sin_addr) == 1) {
		length = res_nquery(&state, question->name, ns_c_in,
			question->type, answer, sizeof(answer));
		if (length > 0 && (size_t)length <= sizeof(answer))
			found = visit_records(
				answer, length, question->type, visit, context);
		else if (state.res_h_errno == HOST_NOT_FOUND ||
			 state.res_h_errno == NO_DATA)
			found = 0;
	}
	res_nclose(&state);
	return found;
}

static bool
is_same(const char *text, void *context)
{
	return strcasecmp(text, context) == 0;
}

static bool
is_any(const char *text UNUSED, void *context UNUSED)
{
	return true;
}

void
doctor_resolver(struct doctor *doctor)
{
	const char *const *names = doctor->instance.resolver_check_names;
	int answered = -1;

	if (doctor->report == NULL || names[0] == NULL) {
		doctor_add(doctor, DOCTOR_SKIPPED, "",
			doctor->report == NULL ? "the suite does not run"
					       : "no name to ask it for");
		return;
	}
	for (size_t i = 0; answered != 1 && names[i] != NULL; i++)
		answered = ask(
			&(struct question){ doctor->instance.resolver_address,
				names[i], ns_t_a },
			is_any, NULL);
	if (answered == 1)
		doctor_add(doctor, DOCTOR_GOOD, "", "%s answers",
			doctor->instance.resolver_address);
	else
		doctor_add(doctor, DOCTOR_BAD,
			"let this machine reach DNS servers (port 53, UDP and TCP), or name resolvers: forwarders",
			"%s gives no address for %s",
			doctor->instance.resolver_address, names[0]);
}

static int
record_type(const char *address)
{
	return strchr(address, ':') != NULL ? ns_t_aaaa : ns_t_a;
}

static bool
find_addresses(struct doctor *doctor, struct machine_addresses *out)
{
	struct err err = { 0 };

	if (doctor->report == NULL) {
		doctor_add(doctor, DOCTOR_SKIPPED, "",
			"the suite does not run, so its resolver does not");
		return false;
	}
	if (machine_addresses_find(
		    &doctor->instance, doctor->call->arena, out, &err) == -1) {
		doctor_add(doctor, DOCTOR_SKIPPED, "", "%s", err.text);
		return false;
	}
	if (out->count == 0 || out->private_only) {
		doctor_add(doctor, DOCTOR_SKIPPED,
			"see with `mailherd dns` what is to be published, and compare",
			"this machine has private addresses only: the public one is not known here");
		return false;
	}
	return true;
}

/* RFC 1035 3.5, RFC 3596 2.5. */
static const char *
reverse_of(const char *address, struct arena *arena)
{
	unsigned char b[16];
	char text[REVERSE_MAX], *at = text;

	if (inet_pton(AF_INET, address, b) == 1)
		return arena_printf(arena, "%u.%u.%u.%u.in-addr.arpa", b[3],
			b[2], b[1], b[0]);
	if (inet_pton(AF_INET6, address, b) != 1)
		return "";
	for (int i = V6_NIBBLES - 1; i >= 0; i--)
		at += snprintf(at, (size_t)(text + sizeof(text) - at), "%x.",
			i % 2 == 0 ? b[i / 2] >> 4 : b[i / 2] & 0xf);
	return arena_printf(arena, "%sip6.arpa", text);
}

/* A name and an address belong together, one way or the other. */
struct pairing {
	/* What to ask about the address, and the answer that is right. */
	struct question (*question)(
		const struct doctor *doctor, const char *address);
	const char *(*wanted)(const struct doctor *doctor, const char *address);
	const char *(*remedy)(const struct doctor *doctor, const char *address);
	const char *good, *wrong, *silent; /* with name and address */
};

static void
check_pairing(struct doctor *doctor, const struct pairing *pairing)
{
	struct machine_addresses addresses;

	if (!find_addresses(doctor, &addresses))
		return;
	for (size_t i = 0; i < addresses.count; i++) {
		const char *address = addresses.list[i];
		const struct question question =
			pairing->question(doctor, address);
		int found = ask(&question, is_same,
			(void *)pairing->wanted(doctor, address));
		const char *text = found == 1   ? pairing->good
				   : found == 0 ? pairing->wrong
						: pairing->silent;

		doctor_add(doctor, found == 1 ? DOCTOR_GOOD : DOCTOR_BAD,
			found == 1 ? "" : pairing->remedy(doctor, address),
			"%s and %s: %s", doctor->instance.hostname, address,
			text);
	}
}

static struct question
ask_host(const struct doctor *doctor, const char *address)
{
	return (struct question){ doctor->instance.resolver_address,
		doctor->instance.hostname, record_type(address) };
}

static const char *
want_address(const struct doctor *doctor UNUSED, const char *address)
{
	return address;
}

static const char *
publish_address(const struct doctor *doctor, const char *address)
{
	return arena_printf(doctor->call->arena, "publish: %s. %s %s",
		doctor->instance.hostname,
		record_type(address) == ns_t_a ? "A" : "AAAA", address);
}

void
doctor_host_name(struct doctor *doctor)
{
	static const struct pairing pairing = { ask_host, want_address,
		publish_address, "the name leads to the address",
		"the name does not lead to the address",
		"no answer whether the name leads to the address" };

	check_pairing(doctor, &pairing);
}

static struct question
ask_reverse(const struct doctor *doctor, const char *address)
{
	return (struct question){ doctor->instance.resolver_address,
		reverse_of(address, doctor->call->arena), ns_t_ptr };
}

static const char *
want_name(const struct doctor *doctor, const char *address UNUSED)
{
	return doctor->instance.hostname;
}

static const char *
ask_provider(const struct doctor *doctor UNUSED, const char *address UNUSED)
{
	return "ask who gave you the address to set its reverse name (PTR); many servers refuse mail without";
}

void
doctor_reverse_name(struct doctor *doctor)
{
	static const struct pairing pairing = { ask_reverse, want_name,
		ask_provider, "the address leads back to the name",
		"the address does not lead back to the name",
		"no answer whether the address leads back to the name" };

	check_pairing(doctor, &pairing);
}
