/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * In the order in which people know them. "Not yet" rows say what they come
 * with; they get an option when that is there.
 */
#include "cli/variable.h"

#include "base/compiler.h"

#define NOT_NEEDED "not needed: "
#define NOT_YET "not yet: comes with "
#define ACME NOT_YET "certificates from an authority"
#define WATCHDOG NOT_YET "the alarms of the watch"
#define GROUPWARE NOT_YET "groupware"
#define SEARCH NOT_YET "full-text search"
#define SYNC NOT_YET "replication to a second machine"
#define NO_CONTAINERS NOT_NEEDED "there are no containers between the programs"

/* clang-format off */
static const struct variable VARIABLES[] = {
	{ "MAILCOW_HOSTNAME", "hostname", "`mailherd setup --hostname` asks for it" },
	{ "MAILCOW_PASS_SCHEME", "password_scheme", "ARGON2ID is new; existing hashes of any known scheme go on working" },
	{ "DBNAME DBUSER DBPASS DBROOT", NULL, NOT_NEEDED "the database is a file that belongs to the programs that use it" },
	{ "REDISPASS REDISMASTERPASS", NULL, NOT_NEEDED "Redis listens on a socket that only its consumers can reach" },
	{ "HTTP_PORT HTTP_BIND", "listen.http", "address and port in one" },
	{ "HTTPS_PORT HTTPS_BIND", "listen.https", "address and port in one" },
	{ "HTTP_REDIRECT", "http.redirect", "on by default" },
	{ "SMTP_PORT", "listen.smtp", "`off`, `PORT` or `ADDRESS:PORT`, as for all that listen" },
	{ "SMTPS_PORT", "listen.submissions", "" },
	{ "SUBMISSION_PORT", "listen.submission", "" },
	{ "IMAP_PORT", "listen.imap", "" },
	{ "IMAPS_PORT", "listen.imaps", "" },
	{ "POP_PORT", "listen.pop3", "" },
	{ "POPS_PORT", "listen.pop3s", "" },
	{ "SIEVE_PORT", "listen.sieve", "" },
	{ "DOVEADM_PORT", NULL, NOT_NEEDED "`mailherd exec doveadm`; for a second machine: " SYNC },
	{ "SQL_PORT REDIS_PORT", NULL, NOT_NEEDED "neither has a TCP port; `mailherd exec redis-cli`" },
	{ "SOLR_PORT SOLR_HEAP SKIP_SOLR", NULL, NOT_NEEDED "there is no Solr" },
	{ "TZ", "timezone", "every service's log stamps follow it" },
	{ "COMPOSE_PROJECT_NAME DOCKER_COMPOSE_VERSION", NULL, NO_CONTAINERS "; several instances are told apart by `--root`" },
	{ "ACL_ANYONE", NULL, NOT_YET "shared folders" },
	{ "MAILDIR_GC_TIME", NULL, NOT_YET "cleaning up: mail of deleted mailboxes is kept in `vmail/.garbage`" },
	{ "ADDITIONAL_SAN AUTODISCOVER_SAN", NULL, ACME },
	{ "ADDITIONAL_SERVER_NAMES", NULL, NOT_NEEDED "the web server answers to every name" },
	{ "SKIP_LETS_ENCRYPT", NULL, ACME "; until then the certificate is that of `mailherd setup --certificate`" },
	{ "ENABLE_SSL_SNI ONLY_MAILCOW_HOSTNAME", NULL, ACME },
	{ "SKIP_IP_CHECK SKIP_HTTP_VERIFICATION", NULL, ACME },
	{ "LE_STAGING DIRECTORY_URL ACME_CONTACT", NULL, ACME },
	{ "ACME_DNS_CHALLENGE ACME_DNS_PROVIDER ACME_ACCOUNT_EMAIL", NULL, ACME },
	{ "SKIP_UNBOUND_HEALTHCHECK", "resolver.check_skip", "what is asked is said by `resolver.check_addresses` and `resolver.check_names`" },
	{ "SKIP_CLAMD", "profile", "only `full` has ClamAV; see `antivirus.updates`" },
	{ "SKIP_OLEFY", NULL, NOT_YET "the scanner of Office macros" },
	{ "SKIP_SOGO", NULL, GROUPWARE "; the profile will decide" },
	{ "SKIP_RSPAMD", NULL, NOT_NEEDED "Rspamd's own page is not published" },
	{ "SKIP_FTS FTS_HEAP FTS_PROCS", NULL, SEARCH },
	{ "ALLOW_ADMIN_EMAIL_LOGIN", NULL, GROUPWARE },
	{ "USE_WATCHDOG", NULL, NOT_NEEDED "services are always supervised; `mailherd status` says how they are" },
	{ "WATCHDOG_NOTIFY_EMAIL WATCHDOG_NOTIFY_WEBHOOK WATCHDOG_NOTIFY_WEBHOOK_BODY", NULL, WATCHDOG },
	{ "WATCHDOG_NOTIFY_BAN", NULL, NOT_YET "bans" },
	{ "WATCHDOG_NOTIFY_START WATCHDOG_SUBJECT", NULL, WATCHDOG },
	{ "WATCHDOG_EXTERNAL_CHECKS", NULL, NOT_NEEDED "no service of ours looks at you from outside; `mailherd doctor` looks from inside" },
	{ "WATCHDOG_MYSQL_REPLICATION_CHECKS", NULL, NOT_NEEDED "there is no MySQL to replicate" },
	{ "WATCHDOG_VERBOSE", NULL, NOT_NEEDED "`mailherd logs watch` shows each change of state" },
	{ "*_THRESHOLD MAILQ_CRIT", NULL, WATCHDOG "; today a service that ends is started again, at once, then after a growing pause" },
	{ "IP_BY_DOCKER_API", NULL, NO_CONTAINERS },
	{ "CHECK_UNBOUND", "resolver.check_skip", "with resolvers of your own name them in `forwarders`: they are checked, too" },
	{ "LOG_LINES", "log.file_size log.files", "logs are files: `mailherd logs`" },
	{ "IPV4_NETWORK IPV6_NETWORK", NULL, NO_CONTAINERS },
	{ "ENABLE_IPV6", "ipv6", "" },
	{ "SNAT_TO_SOURCE SNAT6_TO_SOURCE", "smtp.source", "binds Postfix to the addresses; packets are not rewritten. An address in `listen.smtp` does it, too" },
	{ "API_KEY API_KEY_READ_ONLY API_ALLOW_FROM", NULL, NOT_YET "the REST API" },
	{ "MAILDIR_SUB", NULL, NOT_NEEDED "the place of mail in a mailbox's home is fixed, so that no setting can hide it" },
	{ "SOGO_EXPIRE_SESSION SOGO_URL_ENCRYPTION_KEY", NULL, GROUPWARE },
	{ "DOVECOT_MASTER_USER DOVECOT_MASTER_PASS", NULL, NOT_YET "logins on behalf of a user, which will be written to the audit" },
	{ "WEBAUTHN_ONLY_TRUSTED_VENDORS", NULL, NOT_YET "the web UI" },
	{ "SPAMHAUS_DQS_KEY", NULL, NOT_YET "DNS lists; until then an override of Rspamd can name it" },
	{ "DISABLE_NETFILTER_ISOLATION_RULE", "isolation", "the other way round: `yes` isolates" },
	{ "MASTER", NULL, SYNC },
	{ "REDIS_SLAVEOF_IP REDIS_SLAVEOF_PORT", NULL, SYNC },
	{ "MAILCOW_REPLICA_IP DOVEADM_REPLICA_PORT", NULL, SYNC },
	{ "PHPFPMHOST SOGOHOST RSPAMDHOST REDISHOST", NULL, NO_CONTAINERS },
	{ "NGINX_USE_PROXY_PROTOCOL", "http.proxy_protocol", "with the balancer in `trusted_proxies`" },
	{ "TRUSTED_PROXIES", "trusted_proxies", "networks, several lines or several in one" },
	{ "DEV_MODE DEMO_MODE CLUSTERMODE", NULL, NOT_NEEDED "switches of mailcow's own development" },
};

/* clang-format on */

const struct variable *
variable_table(size_t *count_out)
{
	*count_out = ARRAY_LENGTH(VARIABLES);
	return VARIABLES;
}
