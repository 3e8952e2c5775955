/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The statements of src/model on core.db, one table per subject. A
 * resource's table begins with the statements of enum resource_sql.
 */
#ifndef MODEL_CORE_SQL_H
#define MODEL_CORE_SQL_H

#include "model/resource.h"
#include "store/db.h"

enum domain_sql {
	DOMAIN_COUNT_MAILBOX = RESOURCE_SQL_COUNT, /* ?1 id ?2 +n ?3 +bytes */
	DOMAIN_COUNT_ALIAS, /* ?1 id ?2 +n */
	DOMAIN_QUOTA_BIGGEST, /* ?1 id */
	DOMAIN_SQL_COUNT
};

enum alias_domain_sql {
	ALIAS_DOMAIN_ALIASES = RESOURCE_SQL_COUNT, /* ?1 id: how many aliases */
	ALIAS_DOMAIN_OF, /* ?1 domain's id: names */
	ALIAS_DOMAIN_SQL_COUNT
};

enum mailbox_sql {
	MAILBOX_SQL_COUNT = RESOURCE_SQL_COUNT
};

enum alias_sql {
	ALIAS_TARGET_INSERT = RESOURCE_SQL_COUNT, /* ?1 alias ?2 position ?3 */
	ALIAS_TARGETS_DELETE, /* ?1 alias */
	ALIAS_POINTING_TO, /* ?1 target: addresses of aliases */
	ALIAS_SQL_COUNT
};

enum app_password_sql {
	APP_PASSWORD_SQL_COUNT = RESOURCE_SQL_COUNT
};

enum removed_mailbox_sql {
	REMOVED_INSERT,
	REMOVED_FIND, /* ?1 address or store id: what can come back first */
	REMOVED_LIST, /* ?1 after this id, ?2 search or NULL, ?3 limit */
	REMOVED_SET_STATE, /* ?1 id ?2 state ?3 due */
	REMOVED_FORGET, /* ?1 id ?2 due: all but that it is to be purged */
	REMOVED_STATE, /* ?1 store id */
	REMOVED_SETTLED, /* ?1 store id ?2 bytes */
	REMOVED_POSTPONE, /* ?1 store id ?2 due */
	REMOVED_DELETE, /* ?1 store id ?2 state */
	REMOVED_EXPIRED, /* ?1 removed then or before */
	REMOVED_NEXT, /* of those that are not settled, the longest due */
	REMOVED_OWNER, /* ?1 store id: a mailbox that there is */
	REMOVED_TOTAL, /* of those kept; how many were removed by ?1 */
	REMOVED_SQL_COUNT
};

enum outbox_sql {
	OUTBOX_INSERT,
	OUTBOX_NEXT,
	OUTBOX_LIST,
	OUTBOX_DUE,
	OUTBOX_COUNT,
	OUTBOX_DELETE,
	OUTBOX_POSTPONE,
	OUTBOX_SQL_COUNT
};

enum setting_sql {
	SETTING_FIND,
	SETTING_STORE,
	SETTING_REMOVE,
	SETTING_SQL_COUNT
};

enum audit_sql {
	AUDIT_INSERT,
	GENERATION_BUMP,
	AUDIT_NEWEST, /* ?1 type ?2 object without an id */
	AUDIT_PRUNE, /* ?1 at ?2 how many at most */
	AUDIT_SQL_COUNT
};

enum dkim_sql {
	DKIM_INSERT,
	DKIM_EXISTS,
	DKIM_FIND, /* of a domain that we have */
	DKIM_LIST, /* ?1 after this domain */
	DKIM_SQL_COUNT
};

extern const struct db_statement DOMAIN_SQL[DOMAIN_SQL_COUNT];
extern const struct db_statement ALIAS_DOMAIN_SQL[ALIAS_DOMAIN_SQL_COUNT];
extern const struct db_statement MAILBOX_SQL[MAILBOX_SQL_COUNT];
extern const struct db_statement ALIAS_SQL[ALIAS_SQL_COUNT];
extern const struct db_statement APP_PASSWORD_SQL[APP_PASSWORD_SQL_COUNT];
extern const struct db_statement REMOVED_SQL[REMOVED_SQL_COUNT];
extern const struct db_statement OUTBOX_SQL[OUTBOX_SQL_COUNT];
extern const struct db_statement SETTING_SQL[SETTING_SQL_COUNT];
extern const struct db_statement AUDIT_SQL[AUDIT_SQL_COUNT];
extern const struct db_statement DKIM_SQL[DKIM_SQL_COUNT];

#endif
