/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of alias domains and their rules. */
#include "model/alias_domain.h"

#include <string.h>

#include "base/clock.h"
#include "model/address.h"
#include "model/core_sql.h"
#include "model/dkim.h"
#include "model/outbox.h"

#define NAMES_FIRST 16

/* clang-format off */
#define FIELD(member) .name = #member, .column = #member,                      \
	.offset = offsetof(struct alias_domain, member)

static const struct field FIELDS[] = {
	{ FIELD(id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the alias domain, never used again" },
	{ FIELD(name), .type = FIELD_TEXT, .max = DOMAIN_MAX,
	  .flags = FIELD_KEY | FIELD_STORED | FIELD_SHORT,
	  .sentence = "Name of the alias domain" },
	{ FIELD(target), .type = FIELD_TEXT, .max = DOMAIN_MAX,
	  .flags = FIELD_ADD | FIELD_SHORT,
	  .sentence = "Domain whose mailboxes it reaches" },
	{ FIELD(domain_id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the target" },
	{ FIELD(description), .type = FIELD_TEXT, .max = 255,
	  .flags = FIELD_ADD | FIELD_EDIT | FIELD_STORED,
	  .sentence = "Text for people" },
	{ FIELD(active), .type = FIELD_BOOL, .default_text = "yes",
	  .flags = FIELD_ADD | FIELD_EDIT | FIELD_STORED | FIELD_SHORT,
	  .sentence = "Whether mail is accepted under its name" },
	{ FIELD(created), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was added" },
	{ FIELD(modified), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was changed last" },
};
/* clang-format on */

const struct resource alias_domain_resource = {
	.name = "alias-domain",
	.plural = "alias domains",
	.owner = "domain",
	.fields = FIELDS,
	.field_count = ARRAY_LENGTH(FIELDS),
	.object_size = sizeof(struct alias_domain),
	.sql = ALIAS_DOMAIN_SQL,
};

int
alias_domain_load(struct model *model, const char *name,
	struct alias_domain *out, struct err *err)
{
	char canonical[DOMAIN_MAX];

	if (address_domain(name, "name", canonical, err) != 0)
		return -1;
	return model_load(model, &alias_domain_resource, canonical, out, err);
}

static int
find_target(struct model *model, const char *text, struct domain *target_out,
	struct err *err)
{
	char target[DOMAIN_MAX];
	int got;

	if (address_domain(text, "target", target, err) != 0)
		return -1;
	got = model_find(model, &domain_resource, target, target_out, err);
	if (got == 1)
		return 0;
	if (got < 0)
		return -1;
	(void)err_field(err, ERR_NOT_FOUND, "target",
		"%s is not a domain of this server", target);
	return err_remedy(err,
		"the target must be a domain, not an alias domain: mailherd domain list");
}

static int
add_rows(struct model *model, struct alias_domain *added,
	struct dkim_draft *key, struct err *err)
{
	struct domain target;

	if (domain_name_free(model, added->name, err) != 0 ||
		find_target(model, added->target, &target, err) != 0)
		return -1;
	added->domain_id = target.id;
	added->target = target.name;
	if (model_insert(model, &alias_domain_resource, added, err) != 0)
		return -1;
	return dkim_store(model, added->name, key, err);
}

int
alias_domain_add(struct model *model, const struct alias_domain *alias_domain,
	struct alias_domain *out, struct err *err)
{
	struct alias_domain added = *alias_domain;
	struct domain target;
	char name[DOMAIN_MAX];
	struct dkim_draft key = { 0 };
	int status;

	if (address_domain(alias_domain->name, "name", name, err) != 0)
		return -1;
	added.id = 0;
	added.name = arena_strdup(model->arena, name);
	added.created = clock_wall_seconds();
	added.modified = added.created;
	if (domain_name_free(model, name, err) != 0 ||
		find_target(model, added.target, &target, err) != 0 ||
		dkim_draft(model, name, &key, err) != 0)
		return -1;
	status = model_begin(model, err);
	if (status == 0)
		status = model_end(
			model, add_rows(model, &added, &key, err), err);
	dkim_draft_deinit(&key);
	if (status == 0 && out != NULL)
		*out = added;
	return status;
}

static int
edit_rows(struct model *model, const char *name,
	const struct alias_domain *change, uint64_t given,
	struct alias_domain *edited, struct err *err)
{
	struct alias_domain old;

	if (alias_domain_load(model, name, &old, err) != 0)
		return -1;
	*edited = old;
	resource_merge(&alias_domain_resource, change, given, edited);
	edited->modified = clock_wall_seconds();
	return model_update(model, &alias_domain_resource, &old, edited, err);
}

int
alias_domain_edit(struct model *model, const char *name,
	const struct alias_domain *change, uint64_t given,
	struct alias_domain *out, struct err *err)
{
	struct alias_domain edited;

	if (model_begin(model, err) != 0 ||
		model_end(model,
			edit_rows(model, name, change, given, &edited, err),
			err) != 0)
		return -1;
	if (out != NULL)
		*out = edited;
	return 0;
}

static int
count_aliases(
	struct model *model, int64_t id, int64_t *count_out, struct err *err)
{
	struct db_query q =
		db_query(model->core, &ALIAS_DOMAIN_SQL[ALIAS_DOMAIN_ALIASES]);
	int got;

	db_bind_number(&q, 1, id);
	got = db_step(&q, err);
	if (got == 1)
		*count_out = db_number(&q, 0);
	db_finish(&q);
	return got == 1 ? 0 : -1;
}

/* The aliases go by the foreign key; the target's counter by hand. */
static int
remove_rows(struct model *model, const char *name, struct err *err)
{
	struct alias_domain removed;
	int64_t aliases = 0;

	if (alias_domain_load(model, name, &removed, err) != 0 ||
		count_aliases(model, removed.id, &aliases, err) != 0 ||
		domain_count_alias(model, removed.domain_id, -aliases, err) !=
			0 ||
		model_delete(model, &alias_domain_resource, &removed, err) != 0)
		return -1;
	return outbox_add_text(
		model->core, "dkim.project", "domain", removed.name, err);
}

int
alias_domain_remove(struct model *model, const char *name, struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(model, remove_rows(model, name, err), err);
}

static const char **
grow(struct arena *arena, const char **names, size_t *room)
{
	size_t more = *room == 0 ? NAMES_FIRST : 2 * *room;
	const char **grown = arena_alloc(arena, more * sizeof(*grown));

	if (*room > 0)
		memcpy(grown, names, *room * sizeof(*grown));
	*room = more;
	return grown;
}

int
alias_domain_names(struct model *model, int64_t domain_id,
	alias_domain_name_fn *name_fn, void *context, struct err *err)
{
	struct db_query q =
		db_query(model->core, &ALIAS_DOMAIN_SQL[ALIAS_DOMAIN_OF]);
	const char **names = NULL;
	size_t room = 0;
	size_t count = 0;
	int got;

	db_bind_number(&q, 1, domain_id);
	while ((got = db_step(&q, err)) == 1) {
		if (count == room)
			names = grow(model->arena, names, &room);
		names[count++] = arena_strdup(model->arena, db_text(&q, 0));
	}
	db_finish(&q);
	if (got < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (name_fn(context, names[i], err) != 0)
			return -1;
	}
	return 0;
}

static int
remove_named(void *context, const char *name, struct err *err)
{
	return remove_rows(context, name, err);
}

int
alias_domain_remove_all(
	struct model *model, const struct domain *domain, struct err *err)
{
	return alias_domain_names(model, domain->id, remove_named, model, err);
}
