/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who changed what: a row of the audit and the next generation of the
 * subject, written in the transaction of the change. Secrets are masked. */
#ifndef MODEL_AUDIT_H
#define MODEL_AUDIT_H

#include "base/err.h"
#include "model/model.h"

struct audit_entry {
	const char *action; /* "add", "edit", "remove" */
	const char *type; /* "mailbox" */
	const char *object; /* its name */
	int64_t object_id;
	const char *old; /* JSON or NULL */
	const char *changed; /* JSON or NULL */
};

MUST_CHECK int audit_write(
	struct model *model, const struct audit_entry *entry, struct err *err);
/*
 * Forgets what was before a time, the oldest first and count_max rows at
 * most. Changes of settings stay: they are few, and say since when a value
 * is in force.
 */
MUST_CHECK int audit_prune(struct db *core, int64_t before, int64_t count_max,
	int64_t *count_out, struct err *err);

#endif
