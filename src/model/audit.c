/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One row of the audit and the next generation of its subject. */
#include "model/audit.h"

#include "base/clock.h"
#include "model/core_sql.h"

int
audit_write(
	struct model *model, const struct audit_entry *entry, struct err *err)
{
	struct db_query q = db_query(model->core, &AUDIT_SQL[AUDIT_INSERT]);

	db_bind_number(&q, 1, clock_wall_seconds());
	db_bind_text(&q, 2, model->actor);
	db_bind_text(&q, 3, entry->action);
	db_bind_text(&q, 4, entry->type);
	db_bind_text(&q, 5, entry->object);
	db_bind_number(&q, 6, entry->object_id);
	db_bind_text(&q, 7, entry->old);
	db_bind_text(&q, 8, entry->changed);
	if (db_run(&q, err) != 0)
		return -1;
	q = db_query(model->core, &AUDIT_SQL[GENERATION_BUMP]);
	db_bind_text(&q, 1, entry->type);
	return db_run(&q, err);
}

int
audit_prune(struct db *core, int64_t before, int64_t count_max,
	int64_t *count_out, struct err *err)
{
	struct db_query q = db_query(core, &AUDIT_SQL[AUDIT_PRUNE]);

	db_bind_number(&q, 1, before);
	db_bind_number(&q, 2, count_max);
	if (db_run(&q, err) != 0)
		return -1;
	*count_out = db_changes(core);
	return 0;
}
