/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The statement of policy.c on usage.db. */
#ifndef DIRECTORY_POLICY_SQL_H
#define DIRECTORY_POLICY_SQL_H

#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

/* Bytes that the mailbox holds; 0 when nothing was reported yet. */
MUST_CHECK int policy_sql_used(struct db *usage, int64_t mailbox_id,
	int64_t *bytes_out, struct err *err);

/* For the test that explains it. */
extern const struct db_statement SQL_POLICY_USED;

#endif
