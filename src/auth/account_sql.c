/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a login asks of core.db. Columns are named in account_sql.h.
 */
#include "auth/account_sql.h"

/* clang-format off */
const struct db_statement SQL_ACCOUNT_MAILBOX = {
	"account-mailbox",
	"SELECT m.id, m.address, m.password, m.active, d.active,"
	" m.force_password_change,"
	" m.imap, m.pop3, m.smtp, m.sieve"
	" FROM mailbox m JOIN domain d ON d.id = m.domain_id"
	" WHERE m.address = ?1",
	NULL
};

const struct db_statement SQL_ACCOUNT_ALIAS_DOMAIN = {
	"account-alias-domain",
	"SELECT d.name FROM alias_domain a"
	" JOIN domain d ON d.id = a.domain_id"
	" WHERE a.name = ?1 AND a.active = 1",
	NULL
};

const struct db_statement SQL_ACCOUNT_APP_PASSWORDS = {
	"account-app-passwords",
	"SELECT id, hash,"
	" imap, pop3, smtp, sieve"
	" FROM app_password WHERE mailbox_id = ?1 AND active = 1"
	" ORDER BY id LIMIT ?2",
	NULL
};
/* clang-format on */
