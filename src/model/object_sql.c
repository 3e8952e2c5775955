/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Statements on objects. The columns of a SELECT stand in the order of the
 * resource's field table; a test compares their names.
 */
#include "model/core_sql.h"

/* clang-format off */
#define DOMAIN_COLUMNS                                                         \
	"id, name, description, active, max_mailboxes, max_aliases,"           \
	" default_quota, max_quota, quota, quota_warning_bcc,"                 \
	" quota_warning_bcc_active, mailboxes, aliases, quota_used,"           \
	" created, modified"
#define DOMAIN_SEARCH                                                          \
	" AND (?2 IS NULL OR instr(lower(name), lower(?2)) > 0 OR instr(lower(description), lower(?2)) > 0)"

const struct db_statement DOMAIN_SQL[DOMAIN_SQL_COUNT] = {
	[RESOURCE_FIND] = { "domain-find",
		"SELECT " DOMAIN_COLUMNS " FROM domain WHERE name = ?1", NULL },
	[RESOURCE_INSERT] = { "domain-insert",
		"INSERT INTO domain (id, name, description, active,"
		" max_mailboxes, max_aliases, default_quota, max_quota, quota,"
		" quota_warning_bcc, quota_warning_bcc_active,"
		" created, modified)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
		" ?13)", NULL },
	[RESOURCE_UPDATE] = { "domain-update",
		"UPDATE domain SET name = ?2, description = ?3, active = ?4,"
		" max_mailboxes = ?5, max_aliases = ?6, default_quota = ?7,"
		" max_quota = ?8, quota = ?9, quota_warning_bcc = ?10,"
		" quota_warning_bcc_active = ?11, created = ?12, modified = ?13"
		" WHERE id = ?1", NULL },
	[RESOURCE_DELETE] = { "domain-delete",
		"DELETE FROM domain WHERE id = ?1", NULL },
	[RESOURCE_LIST] = { "domain-list",
		"SELECT " DOMAIN_COLUMNS " FROM domain WHERE name > ?1"
		DOMAIN_SEARCH " ORDER BY name LIMIT ?3", NULL },
	[RESOURCE_LIST_OF] = { "domain-list-of",
		"SELECT " DOMAIN_COLUMNS " FROM domain WHERE name > ?1"
		DOMAIN_SEARCH " AND name = ?4 ORDER BY name LIMIT ?3", NULL },
	[DOMAIN_COUNT_MAILBOX] = { "domain-count-mailbox",
		"UPDATE domain SET mailboxes = mailboxes + ?2,"
		" quota_used = quota_used + ?3 WHERE id = ?1", NULL },
	[DOMAIN_COUNT_ALIAS] = { "domain-count-alias",
		"UPDATE domain SET aliases = aliases + ?2 WHERE id = ?1", NULL },
	[DOMAIN_QUOTA_BIGGEST] = { "domain-quota-biggest",
		"SELECT coalesce(max(quota), 0) FROM mailbox"
		" WHERE domain_id = ?1", NULL },
};

#define ALIAS_DOMAIN_COLUMNS                                                   \
	"id, name,"                                                            \
	" (SELECT d.name FROM domain AS d WHERE d.id = domain_id) AS target,"  \
	" domain_id, description, active, created, modified"
#define ALIAS_DOMAIN_SEARCH                                                    \
	" AND (?2 IS NULL OR instr(lower(name), lower(?2)) > 0 OR instr(lower(description), lower(?2)) > 0)"

const struct db_statement ALIAS_DOMAIN_SQL[ALIAS_DOMAIN_SQL_COUNT] = {
	[RESOURCE_FIND] = { "alias-domain-find",
		"SELECT " ALIAS_DOMAIN_COLUMNS " FROM alias_domain"
		" WHERE name = ?1", NULL },
	[RESOURCE_INSERT] = { "alias-domain-insert",
		"INSERT INTO alias_domain (id, name, domain_id, description,"
		" active, created, modified)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", NULL },
	[RESOURCE_UPDATE] = { "alias-domain-update",
		"UPDATE alias_domain SET name = ?2, domain_id = ?3,"
		" description = ?4, active = ?5, created = ?6, modified = ?7"
		" WHERE id = ?1", NULL },
	[RESOURCE_DELETE] = { "alias-domain-delete",
		"DELETE FROM alias_domain WHERE id = ?1", NULL },
	[RESOURCE_LIST] = { "alias-domain-list",
		"SELECT " ALIAS_DOMAIN_COLUMNS " FROM alias_domain"
		" WHERE name > ?1" ALIAS_DOMAIN_SEARCH
		" ORDER BY name LIMIT ?3", NULL },
	[RESOURCE_LIST_OF] = { "alias-domain-list-of",
		"SELECT " ALIAS_DOMAIN_COLUMNS " FROM alias_domain"
		" WHERE domain_id = (SELECT id FROM domain WHERE domain.name = ?4)"
		" AND name > ?1" ALIAS_DOMAIN_SEARCH
		" ORDER BY name LIMIT ?3", NULL },
	[ALIAS_DOMAIN_ALIASES] = { "alias-domain-aliases",
		"SELECT count(*) FROM alias WHERE alias_domain_id = ?1", NULL },
	[ALIAS_DOMAIN_OF] = { "alias-domain-of",
		"SELECT name FROM alias_domain WHERE domain_id = ?1"
		" ORDER BY name", NULL },
};

#define MAILBOX_COLUMNS                                                        \
	"id, address, domain_id, local_part, name, active, quota, imap, pop3," \
	" smtp, sieve, dav, eas, force_password_change, password, store_id,"   \
	" password_changed, created, modified"
#define MAILBOX_SEARCH                                                         \
	" AND (?2 IS NULL OR instr(lower(address), lower(?2)) > 0 OR instr(lower(name), lower(?2)) > 0)"

const struct db_statement MAILBOX_SQL[MAILBOX_SQL_COUNT] = {
	[RESOURCE_FIND] = { "mailbox-find",
		"SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE address = ?1",
		NULL },
	[RESOURCE_INSERT] = { "mailbox-insert",
		"INSERT INTO mailbox (" MAILBOX_COLUMNS ") VALUES (?1, ?2, ?3,"
		" ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
		" ?17, ?18, ?19)", NULL },
	[RESOURCE_UPDATE] = { "mailbox-update",
		"UPDATE mailbox SET address = ?2, domain_id = ?3,"
		" local_part = ?4, name = ?5, active = ?6, quota = ?7,"
		" imap = ?8, pop3 = ?9, smtp = ?10, sieve = ?11, dav = ?12,"
		" eas = ?13, force_password_change = ?14, password = ?15,"
		" store_id = ?16, password_changed = ?17, created = ?18,"
		" modified = ?19 WHERE id = ?1", NULL },
	[RESOURCE_DELETE] = { "mailbox-delete",
		"DELETE FROM mailbox WHERE id = ?1", NULL },
	[RESOURCE_LIST] = { "mailbox-list",
		"SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE address > ?1"
		MAILBOX_SEARCH " ORDER BY address LIMIT ?3", NULL },
	[RESOURCE_LIST_OF] = { "mailbox-list-of",
		"SELECT " MAILBOX_COLUMNS " FROM mailbox"
		" WHERE domain_id = (SELECT id FROM domain WHERE domain.name = ?4)"
		" AND address > ?1" MAILBOX_SEARCH
		" ORDER BY address LIMIT ?3", NULL },
};

#define ALIAS_COLUMNS                                                          \
	"id, address, domain_id, alias_domain_id,"                             \
	" (SELECT group_concat(t.address, ',') FROM (SELECT address"           \
	" FROM alias_target WHERE alias_id = alias.id ORDER BY position) AS t)" \
	" AS targets, active, sender_allowed, internal, private_comment,"      \
	" public_comment, created, modified"
#define ALIAS_SEARCH                                                           \
	" AND (?2 IS NULL OR instr(lower(address), lower(?2)) > 0"                           \
	" OR instr(lower(private_comment), lower(?2)) > 0 OR instr(lower(public_comment), lower(?2)) > 0)"

const struct db_statement ALIAS_SQL[ALIAS_SQL_COUNT] = {
	[RESOURCE_FIND] = { "alias-find",
		"SELECT " ALIAS_COLUMNS " FROM alias WHERE address = ?1",
		"the scan is of the few targets of one alias" },
	[RESOURCE_INSERT] = { "alias-insert",
		"INSERT INTO alias (id, address, domain_id, alias_domain_id,"
		" active, sender_allowed, internal, private_comment,"
		" public_comment, created, modified)"
		" VALUES (?1, ?2, ?3, nullif(?4, 0), ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		NULL },
	[RESOURCE_UPDATE] = { "alias-update",
		"UPDATE alias SET address = ?2, domain_id = ?3,"
		" alias_domain_id = nullif(?4, 0), active = ?5,"
		" sender_allowed = ?6, internal = ?7, private_comment = ?8,"
		" public_comment = ?9, created = ?10, modified = ?11"
		" WHERE id = ?1", NULL },
	[RESOURCE_DELETE] = { "alias-delete",
		"DELETE FROM alias WHERE id = ?1", NULL },
	[RESOURCE_LIST] = { "alias-list",
		"SELECT " ALIAS_COLUMNS " FROM alias WHERE address > ?1"
		ALIAS_SEARCH " ORDER BY address LIMIT ?3",
		"the scan is of the few targets of one alias" },
	[RESOURCE_LIST_OF] = { "alias-list-of",
		"SELECT " ALIAS_COLUMNS " FROM alias"
		" WHERE domain_id = (SELECT id FROM domain WHERE domain.name = ?4)"
		" AND address > ?1" ALIAS_SEARCH " ORDER BY address LIMIT ?3",
		"the scan is of the few targets of one alias" },
	[ALIAS_TARGET_INSERT] = { "alias-target-insert",
		"INSERT INTO alias_target (alias_id, position, address)"
		" VALUES (?1, ?2, ?3)", NULL },
	[ALIAS_TARGETS_DELETE] = { "alias-targets-delete",
		"DELETE FROM alias_target WHERE alias_id = ?1", NULL },
	[ALIAS_POINTING_TO] = { "alias-pointing-to",
		"SELECT alias.address FROM alias_target"
		" JOIN alias ON alias.id = alias_target.alias_id"
		" WHERE alias_target.address = ?1"
		" ORDER BY alias_target.alias_id", NULL },
};

#define REMOVED_COLUMNS                                                        \
	"id, store_id, address, state, removed, bytes, memory, settled"

const struct db_statement REMOVED_SQL[REMOVED_SQL_COUNT] = {
	[REMOVED_INSERT] = { "removed-insert",
		"INSERT INTO removed_mailbox (" REMOVED_COLUMNS ", due)"
		" VALUES (?1, ?2, ?3, ?4, ?5, -1, ?6, 0, ?7)"
		" ON CONFLICT (id) DO UPDATE SET address = excluded.address,"
		" state = excluded.state, removed = excluded.removed,"
		" bytes = -1, memory = excluded.memory,"
		" settled = 0, due = excluded.due", NULL },
	[REMOVED_FIND] = { "removed-find",
		"SELECT " REMOVED_COLUMNS " FROM removed_mailbox"
		" WHERE address = ?1 OR store_id = ?1"
		" ORDER BY state, removed DESC, id DESC LIMIT 1", NULL },
	[REMOVED_LIST] = { "removed-list",
		"SELECT " REMOVED_COLUMNS " FROM removed_mailbox WHERE id > ?1"
		" AND (?2 IS NULL OR instr(lower(address), lower(?2)) > 0)"
		" ORDER BY id LIMIT ?3", NULL },
	[REMOVED_SET_STATE] = { "removed-set-state",
		"UPDATE removed_mailbox SET state = ?2, settled = 0, due = ?3"
		" WHERE id = ?1", NULL },
	[REMOVED_FORGET] = { "removed-forget",
		"UPDATE removed_mailbox SET state = 2, memory = '{}',"
		" settled = 0, due = ?2 WHERE id = ?1", NULL },
	[REMOVED_STATE] = { "removed-state",
		"SELECT state FROM removed_mailbox WHERE store_id = ?1", NULL },
	[REMOVED_SETTLED] = { "removed-settled",
		"UPDATE removed_mailbox SET settled = 1, bytes = ?2"
		" WHERE store_id = ?1 AND state = 0 AND settled = 0", NULL },
	[REMOVED_POSTPONE] = { "removed-postpone",
		"UPDATE removed_mailbox SET due = ?2 WHERE store_id = ?1",
		NULL },
	[REMOVED_DELETE] = { "removed-delete",
		"DELETE FROM removed_mailbox WHERE store_id = ?1 AND state = ?2",
		NULL },
	[REMOVED_EXPIRED] = { "removed-expired",
		"SELECT " REMOVED_COLUMNS " FROM removed_mailbox"
		" WHERE state = 0 AND removed <= ?1 ORDER BY removed LIMIT 1",
		NULL },
	[REMOVED_NEXT] = { "removed-next",
		"SELECT store_id, state, due FROM removed_mailbox"
		" WHERE settled = 0 ORDER BY due LIMIT 1",
		"reads the first entry of the index only" },
	[REMOVED_OWNER] = { "removed-owner",
		"SELECT id, address FROM mailbox WHERE store_id = ?1", NULL },
	[REMOVED_TOTAL] = { "removed-total",
		"SELECT count(*), coalesce(sum(max(bytes, 0)), 0),"
		" coalesce(min(removed), 0), coalesce(sum(removed <= ?1), 0)"
		" FROM removed_mailbox WHERE state IN (0, 2)",
		"as many rows as there is garbage, and status asks rarely" },
};

#define APP_PASSWORD_COLUMNS                                                   \
	"id, mailbox_id,"                                                      \
	" (SELECT m.address FROM mailbox AS m WHERE m.id = mailbox_id)"        \
	" AS mailbox, name, active, imap, pop3, smtp, sieve, dav, eas, hash,"  \
	" created, modified"
#define APP_PASSWORD_SEARCH " AND (?2 IS NULL OR instr(lower(name), lower(?2)) > 0)"

const struct db_statement APP_PASSWORD_SQL[APP_PASSWORD_SQL_COUNT] = {
	[RESOURCE_FIND] = { "app-password-find",
		"SELECT " APP_PASSWORD_COLUMNS " FROM app_password"
		" WHERE id = ?1", NULL },
	[RESOURCE_INSERT] = { "app-password-insert",
		"INSERT INTO app_password (id, mailbox_id, name, active, imap,"
		" pop3, smtp, sieve, dav, eas, hash, created, modified)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
		NULL },
	[RESOURCE_UPDATE] = { "app-password-update",
		"UPDATE app_password SET mailbox_id = ?2, name = ?3,"
		" active = ?4, imap = ?5, pop3 = ?6, smtp = ?7, sieve = ?8,"
		" dav = ?9, eas = ?10, hash = ?11, created = ?12,"
		" modified = ?13 WHERE id = ?1", NULL },
	[RESOURCE_DELETE] = { "app-password-delete",
		"DELETE FROM app_password WHERE id = ?1", NULL },
	[RESOURCE_LIST] = { "app-password-list",
		"SELECT " APP_PASSWORD_COLUMNS " FROM app_password"
		" WHERE id > ?1" APP_PASSWORD_SEARCH " ORDER BY id LIMIT ?3",
		NULL },
	[RESOURCE_LIST_OF] = { "app-password-list-of",
		"SELECT " APP_PASSWORD_COLUMNS " FROM app_password"
		" WHERE mailbox_id = (SELECT m.id FROM mailbox AS m WHERE m.address = ?4)"
		" AND id > ?1" APP_PASSWORD_SEARCH " ORDER BY id LIMIT ?3",
		NULL },
};
/* clang-format on */
