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

static int
ask_name(const struct doctor *doctor, const char *name, int type,
	record_visit_fn *visit, const char *wanted)
{
	const struct question question = { doctor->instance.resolver_address,
		name, type };

	return ask(&question, visit, (void *)wanted);
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
		answered = ask_name(doctor, names[i], ns_t_a, is_any, NULL);
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

void
doctor_host_name(struct doctor *doctor)
{
	const char *name = doctor->instance.hostname;
	struct machine_addresses addresses;

	if (!find_addresses(doctor, &addresses))
		return;
	for (size_t i = 0; i < addresses.count; i++) {
		const char *address = addresses.list[i];
		int found = ask_name(
			doctor, name, record_type(address), is_same, address);

		if (found == 1)
			doctor_add(doctor, DOCTOR_GOOD, "", "%s leads to %s",
				name, address);
		else
			doctor_add(doctor, DOCTOR_BAD,
				arena_printf(doctor->call->arena,
					"publish: %s. %s %s", name,
					record_type(address) == ns_t_a ? "A"
								       : "AAAA",
					address),
				found == 0 ? "%s does not lead to %s"
					   : "no answer whether %s leads to %s",
				name, address);
	}
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

void
doctor_reverse_name(struct doctor *doctor)
{
	const char *name = doctor->instance.hostname;
	struct machine_addresses addresses;

	if (!find_addresses(doctor, &addresses))
		return;
	for (size_t i = 0; i < addresses.count; i++) {
		const char *address = addresses.list[i];
		int found = ask_name(doctor,
			reverse_of(address, doctor->call->arena), ns_t_ptr,
			is_same, name);

		if (found == 1)
			doctor_add(doctor, DOCTOR_GOOD, "",
				"%s leads back to %s", address, name);
		else
			doctor_add(doctor, DOCTOR_BAD,
				"ask who gave you the address to set its reverse name (PTR); many servers refuse mail without",
				found == 0
					? "%s does not lead back to %s"
					: "no answer whether %s leads back to %s",
				address, name);
	}
}
