/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Statements on what surrounds objects: outbox, settings, audit, keys. */
#include "model/core_sql.h"

/* clang-format off */
const struct db_statement OUTBOX_SQL[OUTBOX_SQL_COUNT] = {
	[OUTBOX_INSERT] = { "outbox-insert",
		"INSERT INTO outbox (kind, payload, created, due)"
		" VALUES (?1, ?2, ?3, ?4)", NULL },
	[OUTBOX_NEXT] = { "outbox-next",
		"SELECT id, kind, payload, attempts, created FROM outbox"
		" WHERE due <= ?1 OR due > ?2 ORDER BY due, id LIMIT 1",
		"in the index's order, past what is put off for minutes" },
	[OUTBOX_LIST] = { "outbox-list",
		"SELECT id, kind, payload, attempts, created FROM outbox"
		" WHERE due <= ?1 OR due > ?2 ORDER BY due, id LIMIT ?3",
		"in the index's order, past what is put off for minutes" },
	[OUTBOX_DUE] = { "outbox-due",
		"SELECT due FROM outbox ORDER BY due, id LIMIT 1",
		"reads the first entry of the index only" },
	[OUTBOX_COUNT] = { "outbox-count", "SELECT count(*) FROM outbox",
		"what waits is short, and status asks rarely" },
	[OUTBOX_DELETE] = { "outbox-delete",
		"DELETE FROM outbox WHERE id = ?1", NULL },
	[OUTBOX_POSTPONE] = { "outbox-postpone",
		"UPDATE outbox SET due = ?2, error = ?3,"
		" attempts = attempts + 1 WHERE id = ?1", NULL },
};

const struct db_statement SETTING_SQL[SETTING_SQL_COUNT] = {
	[SETTING_FIND] = { "setting-find",
		"SELECT value FROM setting WHERE name = ?1", NULL },
	[SETTING_STORE] = { "setting-store",
		"INSERT INTO setting (name, value, modified) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value,"
		" modified = excluded.modified", NULL },
	[SETTING_REMOVE] = { "setting-remove",
		"DELETE FROM setting WHERE name = ?1", NULL },
};

const struct db_statement AUDIT_SQL[AUDIT_SQL_COUNT] = {
	[AUDIT_INSERT] = { "audit-insert",
		"INSERT INTO audit (at, actor, action, type, object, object_id,"
		" old, new) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", NULL },
	[GENERATION_BUMP] = { "generation-bump",
		"INSERT INTO generation (subject, number) VALUES (?1, 1)"
		" ON CONFLICT (subject) DO UPDATE SET number = number + 1",
		NULL },
	[AUDIT_NEWEST] = { "audit-newest",
		"SELECT at, actor FROM audit WHERE type = ?1 AND object_id = 0"
		" AND object = ?2 ORDER BY id DESC LIMIT 1", NULL },
	[AUDIT_PRUNE] = { "audit-prune",
		"DELETE FROM audit WHERE id IN (SELECT id FROM audit"
		" WHERE at < ?1 AND type <> 'setting' ORDER BY at LIMIT ?2)",
		NULL },
};

#define DKIM_COLUMNS                                                           \
	"k.domain, k.selector, k.algorithm, k.bits, k.public, k.private_sealed"
/* Keys outlive their domains; only those of hosted ones are used. */
#define DKIM_HOSTED                                                            \
	" AND (EXISTS (SELECT 1 FROM domain AS d WHERE d.name = k.domain)"     \
	" OR EXISTS (SELECT 1 FROM alias_domain AS a WHERE a.name = k.domain))"

const struct db_statement DKIM_SQL[DKIM_SQL_COUNT] = {
	[DKIM_INSERT] = { "dkim-insert",
		"INSERT INTO dkim_key (domain, selector, algorithm, bits,"
		" public, private_sealed, created)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", NULL },
	[DKIM_EXISTS] = { "dkim-exists",
		"SELECT 1 FROM dkim_key WHERE domain = ?1 LIMIT 1", NULL },
	[DKIM_FIND] = { "dkim-find",
		"SELECT " DKIM_COLUMNS " FROM dkim_key AS k"
		" WHERE k.domain = ?1" DKIM_HOSTED
		" ORDER BY k.selector LIMIT 1", NULL },
	[DKIM_LIST] = { "dkim-list",
		"SELECT " DKIM_COLUMNS " FROM dkim_key AS k"
		" WHERE k.domain > ?1" DKIM_HOSTED
		" ORDER BY k.domain, k.selector LIMIT ?2", NULL },
};
/* clang-format on */
