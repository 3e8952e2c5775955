/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One statement. */
#include "directory/policy_sql.h"

/* clang-format off */
const struct db_statement SQL_POLICY_USED = {
	"policy-used",
	"SELECT bytes FROM quota WHERE mailbox_id = ?1",
	NULL
};

/* clang-format on */

int
policy_sql_used(struct db *usage, int64_t mailbox_id, int64_t *bytes_out,
	struct err *err)
{
	struct db_query q = db_query(usage, &SQL_POLICY_USED);
	int got;

	db_bind_number(&q, 1, mailbox_id);
	got = db_step(&q, err);
	if (got >= 0)
		*bytes_out = got == 1 ? db_number(&q, 0) : 0;
	db_finish(&q);
	return got < 0 ? -1 : 0;
}
