/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The names by kind:
 *
 * texts    hostname timezone profile resolver tls root run sock fifos vmail
 *          index secrets logs programs share root_hints trust_anchor
 *          smtp_bind4 smtp_bind6 https_suffix mail_key mail_key_public
 *          mail_compression search_part_length search_workers search_memory
 *          search_cache; per engine etc state overrides
 * numbers  login_processes (by the machine's cores) imap_reuse
 *          imap_hibernate_after imap_awake_max (by its memory) imap_user_max
 * flags    ipv6 antivirus antivirus_updates http_redirect proxy_protocol
 *          mail_encryption mail_undelete has_mail_compression search;
 *          has_NAME for each list
 * lists    forwarders networks trusted_proxies: {{.}}; networks have
 *          {{postfix_network}} (IPv6 in brackets), too
 *          mail_keys_imported, those whose files are there: path, number (2...)
 * ports    per public port NAME (smtp submission submissions imap imaps pop3
 *          pop3s sieve http https): a list with members address, host (IPv6
 *          in brackets), port, index (1...), v6; NAME_port: empty when off
 */
#include "render/values.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/fs.h"
#include "model/mail_key_form.h"

#define EVERY_ADDRESS "*"
#define DEFAULT_ROOT_HINTS "/usr/share/dns/root.hints"
#define HTTPS_PORT 443
#define LOGIN_PROCESSES_MAX 16
#define AWAKE_SESSION_MIB 4 /* 2.3 of it are its process */
#define AWAKE_DEFAULT_MIN 256
#define AWAKE_DEFAULT_MAX 16384

struct path_value {
	const char *name;
	size_t offset; /* in struct paths */
};

static const struct path_value PATH_VALUES[] = {
	{ "root", offsetof(struct paths, root) },
	{ "run", offsetof(struct paths, run) },
	{ "sock", offsetof(struct paths, sockets) },
	{ "fifos", offsetof(struct paths, fifos) },
	{ "vmail", offsetof(struct paths, vmail) },
	{ "index", offsetof(struct paths, index) },
	{ "secrets", offsetof(struct paths, secrets) },
	{ "logs", offsetof(struct paths, logs) },
	{ "programs", offsetof(struct paths, programs) },
	{ "share", offsetof(struct paths, share) },
};

static bool
is_ipv6(const char *address)
{
	return strchr(address, ':') != NULL;
}

static void
add_address(struct arena *arena, struct template_scope *scope, const char *name,
	const char *origin, const char *address, unsigned port, int index)
{
	struct template_scope *item =
		template_item(scope, name, address, origin);

	template_set(item, "address", address, origin);
	template_set(item, "host",
		is_ipv6(address) ? arena_printf(arena, "[%s]", address)
				 : address,
		origin);
	template_set(item, "port", arena_printf(arena, "%u", port), origin);
	template_set(item, "index", arena_printf(arena, "%d", index), origin);
	template_set_flag(item, "v6", is_ipv6(address));
}

/* "*" is every address of IPv4 and, when it is on, of IPv6. */
static void
add_port(struct arena *arena, struct template_scope *scope,
	const struct instance *instance, enum instance_port port)
{
	const struct instance_listen *listen = &instance->listen[port];
	const char *name = instance_port_name(port);
	const char *origin = arena_printf(arena, "listen.%s", name);
	const char *text = listen->port == 0
				   ? ""
				   : arena_printf(arena, "%u", listen->port);
	int index = 0;

	template_list(scope, name);
	template_set(scope, arena_printf(arena, "%s_port", name), text, origin);
	template_set(scope, arena_printf(arena, "has_%s", name), text, origin);
	if (listen->port == 0)
		return;
	for (size_t i = 0; listen->addresses[i] != NULL; i++) {
		const char *address = listen->addresses[i];

		if (strcmp(address, EVERY_ADDRESS) != 0) {
			add_address(arena, scope, name, origin, address,
				listen->port, ++index);
			continue;
		}
		add_address(arena, scope, name, origin, "0.0.0.0", listen->port,
			++index);
		if (instance->ipv6)
			add_address(arena, scope, name, origin,
				"::", listen->port, ++index);
	}
}

static void
add_list(struct arena *arena, struct template_scope *scope, const char *name,
	const char *const *items)
{
	template_list(scope, name);
	template_set_flag(
		scope, arena_printf(arena, "has_%s", name), items[0] != NULL);
	for (size_t i = 0; items[i] != NULL; i++)
		(void)template_item(scope, name, items[i], NULL);
}

static const char *
postfix_network(struct arena *arena, const char *network)
{
	const char *slash = strchr(network, '/');
	size_t length =
		slash == NULL ? strlen(network) : (size_t)(slash - network);

	if (!is_ipv6(network))
		return network;
	return arena_printf(arena, "[%.*s]%s", (int)length, network,
		slash == NULL ? "" : slash);
}

static void
add_networks(struct arena *arena, struct template_scope *scope,
	const struct instance *instance)
{
	template_list(scope, "networks");
	template_set_flag(scope, "has_networks", instance->networks[0] != NULL);
	for (size_t i = 0; instance->networks[i] != NULL; i++) {
		const char *network = instance->networks[i];
		struct template_scope *item =
			template_item(scope, "networks", network, NULL);

		template_set(item, "postfix_network",
			postfix_network(arena, network), "networks");
	}
}

/* The address of each family, where there is exactly one. */
struct source {
	const char *address[2]; /* IPv4, IPv6 */
	int count[2];
};

static void
source_add(struct source *source, const char *address)
{
	bool v6 = is_ipv6(address);

	source->address[v6] = address;
	source->count[v6]++;
}

static bool
is_own_address(const char *address)
{
	return strcmp(address, EVERY_ADDRESS) != 0 &&
	       strcmp(address, "0.0.0.0") != 0 &&
	       strncmp(address, "127.", 4) != 0 && strcmp(address, "::") != 0 &&
	       strcmp(address, "::1") != 0;
}

/*
 * Unless it is said, mail leaves from the address that receives it, where
 * that is one of each family: its PTR record is the one that people set.
 */
static void
add_smtp_bind(struct template_scope *scope, const struct instance *instance)
{
	const struct instance_listen *smtp = &instance->listen[PORT_SMTP];
	const char *const *said = instance->smtp_source;
	struct source source = { 0 };

	for (size_t i = 0; said[i] != NULL; i++)
		source_add(&source, said[i]);
	for (size_t i = 0; said[0] == NULL && smtp->port != 0 &&
			   smtp->addresses[i] != NULL;
		i++)
		if (is_own_address(smtp->addresses[i]))
			source_add(&source, smtp->addresses[i]);
	template_set(scope, "smtp_bind4",
		source.count[0] == 1 ? source.address[0] : "", "smtp.source");
	template_set(scope, "smtp_bind6",
		source.count[1] == 1 ? source.address[1] : "", "smtp.source");
}

/*
 * By their names alone: the files are closed to whoever renders. Dovecot
 * counts the keys from 2 without a gap, the files need not.
 */
static void
add_imported_keys(struct arena *arena, struct template_scope *scope,
	const struct paths *paths)
{
	int number = 1;

	template_list(scope, "mail_keys_imported");
	for (size_t i = 1; i < MAIL_KEY_COUNT; i++) {
		char path[PATHS_MAX];
		struct template_scope *item;

		mail_key_path(paths, i, path);
		if (!fs_exists(path))
			continue;
		mail_key_form_path(paths, i, path);
		item = template_item(scope, "mail_keys_imported",
			arena_strdup(arena, path), NULL);
		template_set(item, "number",
			arena_printf(arena, "%d", ++number), NULL);
	}
}

static void
add_mail(struct arena *arena, struct template_scope *scope,
	const struct paths *paths, const struct instance *instance)
{
	char path[PATHS_MAX];

	mail_key_form_path(paths, 0, path);
	template_set(scope, "mail_key", arena_strdup(arena, path), "--root");
	mail_key_form_public_path(paths, path);
	template_set(
		scope, "mail_key_public", arena_strdup(arena, path), "--root");
	add_imported_keys(arena, scope, paths);
	template_set_flag(
		scope, "mail_undelete", instance->mail_undelete_days > 0);
	template_set_flag(scope, "mail_encryption", instance->mail_encryption);
	template_set_flag(scope, "has_mail_compression",
		instance->mail_compression != COMPRESSION_NONE);
	template_set(scope, "mail_compression",
		instance_compression_name(instance->mail_compression),
		"mail.compression");
}

static void
add_search(struct arena *arena, struct template_scope *scope,
	const struct instance *instance)
{
	int memory = instance->search_memory_mib;

	template_set_flag(scope, "search", instance->search_enabled);
	template_set(scope, "search_part_length",
		arena_printf(arena, "%d", instance->search_part_length),
		"search.part_length");
	template_set(scope, "search_workers",
		arena_printf(arena, "%d", instance->search_workers),
		"search.workers");
	template_set(scope, "search_memory", arena_printf(arena, "%d", memory),
		"search.memory");
	/* Of changes that are not on disk: half, the rest is the program. */
	template_set(scope, "search_cache",
		arena_printf(arena, "%d", memory / 2), "search.memory");
}

static void
add_number(struct arena *arena, struct template_scope *scope, const char *name,
	int number, const char *origin)
{
	template_set(scope, name, arena_printf(arena, "%d", number), origin);
}

static int
clamp(int number, int min, int max)
{
	return number < min ? min : number > max ? max : number;
}

/* Not sysconf(): it reads files, which the jail hides. */
static int
cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == -1)
		return LOGIN_PROCESSES_MAX; /* more than 1,024 */
	return CPU_COUNT(&set);
}

static int
memory_mib(void)
{
	struct sysinfo info;

	if (sysinfo(&info) == -1)
		return 0;
	return (int)((uint64_t)info.totalram * info.mem_unit / 1024 / 1024);
}

static void
add_imap(struct arena *arena, struct template_scope *scope,
	const struct instance *instance)
{
	int awake_max = instance->imap_awake_max;

	if (awake_max == 0)
		awake_max = clamp(memory_mib() / AWAKE_SESSION_MIB,
			AWAKE_DEFAULT_MIN, AWAKE_DEFAULT_MAX);
	add_number(arena, scope, "login_processes",
		clamp(cores(), 1, LOGIN_PROCESSES_MAX), NULL);
	add_number(
		arena, scope, "imap_reuse", instance->imap_reuse, "imap.reuse");
	add_number(arena, scope, "imap_hibernate_after",
		instance->imap_hibernate_after, "imap.hibernate_after");
	add_number(arena, scope, "imap_awake_max", awake_max, "imap.awake_max");
	add_number(arena, scope, "imap_user_max", instance->imap_user_max,
		"imap.user_max");
}

struct template_scope *
values_instance(struct arena *arena, const struct paths *paths,
	const struct instance *instance)
{
	struct template_scope *scope = template_scope_new(arena, NULL);
	unsigned https = instance->listen[PORT_HTTPS].port;

	for (size_t i = 0; i < ARRAY_LENGTH(PATH_VALUES); i++)
		template_set(scope, PATH_VALUES[i].name,
			(const char *)paths + PATH_VALUES[i].offset, "--root");
	template_set(scope, "tls", arena_printf(arena, "%s/tls", paths->state),
		"--root");
	template_set(scope, "hostname", instance->hostname, NULL);
	template_set(scope, "timezone", instance->timezone, NULL);
	template_set(scope, "profile", instance_profile_name(instance->profile),
		NULL);
	template_set(scope, "resolver", instance->resolver_address,
		"resolver.address");
	template_set(scope, "root_hints",
		instance->root_hints == NULL ? DEFAULT_ROOT_HINTS
					     : instance->root_hints,
		"resolver.root_hints");
	template_set(scope, "trust_anchor", instance->trust_anchor,
		"resolver.trust_anchor");
	template_set_flag(scope, "ipv6", instance->ipv6);
	template_set_flag(scope, "http_redirect", instance->http_redirect);
	template_set_flag(
		scope, "proxy_protocol", instance->http_proxy_protocol);
	template_set_flag(
		scope, "antivirus", instance->profile >= PROFILE_FULL);
	template_set_flag(
		scope, "antivirus_updates", instance->antivirus_updates);
	template_set(scope, "https_suffix",
		https == 0 || https == HTTPS_PORT
			? ""
			: arena_printf(arena, ":%u", https),
		"listen.https");
	add_list(arena, scope, "forwarders", instance->forwarders);
	add_list(arena, scope, "trusted_proxies", instance->trusted_proxies);
	add_networks(arena, scope, instance);
	add_smtp_bind(scope, instance);
	add_mail(arena, scope, paths, instance);
	add_search(arena, scope, instance);
	add_imap(arena, scope, instance);
	for (int port = 0; port < PORT_COUNT; port++)
		add_port(arena, scope, instance, port);
	return scope;
}

struct template_scope *
values_engine(struct arena *arena, const struct template_scope *instance_values,
	const struct paths *paths, const char *engine, const char *etc)
{
	struct template_scope *scope =
		template_scope_new(arena, instance_values);

	template_set(scope, "etc", arena_printf(arena, "%s/%s", etc, engine),
		"--root");
	template_set(scope, "state",
		arena_printf(arena, "%s/%s", paths->engines, engine), "--root");
	template_set(scope, "overrides",
		arena_printf(arena, "%s/%s", paths->overrides, engine),
		"--root");
	return scope;
}
