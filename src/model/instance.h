/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd.conf: what is needed before a database opens or what decides
 * listening sockets. One table describes each key (type, default, limits,
 * sentence); parsing, checking, `config show` and the documentation come
 * from it. Everything else is a row of the settings table.
 */
#ifndef MODEL_INSTANCE_H
#define MODEL_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/config.h"
#include "base/err.h"
#include "base/paths.h"
#include "base/strbuf.h"

enum instance_profile {
	PROFILE_LITE,
	PROFILE_STANDARD,
	PROFILE_FULL
};

enum instance_compression {
	COMPRESSION_NONE,
	COMPRESSION_LZ4,
	COMPRESSION_ZSTD
};

enum instance_port {
	PORT_SMTP,
	PORT_SUBMISSION,
	PORT_SUBMISSIONS,
	PORT_IMAP,
	PORT_IMAPS,
	PORT_POP3,
	PORT_POP3S,
	PORT_SIEVE,
	PORT_HTTP,
	PORT_HTTPS,
	PORT_COUNT
};

#define INSTANCE_LIST_MAX 16
#define SEARCH_WORKERS_MAX 4

struct instance_listen {
	/* Addresses; "*" is every address of IPv4 and, with ipv6, IPv6. */
	const char *addresses[INSTANCE_LIST_MAX]; /* NULL-ended */
	uint16_t port; /* 0: off */
};

struct instance {
	const char *hostname;
	enum instance_profile profile;
	const char *timezone; /* "Etc/UTC" */
	bool ipv6;
	struct instance_listen listen[PORT_COUNT];
	const char *forwarders[INSTANCE_LIST_MAX]; /* resolver; NULL-ended */
	const char *
		resolver_address; /* "127.0.53.1": a loopback of ours, port 53 */
	const char *root_hints; /* file, or NULL: the package's */
	const char *trust_anchor; /* file, or NULL: the package's */
	bool resolver_check_skip;
	const char *resolver_check_addresses[INSTANCE_LIST_MAX]; /* ping */
	const char *resolver_check_names[INSTANCE_LIST_MAX];
	const char
		*networks[INSTANCE_LIST_MAX]; /* mynetworks beyond loopback */
	const char *trusted_proxies[INSTANCE_LIST_MAX];
	bool isolation; /* an nftables table keeps others from internal ports */
	bool http_redirect; /* plain HTTP only points to HTTPS */
	bool http_proxy_protocol; /* a balancer stands before it */
	/* Where mail leaves from, one of a family; else as it listens. */
	const char *smtp_source[INSTANCE_LIST_MAX];
	bool mail_encryption; /* of new mail, on disk */
	enum instance_compression mail_compression;
	int mail_undelete_days; /* 0: off */
	int imap_reuse; /* sessions of a process; 1: one */
	int imap_hibernate_after; /* seconds; 0: never */
	int imap_awake_max; /* 0: by the machine's memory */
	int imap_user_max; /* sessions of a user from one address */
	int log_file_mib;
	int log_files; /* of a service, the one that is written among them */
	/* Full-text search. */
	bool search_enabled;
	int search_lag_s;
	int search_workers;
	int search_memory_mib;
	int search_part_length;
	int search_optimize_days; /* 0: never */
	bool antivirus_updates; /* freshclam runs, where there is clamd */
};

/* One row of the key table, for help and documentation. */
struct instance_key {
	const char *name; /* "listen.smtp" */
	const char *default_value;
	const char *sentence;
	bool repeatable;
};

const struct instance_key *instance_keys(size_t *count_out);
const char *instance_port_name(enum instance_port port); /* "submissions" */
/* "lz4" */
const char *instance_compression_name(enum instance_compression compression);
const char *instance_profile_name(enum instance_profile profile);
/* Reads and checks mailherd.conf; texts live in arena. */
MUST_CHECK int instance_load(const struct paths *paths, struct arena *arena,
	struct instance *instance_out, struct err *err);
/* Could a line of mailherd.conf say that? */
MUST_CHECK int instance_check(
	const char *name, const char *value, struct err *err);
/* The lines of mailherd.conf as they stand there, for who asks whence. */
MUST_CHECK int instance_each_line(const struct paths *paths,
	config_line_fn *line_fn, void *context, struct err *err);
/*
 * The text that instance_set() would write, checked; nothing is written.
 * draft_out must have been made with a limit of CONFIG_FILE_SIZE_MAX.
 * same_out: it is what the file says already.
 */
MUST_CHECK int instance_draft(const struct paths *paths,
	const char *const *pairs, struct strbuf *draft_out, bool *same_out,
	struct err *err);
/* The last one that came into force, below the rendered tree. */
#define INSTANCE_COPY "mailherd/mailherd.conf"
/*
 * For what must run: 0 as above; 1 mailherd.conf is wrong (why_out says
 * how), the last one that was right was read instead; -1 neither.
 */
MUST_CHECK int instance_load_or_last(const struct paths *paths,
	struct arena *arena, struct instance *instance_out,
	struct err *why_out);
/*
 * Writes keys that `up` and `setup` were given (key, value pairs, NULL
 * ended) into mailherd.conf, keeping comments and other lines; checks the
 * result before it replaces the file.
 */
MUST_CHECK int instance_set(
	const struct paths *paths, const char *const *pairs, struct err *err);

#endif
