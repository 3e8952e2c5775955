/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * core.db: objects, settings, hashes, audit, outbox. Ids are AUTOINCREMENT:
 * immutable and never used again, so other files may refer to them. Times
 * are Unix seconds. Columns that a look-up reads stand before long ones.
 *
 * Not in the schema, because they reach over tables, but kept by src/model
 * in its transactions: a name is a domain or an alias domain, an address is
 * a mailbox or an alias, the counters of domain are the sums of its rows.
 */
#include "store/schema_private.h"

/* clang-format off */
static const char OBJECTS[] =
	"CREATE TABLE domain ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" active INTEGER NOT NULL CHECK (active IN (0, 1)),"
	" max_mailboxes INTEGER NOT NULL CHECK (max_mailboxes >= 0),"
	" max_aliases INTEGER NOT NULL CHECK (max_aliases >= 0),"
	" default_quota INTEGER NOT NULL CHECK (default_quota >= 0)," /* bytes */
	" max_quota INTEGER NOT NULL CHECK (max_quota >= 0),"
	" quota INTEGER NOT NULL CHECK (quota >= 0),"
	" mailboxes INTEGER NOT NULL DEFAULT 0 CHECK (mailboxes >= 0),"
	" aliases INTEGER NOT NULL DEFAULT 0 CHECK (aliases >= 0),"
	" quota_used INTEGER NOT NULL DEFAULT 0 CHECK (quota_used >= 0)," /* promised to mailboxes */
	" created INTEGER NOT NULL,"
	" modified INTEGER NOT NULL,"
	" description TEXT NOT NULL DEFAULT ''"
	") STRICT;"

	"CREATE TABLE alias_domain ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" domain_id INTEGER NOT NULL REFERENCES domain (id) ON DELETE CASCADE," /* the target */
	" active INTEGER NOT NULL CHECK (active IN (0, 1)),"
	" created INTEGER NOT NULL,"
	" modified INTEGER NOT NULL,"
	" description TEXT NOT NULL DEFAULT ''"
	") STRICT;"
	"CREATE INDEX alias_domain_target ON alias_domain (domain_id, name);"

	"CREATE TABLE mailbox ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" address TEXT NOT NULL UNIQUE,"
	" domain_id INTEGER NOT NULL REFERENCES domain (id),"
	" active INTEGER NOT NULL CHECK (active IN (0, 1, 2))," /* 2: receives, no login */
	" quota INTEGER NOT NULL CHECK (quota >= 0)," /* bytes; 0: no limit */
	" store_id TEXT NOT NULL UNIQUE CHECK (length(store_id) = 32),"
	" imap INTEGER NOT NULL CHECK (imap IN (0, 1)),"
	" pop3 INTEGER NOT NULL CHECK (pop3 IN (0, 1)),"
	" smtp INTEGER NOT NULL CHECK (smtp IN (0, 1)),"
	" sieve INTEGER NOT NULL CHECK (sieve IN (0, 1)),"
	" dav INTEGER NOT NULL CHECK (dav IN (0, 1)),"
	" eas INTEGER NOT NULL CHECK (eas IN (0, 1)),"
	" force_password_change INTEGER NOT NULL CHECK (force_password_change IN (0, 1)),"
	" password TEXT NOT NULL," /* {SCHEME}hash; '': no login by password */
	" password_changed INTEGER NOT NULL,"
	" created INTEGER NOT NULL,"
	" modified INTEGER NOT NULL,"
	" local_part TEXT NOT NULL,"
	" name TEXT NOT NULL DEFAULT ''"
	") STRICT;"
	"CREATE INDEX mailbox_domain ON mailbox (domain_id, address);"
	/* Everything that a delivery asks, without the row. */
	"CREATE INDEX mailbox_delivery ON mailbox (address, active, quota);"

	"CREATE TABLE alias ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" address TEXT NOT NULL UNIQUE," /* '@example.org': the catch-all */
	" domain_id INTEGER NOT NULL REFERENCES domain (id) ON DELETE CASCADE," /* that counts it */
	/* Set when the address is in an alias domain of domain_id. */
	" alias_domain_id INTEGER REFERENCES alias_domain (id) ON DELETE CASCADE,"
	" active INTEGER NOT NULL CHECK (active IN (0, 1)),"
	" sender_allowed INTEGER NOT NULL CHECK (sender_allowed IN (0, 1)),"
	" internal INTEGER NOT NULL CHECK (internal IN (0, 1)),"
	" created INTEGER NOT NULL,"
	" modified INTEGER NOT NULL,"
	" private_comment TEXT NOT NULL DEFAULT '',"
	" public_comment TEXT NOT NULL DEFAULT ''"
	") STRICT;"
	"CREATE INDEX alias_domain_id ON alias (domain_id, address);"
	"CREATE INDEX alias_alias_domain_id ON alias (alias_domain_id) WHERE alias_domain_id IS NOT NULL;"

	"CREATE TABLE alias_target ("
	" alias_id INTEGER NOT NULL REFERENCES alias (id) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" address TEXT NOT NULL CHECK (address LIKE '_%@_%' OR address = 'null')," /* null: discard */
	" PRIMARY KEY (alias_id, position)"
	") STRICT, WITHOUT ROWID;"
	"CREATE UNIQUE INDEX alias_target_address ON alias_target (address, alias_id);"

	"CREATE TABLE app_password ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" mailbox_id INTEGER NOT NULL REFERENCES mailbox (id) ON DELETE CASCADE,"
	" active INTEGER NOT NULL CHECK (active IN (0, 1)),"
	" imap INTEGER NOT NULL CHECK (imap IN (0, 1)),"
	" pop3 INTEGER NOT NULL CHECK (pop3 IN (0, 1)),"
	" smtp INTEGER NOT NULL CHECK (smtp IN (0, 1)),"
	" sieve INTEGER NOT NULL CHECK (sieve IN (0, 1)),"
	" dav INTEGER NOT NULL CHECK (dav IN (0, 1)),"
	" eas INTEGER NOT NULL CHECK (eas IN (0, 1)),"
	" hash TEXT NOT NULL,"
	" created INTEGER NOT NULL,"
	" modified INTEGER NOT NULL,"
	" name TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX app_password_mailbox ON app_password (mailbox_id, id);";

static const char MACHINERY[] =
	/* By name: a key outlives its domain, whose DNS record may stay too. */
	"CREATE TABLE dkim_key ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" domain TEXT NOT NULL,"
	" selector TEXT NOT NULL,"
	" algorithm TEXT NOT NULL CHECK (algorithm IN ('rsa', 'ed25519')),"
	" bits INTEGER NOT NULL,"
	" public TEXT NOT NULL," /* p= of the DNS record */
	" private_sealed BLOB NOT NULL," /* PEM, src/model/seal.h */
	" created INTEGER NOT NULL,"
	" UNIQUE (domain, selector)"
	") STRICT;"

	"CREATE TABLE setting ("
	" name TEXT PRIMARY KEY,"
	" value TEXT NOT NULL,"
	" modified INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" at INTEGER NOT NULL,"
	" actor TEXT NOT NULL,"
	" action TEXT NOT NULL," /* add, edit, remove */
	" type TEXT NOT NULL," /* of the object: mailbox */
	" object TEXT NOT NULL," /* its name then */
	" object_id INTEGER NOT NULL,"
	" old TEXT," /* JSON, secrets masked */
	" new TEXT"
	") STRICT;"
	"CREATE INDEX audit_object ON audit (type, object_id, id);"
	"CREATE INDEX audit_at ON audit (at);"

	"CREATE TABLE outbox ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" kind TEXT NOT NULL,"
	" payload TEXT NOT NULL," /* JSON */
	" created INTEGER NOT NULL,"
	" due INTEGER NOT NULL," /* milliseconds */
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" error TEXT NOT NULL DEFAULT ''"
	") STRICT;"
	"CREATE INDEX outbox_due ON outbox (due, id);"

	/* Counts changes by subject, for those who render or mirror it. */
	"CREATE TABLE generation ("
	" subject TEXT PRIMARY KEY,"
	" number INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;";

/*
 * What a removed mailbox was: enough to bring it back. Its row and what
 * hung on it stand as JSON, so this table does not follow theirs.
 */
static const char REMOVED_MAILBOXES[] =
	"CREATE TABLE removed_mailbox ("
	" id INTEGER PRIMARY KEY," /* of the mailbox */
	" store_id TEXT NOT NULL UNIQUE CHECK (length(store_id) = 32),"
	" address TEXT NOT NULL,"
	" state INTEGER NOT NULL CHECK (state IN (0, 1, 2))," /* kept, returning, purged */
	" removed INTEGER NOT NULL,"
	" settled INTEGER NOT NULL CHECK (settled IN (0, 1))," /* its mail is where the state wants it */
	" due INTEGER NOT NULL," /* milliseconds; of the next try to settle it */
	" bytes INTEGER NOT NULL," /* of its files; -1: not known */
	" memory TEXT NOT NULL" /* JSON, src/model/removed_mailbox.c */
	") STRICT;"
	"CREATE INDEX removed_mailbox_address ON removed_mailbox (address, state, removed);"
	"CREATE INDEX removed_mailbox_state ON removed_mailbox (state, removed);"
	"CREATE INDEX removed_mailbox_due ON removed_mailbox (due) WHERE settled = 0;";

/* Who reads along when a mailbox of the domain is nearly full. */
static const char QUOTA_WARNING_BCC[] =
	"ALTER TABLE domain ADD COLUMN quota_warning_bcc TEXT NOT NULL"
	" DEFAULT '';" /* separated by blanks */
	"ALTER TABLE domain ADD COLUMN quota_warning_bcc_active INTEGER"
	" NOT NULL DEFAULT 1 CHECK (quota_warning_bcc_active IN (0, 1));";

const struct schema_step schema_core_steps[] = {
	{ "objects", OBJECTS },
	{ "machinery", MACHINERY },
	{ "removed mailboxes", REMOVED_MAILBOXES },
	{ "quota-warning-bcc", QUOTA_WARNING_BCC },
};
/* clang-format on */

const int schema_core_count =
	(int)(sizeof(schema_core_steps) / sizeof(schema_core_steps[0]));
