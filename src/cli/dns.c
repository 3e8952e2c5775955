/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd dns`: the records to publish. The addresses are asked from the
 * kernel while we are root, domains and keys read afterwards as the
 * database's user.
 */
#include <stdio.h>
#include <string.h>

#include "base/json_write.h"
#include "cli/command.h"
#include "cli/dns_records.h"
#include "cli/machine_addresses.h"
#include "model/address.h"
#include "model/alias_domain.h"
#include "model/dkim.h"
#include "model/domain.h"
#include "model/model.h"

#define OUTPUT_MAX (8 * 1024 * 1024)

struct dns {
	struct command_call *call;
	struct instance instance;
	struct machine_addresses addresses;
	struct dns_records records;
	struct model model;
};

static int
add_domain(struct dns *dns, const char *name, struct err *err)
{
	struct dkim_key key;
	int found =
		dkim_find(dns->model.core, name, dns->call->arena, &key, err);

	if (found == -1)
		return -1;
	dns_records_domain(&dns->records, &dns->instance,
		arena_strdup(dns->call->arena, name),
		found == 1 ? key.selector : DKIM_SELECTOR,
		found == 1 ? dkim_record(&key, dns->call->arena) : NULL);
	return 0;
}

static int
add_listed(
	void *context, const void *object, struct arena *arena, struct err *err)
{
	const struct domain *domain = object;

	(void)arena;
	return add_domain(context, domain->name, err);
}

static int
add_listed_alias(
	void *context, const void *object, struct arena *arena, struct err *err)
{
	const struct alias_domain *domain = object;

	(void)arena;
	return add_domain(context, domain->name, err);
}

static int
add_named(struct dns *dns, const char *text, struct err *err)
{
	char name[DOMAIN_MAX];
	struct alias_domain alias_domain;
	struct domain domain;
	int found;

	if (address_domain(text, "domain", name, err) == -1)
		return -1;
	found = model_find(
		&dns->model, &alias_domain_resource, name, &alias_domain, err);
	if (found == 0 && domain_load(&dns->model, name, &domain, err) == -1)
		return -1;
	return found == -1 ? -1 : add_domain(dns, name, err);
}

static int
add_all(struct dns *dns, struct err *err)
{
	struct model_list list = { 0 };

	if (model_list(&dns->model, &domain_resource, &list, add_listed, dns,
		    err) == -1)
		return -1;
	return model_list(&dns->model, &alias_domain_resource, &list,
		add_listed_alias, dns, err);
}

static int
collect(struct dns *dns, struct err *err)
{
	struct command_call *call = dns->call;
	const char *domain = command_argument(call, 0);
	int result;

	if (instance_load(&call->paths, call->arena, &dns->instance, err) ==
			-1 ||
		machine_addresses_find(&dns->instance, call->arena,
			&dns->addresses, err) == -1 ||
		command_drop(&call->paths, err) == -1 ||
		model_open(&call->paths, "cli:dns", call->arena, &dns->model,
			err) == -1)
		return -1;
	dns_records_init(&dns->records, call->arena);
	dns_records_host(&dns->records, &dns->instance, dns->addresses.list);
	result = domain == NULL ? add_all(dns, err)
				: add_named(dns, domain, err);
	model_close(&dns->model);
	return result;
}

static void
print_json(const struct dns *dns)
{
	struct json_writer w;
	struct strbuf out, zone;

	strbuf_init(&out, OUTPUT_MAX);
	strbuf_init(&zone, OUTPUT_MAX / 4);
	dns_records_zone(&dns->records, &zone);
	json_writer_init(&w, &out);
	json_object_open(&w, NULL);
	json_text(&w, "hostname", dns->instance.hostname);
	json_array_open(&w, "records");
	for (size_t i = 0; i < dns->records.count; i++) {
		const struct dns_record *record = &dns->records.list[i];

		json_object_open(&w, NULL);
		json_text(&w, "name", record->name);
		json_text(&w, "type", record->type);
		json_text(&w, "value", record->value);
		json_object_close(&w);
	}
	json_array_close(&w);
	json_text(&w, "zone", zone.data);
	json_object_close(&w);
	printf("%s\n", out.data);
	strbuf_deinit(&zone);
	strbuf_deinit(&out);
}

static void
print_text(const struct dns *dns)
{
	struct strbuf out;

	strbuf_init(&out, OUTPUT_MAX);
	strbuf_add_text(&out, "DNS records to publish:\n\n");
	dns_records_table(&dns->records, &out);
	strbuf_add_text(&out, "\nThe same for a zone file:\n\n");
	dns_records_zone(&dns->records, &out);
	strbuf_add_text(&out,
		"\nPTR records are set where the address comes from: ask the provider.\n");
	if (dns->addresses.count == 0)
		strbuf_add_text(&out,
			"No address was found on this machine: publish A and AAAA records of its host name, too.\n");
	else if (dns->addresses.private_only)
		strbuf_add_text(&out,
			"The addresses above are private: publish the public address that leads here instead.\n");
	printf("%s", out.data);
	strbuf_deinit(&out);
}

static int
run_dns(struct command_call *call)
{
	struct dns dns = { .call = call };
	struct err err = { 0 };

	if (collect(&dns, &err) == -1)
		return command_fail(call, &err);
	if (call->json)
		print_json(&dns);
	else
		print_text(&dns);
	return 0;
}

const struct command dns_commands[] = {
	{
		.name = "dns",
		.usage = "[DOMAIN]",
		.summary = "Print the DNS records to publish",
		.privilege = COMMAND_ROOT,
		.run = run_dns,
		.arguments_max = 1,
		.description =
			"A table and a zone file snippet: address and reverse records of the host; "
			"MX, SPF, DKIM, DMARC, SRV and autoconfiguration of DOMAIN or of every domain.",
	},
	{ .name = NULL },
};
