/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names are unique over both halves of each UNION, so one row is the most.
 * BETWEEN says the same as "=" but lets SQLite prefer the covering index to
 * the unique one: a mailbox is then answered without reading its row.
 */
#include "directory/lookup_sql.h"

#include <string.h>

#include "base/compiler.h"
#include "directory/lookup.h"

/* clang-format off */
static const struct db_statement SQL_DOMAIN = {
	"lookup-domain",
	"SELECT d.name, d.active, 0,"
	" EXISTS (SELECT 1 FROM alias c"
	"  WHERE c.address = '@' || d.name AND c.active = 1)"
	" FROM domain d WHERE d.name = ?1"
	" UNION ALL"
	" SELECT d.name, a.active AND d.active, 1,"
	" EXISTS (SELECT 1 FROM alias c"
	"  WHERE c.address IN ('@' || a.name, '@' || d.name) AND c.active = 1)"
	" FROM alias_domain a JOIN domain d ON d.id = a.domain_id"
	" WHERE a.name = ?1",
	NULL
};

static const struct db_statement SQL_ADDRESS = {
	"lookup-address",
	"SELECT id, active, quota, 0, 0 FROM mailbox"
	" WHERE address BETWEEN ?1 AND ?1"
	" UNION ALL"
	" SELECT id, active, 0, 1, sender_allowed FROM alias"
	" WHERE address = ?1",
	NULL
};

static const struct db_statement SQL_TARGETS = {
	"lookup-targets",
	"SELECT address FROM alias_target WHERE alias_id = ?1"
	" ORDER BY position LIMIT ?2",
	NULL
};
/* clang-format on */

const struct db_statement *const lookup_statements[] = {
	&SQL_DOMAIN,
	&SQL_ADDRESS,
	&SQL_TARGETS,
};

const size_t lookup_statement_count = ARRAY_LENGTH(lookup_statements);

/* A damaged file, or another hand than ours, is no reason to end. */
static int
copy_name(struct db_query *q, char *out, size_t out_size, struct err *err)
{
	const char *name = db_text(q, 0);
	size_t length = name == NULL ? 0 : strlen(name);

	if (length == 0 || length >= out_size)
		return err_set(err, ERR_CORRUPT,
			"a name in the database is empty or too long");
	memcpy(out, name, length + 1);
	return 1;
}

int
lookup_sql_domain(struct db *core, const char *name,
	struct lookup_domain *domain_out, struct err *err)
{
	struct db_query q = db_query(core, &SQL_DOMAIN);
	int got;

	db_bind_text(&q, 1, name);
	got = db_step(&q, err);
	if (got == 1)
		got = copy_name(&q, domain_out->target,
			sizeof(domain_out->target), err);
	if (got == 1) {
		domain_out->active = db_number(&q, 1) != 0;
		domain_out->alias = db_number(&q, 2) != 0;
		domain_out->catch_all = db_number(&q, 3) != 0;
	}
	db_finish(&q);
	return got;
}

int
lookup_sql_address(struct db *core, const char *address,
	struct lookup_row *row_out, struct err *err)
{
	struct db_query q = db_query(core, &SQL_ADDRESS);
	int got;

	db_bind_text(&q, 1, address);
	got = db_step(&q, err);
	if (got == 1) {
		row_out->id = db_number(&q, 0);
		row_out->active = db_number(&q, 1) != 0;
		row_out->quota_bytes = db_number(&q, 2);
		row_out->is_alias = db_number(&q, 3) != 0;
		row_out->sender_allowed = db_number(&q, 4) != 0;
	}
	db_finish(&q);
	return got;
}

int
lookup_sql_targets(struct db *core, int64_t alias_id, struct arena *arena,
	const struct lookup_target **targets_out, struct err *err)
{
	struct db_query q = db_query(core, &SQL_TARGETS);
	const struct lookup_target *first = NULL;
	const struct lookup_target **link = &first;
	int count = 0;
	int got;

	db_bind_number(&q, 1, alias_id);
	db_bind_number(&q, 2, LOOKUP_TARGETS_MAX + 1);
	while ((got = db_step(&q, err)) == 1) {
		struct lookup_target *target =
			arena_alloc(arena, sizeof(*target));
		const char *address = db_text(&q, 0);

		if (address == NULL || address[0] == '\0') {
			got = err_set(err, ERR_CORRUPT,
				"an alias in the database has an empty target");
			break;
		}
		target->address = arena_strdup(arena, address);
		*link = target;
		link = &target->next;
		count++;
	}
	db_finish(&q);
	if (got == 0 && count > LOOKUP_TARGETS_MAX)
		got = err_set(err, ERR_LIMIT, "alias has more than %d targets",
			LOOKUP_TARGETS_MAX);
	if (got == 0)
		*targets_out = first;
	return got;
}
