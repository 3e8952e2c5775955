/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Named statements of account.c: text in account_sql.c, columns here. */
#ifndef AUTH_ACCOUNT_SQL_H
#define AUTH_ACCOUNT_SQL_H

#include "store/db.h"

/* ?1 canonical address */
extern const struct db_statement SQL_ACCOUNT_MAILBOX;
/* ?1 domain; column 0: the domain whose mailboxes answer */
extern const struct db_statement SQL_ACCOUNT_ALIAS_DOMAIN;
/* ?1 mailbox id, ?2 limit */
extern const struct db_statement SQL_ACCOUNT_APP_PASSWORDS;

enum account_mailbox_column {
	MAILBOX_ID,
	MAILBOX_ADDRESS,
	MAILBOX_PASSWORD,
	MAILBOX_STATE,
	MAILBOX_DOMAIN_ACTIVE,
	MAILBOX_FORCE_CHANGE,
	MAILBOX_ACCESS, /* first of the services, in the order of the enum */
};

enum account_app_password_column {
	APP_PASSWORD_ID,
	APP_PASSWORD_HASH,
	APP_PASSWORD_ACCESS, /* first of the services */
};

#endif
