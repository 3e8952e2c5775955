/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each key is a row of KEYS: its parser fills the member at an offset of
 * struct instance. Defaults are texts that go through the same parsers
 * first, so a default can not be anything that a line could not say.
 */
#include "model/instance.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/config.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "model/address.h"

#define ZONEINFO "/usr/share/zoneinfo"
#define LIST_SEPARATORS " \t,"
#define LOG_FILE_MIB_MAX 1024
#define UNDELETE_DAYS_MAX 365
#define LOG_FILES_MAX 60 /* what mailherd logs reads */
#define SEARCH_LAG_MAX 3600
#define SEARCH_MIB_MIN 256
#define SEARCH_MIB_MAX 16384
#define SEARCH_PART_MIN 3 /* the plug-in's own bounds */
#define SEARCH_PART_MAX 20
#define SEARCH_DAYS_MAX 365
#define REUSE_MAX 10000
#define HIBERNATE_AFTER_MAX 1740 /* clients begin IDLE anew by then */
#define AWAKE_MAX 65536
#define USER_SESSIONS_MAX 10000

struct key_rule;

struct reader {
	struct instance *instance;
	struct arena *arena;
	/* Rows seen in the file: the first line of a list drops its default. */
	bool *seen;
};

/* Parses one value into the member at target. */
typedef int key_parse_fn(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err);
/* Judges one word of a list. */
typedef bool item_valid_fn(const char *item);

struct key_rule {
	const char *name;
	key_parse_fn *parse;
	size_t offset;
	item_valid_fn *item_valid; /* of parse_list */
	const char *item_remedy;
};

static int
key_invalid(struct err *err, const struct key_rule *rule, const char *value,
	const char *remedy)
{
	(void)err_field(err, ERR_INVALID, rule->name,
		"%s can not be \"%.100s\"", rule->name, value);
	return err_remedy(err, "%s", remedy);
}

static bool
is_ip(const char *text)
{
	unsigned char binary[16];

	return inet_pton(AF_INET, text, binary) == 1 ||
	       inet_pton(AF_INET6, text, binary) == 1;
}

static bool
split_number(const char *text, char separator, uint64_t max, char *head_out,
	size_t head_size, uint64_t *number_out)
{
	const char *at = strrchr(text, separator);
	size_t length;

	if (at == NULL)
		return false;
	length = (size_t)(at - text);
	if (length >= head_size)
		return false;
	memcpy(head_out, text, length);
	head_out[length] = '\0';
	return span_parse_uint64(span_from(at + 1), max, number_out) == 0;
}

/* An address, with unbound's @PORT allowed. */
static bool
is_forwarder(const char *text)
{
	char address[INET6_ADDRSTRLEN + 1];
	uint64_t port;

	if (strchr(text, '@') == NULL)
		return is_ip(text);
	return split_number(text, '@', UINT16_MAX, address, sizeof(address),
		       &port) &&
	       port > 0 && is_ip(address);
}

/* ADDRESS or ADDRESS/BITS. */
static bool
is_network(const char *text)
{
	char address[INET6_ADDRSTRLEN + 1];
	uint64_t bits;

	if (strchr(text, '/') == NULL)
		return is_ip(text);
	if (!split_number(text, '/', 128, address, sizeof(address), &bits))
		return false;
	if (strchr(address, ':') == NULL && bits > 32)
		return false;
	return is_ip(address);
}

static bool
is_domain(const char *text)
{
	char domain[DOMAIN_MAX];

	return address_domain(text, "", domain, NULL) == 0;
}

static int
parse_hostname(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	char domain[DOMAIN_MAX];
	const char **out = target;

	if (value[0] == '\0') {
		*out = NULL;
		return 0;
	}
	if (address_domain(value, rule->name, domain, NULL) != 0)
		return key_invalid(err, rule, value,
			"give the full name of this host, with a dot: mail.example.org");
	*out = arena_strdup(reader->arena, domain);
	return 0;
}

/* clang-format off */
static const char *const PROFILE_NAMES[] = {
	[PROFILE_LITE] = "lite",
	[PROFILE_STANDARD] = "standard",
	[PROFILE_FULL] = "full",
};

static const char *const PORT_NAMES[PORT_COUNT] = {
	[PORT_SMTP] = "smtp",
	[PORT_SUBMISSION] = "submission",
	[PORT_SUBMISSIONS] = "submissions",
	[PORT_IMAP] = "imap",
	[PORT_IMAPS] = "imaps",
	[PORT_POP3] = "pop3",
	[PORT_POP3S] = "pop3s",
	[PORT_SIEVE] = "sieve",
	[PORT_HTTP] = "http",
	[PORT_HTTPS] = "https",
};

/* clang-format on */

static int
parse_profile(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	enum instance_profile *out = target;

	for (size_t i = 0; i < ARRAY_LENGTH(PROFILE_NAMES); i++) {
		if (strcmp(value, PROFILE_NAMES[i]) == 0) {
			*out = (enum instance_profile)i;
			return 0;
		}
	}
	return key_invalid(err, rule, value, "choose lite, standard or full");
}

static bool
is_zone(const char *text)
{
	char path[PATHS_MAX];
	size_t length = strspn(text,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/_+-");

	if (text[0] == '\0' || text[0] == '/' || text[length] != '\0')
		return false;
	(void)snprintf(path, sizeof(path), ZONEINFO "/%s", text);
	/* A machine without the zone files is judged by shape only. */
	return !fs_exists(ZONEINFO) || fs_exists(path);
}

static int
parse_zone(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	const char **out = target;

	if (!is_zone(value))
		return key_invalid(err, rule, value,
			"give a name from " ZONEINFO ", such as Europe/Berlin");
	*out = arena_strdup(reader->arena, value);
	return 0;
}

static int
parse_bool(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	bool *out = target;
	int answer = config_bool(value);

	if (answer < 0)
		return key_invalid(err, rule, value, "write yes or no");
	*out = answer == 1;
	return 0;
}

static int
parse_number(const struct key_rule *rule, const char *value, uint64_t min,
	uint64_t max, int *out, struct err *err)
{
	uint64_t number;

	if (span_parse_uint64(span_from(value), max, &number) == 0 &&
		number >= min) {
		*out = (int)number;
		return 0;
	}
	(void)key_invalid(err, rule, value, "");
	return err_remedy(err, "write a number from %llu to %llu",
		(unsigned long long)min, (unsigned long long)max);
}

static int
parse_log_size(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 1, LOG_FILE_MIB_MAX, target, err);
}

static int
parse_log_files(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 2, LOG_FILES_MAX, target, err);
}

static int
parse_undelete_days(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 0, UNDELETE_DAYS_MAX, target, err);
}

/* clang-format off */
static const char *const COMPRESSION_NAMES[] = {
	[COMPRESSION_NONE] = "none",
	[COMPRESSION_LZ4] = "lz4",
	[COMPRESSION_ZSTD] = "zstd",
};

/* clang-format on */

static int
parse_compression(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	enum instance_compression *out = target;

	for (size_t i = 0; i < ARRAY_LENGTH(COMPRESSION_NAMES); i++) {
		if (strcmp(value, COMPRESSION_NAMES[i]) == 0) {
			*out = (enum instance_compression)i;
			return 0;
		}
	}
	return key_invalid(err, rule, value, "choose none, lz4 or zstd");
}

static int
parse_search_lag(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 1, SEARCH_LAG_MAX, target, err);
}

static int
parse_search_workers(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 1, SEARCH_WORKERS_MAX, target, err);
}

static int
parse_search_memory(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(
		rule, value, SEARCH_MIB_MIN, SEARCH_MIB_MAX, target, err);
}

static int
parse_search_part(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(
		rule, value, SEARCH_PART_MIN, SEARCH_PART_MAX, target, err);
}

static int
parse_search_days(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 0, SEARCH_DAYS_MAX, target, err);
}

static int
parse_reuse(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 1, REUSE_MAX, target, err);
}

static int
parse_hibernate_after(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 0, HIBERNATE_AFTER_MAX, target, err);
}

static int
parse_awake(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 0, AWAKE_MAX, target, err);
}

static int
parse_user_sessions(UNUSED struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	return parse_number(rule, value, 1, USER_SESSIONS_MAX, target, err);
}

static int
parse_ip(struct reader *reader, const struct key_rule *rule, const char *value,
	void *target, struct err *err)
{
	const char **out = target;

	if (!is_ip(value))
		return key_invalid(err, rule, value, "write an IP address");
	*out = arena_strdup(reader->arena, value);
	return 0;
}

/* An absolute path; empty means the package's own file. */
static int
parse_file(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	const char **out = target;

	if (value[0] == '\0') {
		*out = NULL;
		return 0;
	}
	if (value[0] != '/' || strpbrk(value, " \t\"\\") != NULL)
		return key_invalid(err, rule, value,
			"write an absolute path without blanks");
	*out = arena_strdup(reader->arena, value);
	return 0;
}

static size_t
list_length(const char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

/* Appends the words of value to the NULL-ended list. */
static int
parse_list(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	const char **list = target;
	char *rest = arena_strdup(reader->arena, value);
	size_t n = list_length(list);

	for (char *item = strsep(&rest, LIST_SEPARATORS); item != NULL;
		item = strsep(&rest, LIST_SEPARATORS)) {
		if (item[0] == '\0')
			continue;
		if (!rule->item_valid(item))
			return key_invalid(err, rule, item, rule->item_remedy);
		if (n + 1 >= INSTANCE_LIST_MAX)
			return err_field(err, ERR_LIMIT, rule->name,
				"%s has more than %d entries", rule->name,
				INSTANCE_LIST_MAX - 1);
		list[n++] = item;
	}
	return 0;
}

/* One address of each family: a connection leaves from one. */
static int
parse_sources(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	const char *const *list = target;
	int count[2] = { 0, 0 };

	if (parse_list(reader, rule, value, target, err) != 0)
		return -1;
	for (size_t i = 0; list[i] != NULL; i++)
		count[strchr(list[i], ':') != NULL]++;
	if (count[0] > 1 || count[1] > 1)
		return key_invalid(err, rule, value, rule->item_remedy);
	return 0;
}

/* "25", "*:25", "192.0.2.1:25" or "[2001:db8::1]:25", without brackets. */
static bool
split_listen(const char *item, char *address_out, size_t address_size,
	uint64_t *port_out)
{
	size_t length;

	if (strchr(item, ':') == NULL) {
		(void)snprintf(address_out, address_size, "*");
		return span_parse_uint64(
			       span_from(item), UINT16_MAX, port_out) == 0;
	}
	if (!split_number(
		    item, ':', UINT16_MAX, address_out, address_size, port_out))
		return false;
	if (strcmp(address_out, "*") == 0)
		return true;
	length = strlen(address_out);
	if (address_out[0] != '[')
		return strchr(address_out, ':') == NULL && is_ip(address_out);
	if (length < 2 || address_out[length - 1] != ']')
		return false;
	address_out[length - 1] = '\0';
	memmove(address_out, address_out + 1, length - 1);
	return strchr(address_out, ':') != NULL && is_ip(address_out);
}

static int
parse_listen(struct reader *reader, const struct key_rule *rule,
	const char *value, void *target, struct err *err)
{
	static const char remedy[] =
		"write off, PORT, *:PORT, 192.0.2.1:PORT or [2001:db8::1]:PORT; several addresses of one port are separated by blanks";
	struct instance_listen *listen = target;
	struct instance_listen parsed = { 0 };
	char *rest = arena_strdup(reader->arena, value);
	char address[INET6_ADDRSTRLEN + 3];
	size_t n = 0;
	uint64_t port;

	if (strcasecmp(value, "off") == 0) {
		*listen = parsed;
		return 0;
	}
	for (char *item = strsep(&rest, LIST_SEPARATORS); item != NULL;
		item = strsep(&rest, LIST_SEPARATORS)) {
		if (item[0] == '\0')
			continue;
		if (n + 1 >= INSTANCE_LIST_MAX ||
			!split_listen(item, address, sizeof(address), &port) ||
			port == 0 || (n > 0 && port != parsed.port))
			return key_invalid(err, rule, value, remedy);
		parsed.addresses[n++] = arena_strdup(reader->arena, address);
		parsed.port = (uint16_t)port;
	}
	if (n == 0)
		return key_invalid(err, rule, value, remedy);
	*listen = parsed;
	return 0;
}

/*
 * X(name, default, repeatable, parser, member, judge, remedy, sentence):
 * one list, two tables, so that the public one has no gaps.
 */
/* clang-format off */
#define LISTEN(X, name, port, text_default, sentence)                          \
	X("listen." name, "*:" text_default, false, parse_listen,              \
		listen[port], NULL, NULL, sentence)
#define NETWORKS "write networks like 192.0.2.0/28"

#define KEY_LIST(X)                                                            \
	X("hostname", "", false, parse_hostname, hostname, NULL, NULL,         \
		"Full name of this mail host; the MX of the domains points to it") \
	X("profile", "standard", false, parse_profile, profile, NULL, NULL,    \
		"Which engines run: lite (512 MiB), standard (1 GiB), full with virus scanner (3 GiB)") \
	X("timezone", "Etc/UTC", false, parse_zone, timezone, NULL, NULL,      \
		"Time zone of the services")                                   \
	X("ipv6", "yes", false, parse_bool, ipv6, NULL, NULL,                  \
		"Whether IPv6 is used: for listening on every address, for delivery, by the resolver") \
	LISTEN(X, "smtp", PORT_SMTP, "25", "Mail from other hosts")            \
	LISTEN(X, "submission", PORT_SUBMISSION, "587", "Mail from users, STARTTLS") \
	LISTEN(X, "submissions", PORT_SUBMISSIONS, "465", "Mail from users, TLS") \
	LISTEN(X, "imap", PORT_IMAP, "143", "IMAP, STARTTLS")                  \
	LISTEN(X, "imaps", PORT_IMAPS, "993", "IMAP, TLS")                     \
	LISTEN(X, "pop3", PORT_POP3, "110", "POP3, STARTTLS")                  \
	LISTEN(X, "pop3s", PORT_POP3S, "995", "POP3, TLS")                     \
	LISTEN(X, "sieve", PORT_SIEVE, "4190", "ManageSieve, STARTTLS")        \
	LISTEN(X, "http", PORT_HTTP, "80", "HTTP: redirection and certificate challenges") \
	LISTEN(X, "https", PORT_HTTPS, "443", "HTTPS: user interface and API") \
	X("networks", "", true, parse_list, networks, is_network, NETWORKS,    \
		"Networks beyond loopback that may relay mail without a login") \
	X("trusted_proxies", "", true, parse_list, trusted_proxies,            \
		is_network, NETWORKS,                                          \
		"Networks of reverse proxies whose forwarded client address is believed") \
	X("forwarders", "", true, parse_list, forwarders, is_forwarder,        \
		"write IP addresses, with @PORT where it is not 53",           \
		"Resolvers that are asked instead of the root servers")        \
	X("resolver.address", "127.0.53.1", false, parse_ip, resolver_address, \
		NULL, NULL,                                                    \
		"Loopback address on which the own resolver answers, port 53") \
	X("resolver.root_hints", "", false, parse_file, root_hints, NULL, NULL, \
		"File with the root servers; empty: the package's own")        \
	X("resolver.trust_anchor", "", false, parse_file, trust_anchor,        \
		NULL, NULL,                                                    \
		"File with the DNSSEC trust anchor; empty: the package's own") \
	X("resolver.check_skip", "no", false, parse_bool, resolver_check_skip, \
		NULL, NULL, "Switches the health check of the resolver off")   \
	X("resolver.check_addresses", "1.1.1.1 8.8.8.8 9.9.9.9", true,         \
		parse_list, resolver_check_addresses, is_ip,                   \
		"write IP addresses", "Addresses that the health check pings") \
	X("resolver.check_names", "debian.org github.com internet.nl", true,   \
		parse_list, resolver_check_names, is_domain,                   \
		"write domain names", "Names that the health check resolves")  \
	X("isolation", "yes", false, parse_bool, isolation, NULL, NULL,        \
		"Whether an nftables table keeps other hosts from loopback addresses and internal ports") \
	X("http.redirect", "yes", false, parse_bool, http_redirect, NULL, NULL, \
		"Whether plain HTTP only sends visitors to HTTPS (certificate challenges are answered)") \
	X("http.proxy_protocol", "no", false, parse_bool,                      \
		http_proxy_protocol, NULL, NULL,                               \
		"Whether web connections begin with the PROXY protocol, from a balancer in trusted_proxies") \
	X("smtp.source", "", true, parse_sources, smtp_source, is_ip,             \
		"write one IPv4 and one IPv6 address",                         \
		"Addresses that mail leaves from; empty: the one that listen.smtp names") \
	X("mail.encryption", "yes", false, parse_bool, mail_encryption, NULL,  \
		NULL,                                                          \
		"Whether new mail is encrypted on disk; what is encrypted stays readable either way") \
	X("mail.compression", "lz4", false, parse_compression,                 \
		mail_compression, NULL, NULL,                                  \
		"How new mail is compressed on disk: none, lz4 (fast), zstd (smaller)") \
	X("mail.undelete_days", "7", false, parse_undelete_days,               \
		mail_undelete_days, NULL, NULL,                                \
		"Days for which messages that a user deleted can be brought back; 0: they are gone at once") \
	X("imap.reuse", "100", false, parse_reuse, imap_reuse, NULL, NULL,     \
		"Sessions that a process of IMAP, POP3 or ManageSieve serves one after another; 1: a process for each (see imap.md)") \
	X("imap.hibernate_after", "5", false, parse_hibernate_after,           \
		imap_hibernate_after, NULL, NULL,                              \
		"Seconds of IDLE after which an IMAP session gives its process back; 0: never") \
	X("imap.awake_max", "0", false, parse_awake, imap_awake_max, NULL, NULL, \
		"IMAP sessions that may have a process at a time, 2 to 3 MiB each; 0: one for every 4 MiB of memory") \
	X("imap.user_max", "100", false, parse_user_sessions, imap_user_max,   \
		NULL, NULL,                                                    \
		"Sessions of each protocol that one user may have open from one address") \
	X("log.file_size", "10", false, parse_log_size, log_file_mib, NULL, NULL, \
		"Size in MiB at which a service's log goes on in a new file")  \
	X("log.files", "5", false, parse_log_files, log_files, NULL, NULL,     \
		"How many log files are kept of each service")                 \
	X("search.enabled", "yes", false, parse_bool, search_enabled, NULL, NULL, \
		"Whether there is an index for searching in mail; without, each search reads the mail") \
	X("search.lag", "30", false, parse_search_lag, search_lag_s, NULL, NULL, \
		"Seconds that changes of mailboxes are gathered before they are indexed in the background") \
	X("search.workers", "2", false, parse_search_workers, search_workers,  \
		NULL, NULL, "How many processes index at a time")              \
	X("search.memory", "1024", false, parse_search_memory, search_memory_mib, \
		NULL, NULL, "Memory in MiB that one indexing process may take") \
	X("search.part_length", "20", false, parse_search_part, search_part_length, \
		NULL, NULL, "Longest part of a word (from 3 letters) that is found; less is faster and smaller, see the page on searching") \
	X("search.optimize_days", "1", false, parse_search_days,               \
		search_optimize_days, NULL, NULL,                              \
		"Days between two clean-ups of the search index; 0: never")    \
	X("antivirus.updates", "yes", false, parse_bool, antivirus_updates,    \
		NULL, NULL, "Whether virus signatures are downloaded (profile full)")

#define KEY_PUBLIC(name, value, repeatable, parse, member, valid, remedy, sentence) \
	{ name, value, sentence, repeatable },
#define KEY_RULE(name, value, repeatable, parse, member, valid, remedy, sentence) \
	{ name, parse, offsetof(struct instance, member), valid, remedy },

static const struct instance_key KEYS[] = { KEY_LIST(KEY_PUBLIC) };
static const struct key_rule RULES[] = { KEY_LIST(KEY_RULE) };
/* clang-format on */

#define KEY_COUNT ARRAY_LENGTH(RULES)

static ptrdiff_t
key_index(const char *name)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		if (strcmp(KEYS[i].name, name) == 0)
			return (ptrdiff_t)i;
	}
	return -1;
}

static void *
key_target(struct instance *instance, const struct key_rule *rule)
{
	return (char *)instance + rule->offset;
}

static int
read_line(void *context, const char *name, const char *value, UNUSED int line,
	struct err *err)
{
	struct reader *reader = context;
	ptrdiff_t index = key_index(name);
	const struct key_rule *rule;
	void *target;

	if (index < 0) {
		(void)err_field(err, ERR_INVALID, name, "there is no such key");
		return err_remedy(err, "see mailherd.conf(5) for the keys");
	}
	rule = &RULES[index];
	target = key_target(reader->instance, rule);
	if (reader->seen[index] && !KEYS[index].repeatable)
		return err_field(err, ERR_INVALID, name, "it stands twice");
	if (!reader->seen[index] && rule->parse == parse_list)
		memset(target, 0, INSTANCE_LIST_MAX * sizeof(char *));
	reader->seen[index] = true;
	return rule->parse(reader, rule, value, target, err);
}

static int
read_defaults(struct reader *reader, struct err *err)
{
	for (size_t i = 0; i < KEY_COUNT; i++) {
		const struct key_rule *rule = &RULES[i];

		if (rule->parse(reader, rule, KEYS[i].default_value,
			    key_target(reader->instance, rule), err) != 0)
			return err_prefix(err, "default");
	}
	return 0;
}

static int
read_text(struct span text, const char *name, struct arena *arena,
	struct instance *instance_out, struct err *err)
{
	struct instance instance = { 0 };
	bool seen[KEY_COUNT] = { false };
	struct reader reader = { &instance, arena, seen };

	if (read_defaults(&reader, err) != 0)
		return -1;
	if (config_parse(text, name, read_line, &reader, err) != 0)
		return -1;
	if (instance.hostname == NULL) {
		(void)err_field(err, ERR_INVALID, "hostname",
			"%s does not say the host name", name);
		return err_remedy(
			err, "run mailherd setup --hostname mail.example.org");
	}
	*instance_out = instance;
	return 0;
}

int
instance_check(const char *name, const char *value, struct err *err)
{
	struct arena *arena = arena_new();
	struct instance unused = { 0 };
	bool seen[KEY_COUNT] = { false };
	struct reader reader = { &unused, arena, seen };
	int status = read_line(&reader, name, value, 0, err);

	arena_free(&arena);
	return status;
}

const struct instance_key *
instance_keys(size_t *count_out)
{
	*count_out = KEY_COUNT;
	return KEYS;
}

const char *
instance_port_name(enum instance_port port)
{
	return PORT_NAMES[port];
}

const char *
instance_compression_name(enum instance_compression compression)
{
	return COMPRESSION_NAMES[compression];
}

const char *
instance_profile_name(enum instance_profile profile)
{
	return PROFILE_NAMES[profile];
}

static int
load_file(const char *path, struct arena *arena, struct instance *instance_out,
	struct err *err)
{
	struct strbuf text;
	int status = -1;

	strbuf_init(&text, CONFIG_FILE_SIZE_MAX);
	if (fs_read(path, CONFIG_FILE_SIZE_MAX, &text, err) == 0)
		status = read_text(
			strbuf_span(&text), path, arena, instance_out, err);
	strbuf_deinit(&text);
	return status;
}

int
instance_load(const struct paths *paths, struct arena *arena,
	struct instance *instance_out, struct err *err)
{
	if (load_file(paths->config, arena, instance_out, err) == 0)
		return 0;
	if (err != NULL && err->code == ERR_NOT_FOUND)
		(void)err_remedy(err,
			"run mailherd setup, or name the instance with --root");
	return -1;
}

int
instance_load_or_last(const struct paths *paths, struct arena *arena,
	struct instance *instance_out, struct err *why_out)
{
	struct err ignored;
	char copy[PATHS_MAX + sizeof("/" INSTANCE_COPY)];

	if (instance_load(paths, arena, instance_out, why_out) == 0)
		return 0;
	(void)snprintf(
		copy, sizeof(copy), "%s/" INSTANCE_COPY, paths->rendered);
	return load_file(copy, arena, instance_out, &ignored) == 0 ? 1 : -1;
}

#define CONFIG_HEAD                                                                      \
	"# mailherd.conf: what must be known before the database opens.\n"               \
	"# Written by mailherd setup; edit it as you like, then run mailherd restart.\n" \
	"# Every key is described in mailherd.conf(5).\n"

static size_t
pair_count(const char *const *pairs)
{
	size_t n = 0;

	while (pairs[2 * n] != NULL)
		n++;
	return n;
}

/* Writes every pair of this key; a NULL value removes the key. */
static void
write_pairs(struct strbuf *out, const char *const *pairs, const char *name)
{
	for (size_t i = 0; pairs[2 * i] != NULL; i++) {
		if (strcmp(pairs[2 * i], name) == 0 && pairs[2 * i + 1] != NULL)
			strbuf_printf(out, "%s = %s\n", name, pairs[2 * i + 1]);
	}
}

/* The index of the first pair whose key this line sets, or -1. */
static ptrdiff_t
line_pair(struct span line, const char *const *pairs)
{
	struct span key;

	while (line.length > 0 &&
		(line.data[0] == ' ' || line.data[0] == '\t')) {
		line.data++;
		line.length--;
	}
	key = line;
	key.length = 0;
	while (key.length < line.length &&
		strchr(" \t=", line.data[key.length]) == NULL)
		key.length++;
	for (size_t i = 0; pairs[2 * i] != NULL; i++) {
		if (span_equal_text(key, pairs[2 * i]))
			return (ptrdiff_t)i;
	}
	return -1;
}

/* Replaces keys where they stand first, drops repeats, appends new ones. */
static void
merge_pairs(struct span text, const char *const *pairs, struct strbuf *out,
	bool *written)
{
	struct span line;

	if (text.length > 0 && text.data[text.length - 1] == '\n')
		text.length--;
	while (text.length > 0 && span_split(&text, '\n', &line)) {
		ptrdiff_t pair = line_pair(line, pairs);

		if (pair < 0) {
			strbuf_add_span(out, line);
			strbuf_add_char(out, '\n');
		} else if (!written[pair]) {
			write_pairs(out, pairs, pairs[2 * pair]);
			written[pair] = true;
		}
	}
	for (size_t i = 0; pairs[2 * i] != NULL; i++) {
		size_t first = 0;

		while (strcmp(pairs[2 * first], pairs[2 * i]) != 0)
			first++;
		if (first == i && !written[i])
			write_pairs(out, pairs, pairs[2 * i]);
	}
}

/* The present file, or the head of a new one. */
static int
read_present(const struct paths *paths, struct strbuf *text, struct err *err)
{
	struct err cause = { 0 };

	if (fs_read(paths->config, CONFIG_FILE_SIZE_MAX, text, &cause) == 0)
		return 0;
	if (cause.code != ERR_NOT_FOUND) {
		if (err != NULL)
			*err = cause;
		return -1;
	}
	strbuf_reset(text);
	strbuf_add_text(text, CONFIG_HEAD);
	return 0;
}

int
instance_draft(const struct paths *paths, const char *const *pairs,
	struct strbuf *draft_out, bool *same_out, struct err *err)
{
	struct arena *arena = arena_new();
	struct instance checked;
	struct strbuf present;
	bool *written =
		arena_alloc(arena, (pair_count(pairs) + 1) * sizeof(bool));
	int status = -1;

	strbuf_init(&present, CONFIG_FILE_SIZE_MAX);
	if (read_present(paths, &present, err) != 0)
		goto out;
	merge_pairs(strbuf_span(&present), pairs, draft_out, written);
	if (strbuf_overflowed(draft_out)) {
		(void)err_set(
			err, ERR_TOO_BIG, "%s grows too big", paths->config);
		goto out;
	}
	status = read_text(
		strbuf_span(draft_out), paths->config, arena, &checked, err);
	*same_out = span_equal(strbuf_span(&present), strbuf_span(draft_out)) &&
		    fs_exists(paths->config);
out:
	strbuf_deinit(&present);
	arena_free(&arena);
	return status;
}

int
instance_set(
	const struct paths *paths, const char *const *pairs, struct err *err)
{
	struct strbuf draft;
	bool same = false;
	int status;

	strbuf_init(&draft, CONFIG_FILE_SIZE_MAX);
	status = instance_draft(paths, pairs, &draft, &same, err);
	if (status == 0 && !same)
		status = fs_write_atomic(paths->config, draft.data,
			draft.length, 0644, (uid_t)-1, (gid_t)-1, err);
	strbuf_deinit(&draft);
	return status;
}

int
instance_each_line(const struct paths *paths, config_line_fn *line_fn,
	void *context, struct err *err)
{
	return config_parse_file(paths->config, line_fn, context, err);
}
