/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of domains, their limits and their counters. */
#include "model/domain.h"

#include <string.h>

#include "base/clock.h"
#include "model/address.h"
#include "model/alias_domain.h"
#include "model/core_sql.h"
#include "model/dkim.h"
#include "model/mailbox.h"
#include "model/outbox.h"

#define BCC_MAX 20
#define COUNT_MAX 10000000
#define BYTES_MAX (INT64_C(1) << 53)

/* clang-format off */
#define FIELD(member) .name = #member, .column = #member,                      \
	.offset = offsetof(struct domain, member)
#define LIMITS (FIELD_ADD | FIELD_EDIT | FIELD_STORED)

static const struct field FIELDS[] = {
	{ FIELD(id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the domain, never used again" },
	{ FIELD(name), .type = FIELD_TEXT, .max = DOMAIN_MAX,
	  .flags = FIELD_KEY | FIELD_STORED | FIELD_SHORT,
	  .sentence = "Name of the domain" },
	{ FIELD(description), .type = FIELD_TEXT, .max = 255,
	  .flags = LIMITS, .sentence = "Text for people" },
	{ FIELD(active), .type = FIELD_BOOL, .default_text = "yes",
	  .flags = LIMITS | FIELD_SHORT,
	  .sentence = "Whether mail is accepted and logins are allowed" },
	{ FIELD(max_mailboxes), .type = FIELD_NUMBER, .max = COUNT_MAX,
	  .default_text = "1000", .flags = LIMITS,
	  .sentence = "Most mailboxes that the domain may have" },
	{ FIELD(max_aliases), .type = FIELD_NUMBER, .max = COUNT_MAX,
	  .default_text = "4000", .flags = LIMITS,
	  .sentence = "Most aliases that the domain may have" },
	{ FIELD(default_quota), .type = FIELD_SIZE, .min = 1, .max = BYTES_MAX,
	  .default_text = "3G", .flags = LIMITS,
	  .sentence = "Quota of a new mailbox" },
	{ FIELD(max_quota), .type = FIELD_SIZE, .min = 1, .max = BYTES_MAX,
	  .default_text = "100G", .flags = LIMITS,
	  .sentence = "Largest quota of one mailbox" },
	{ FIELD(quota), .type = FIELD_SIZE, .min = 1, .max = BYTES_MAX,
	  .default_text = "1T", .flags = LIMITS | FIELD_SHORT,
	  .sentence = "Quota that all mailboxes have together" },
	{ FIELD(quota_warning_bcc), .type = FIELD_LIST, .max = BCC_MAX,
	  .flags = LIMITS,
	  .sentence = "Who gets a copy when a mailbox is warned of its quota" },
	{ FIELD(quota_warning_bcc_active), .type = FIELD_BOOL,
	  .default_text = "yes", .flags = LIMITS,
	  .sentence = "Whether those copies are sent" },
	{ FIELD(mailboxes), .type = FIELD_NUMBER, .flags = FIELD_SHORT,
	  .sentence = "Mailboxes there are" },
	{ FIELD(aliases), .type = FIELD_NUMBER, .flags = FIELD_SHORT,
	  .sentence = "Aliases there are" },
	{ FIELD(quota_used), .type = FIELD_SIZE, .flags = FIELD_SHORT,
	  .sentence = "Quota promised to mailboxes" },
	{ FIELD(created), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was added" },
	{ FIELD(modified), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was changed last" },
};
/* clang-format on */

const struct resource domain_resource = {
	.name = "domain",
	.plural = "domains",
	.owner = "domain",
	.fields = FIELDS,
	.field_count = ARRAY_LENGTH(FIELDS),
	.object_size = sizeof(struct domain),
	.sql = DOMAIN_SQL,
};

int
domain_load(struct model *model, const char *name, struct domain *out,
	struct err *err)
{
	char canonical[DOMAIN_MAX];

	if (address_domain(name, "name", canonical, err) != 0)
		return -1;
	return model_load(model, &domain_resource, canonical, out, err);
}

int
domain_name_free(struct model *model, const char *name, struct err *err)
{
	struct domain domain;
	struct alias_domain alias;
	int got = model_find(model, &domain_resource, name, &domain, err);

	if (got == 0)
		got = model_find(
			model, &alias_domain_resource, name, &alias, err);
	if (got < 0)
		return -1;
	if (got == 1) {
		(void)err_field(err, ERR_EXISTS, "name",
			"%s is a domain or an alias domain already", name);
		return err_remedy(err,
			"mailherd domain list and mailherd alias-domain list show them");
	}
	if (model->hostname != NULL && strcmp(name, model->hostname) == 0) {
		(void)err_field(err, ERR_INVALID, "name",
			"%s is the name of this mail host and can not be a mail domain",
			name);
		return err_remedy(err,
			"use the domain behind it, or give the host another name with mailherd setup --hostname");
	}
	return 0;
}

/* The limits have to agree with each other. */
static int
check_limits(const struct domain *domain, struct err *err)
{
	if (domain->default_quota > domain->max_quota) {
		(void)err_field(err, ERR_INVALID, "default_quota",
			"default_quota is larger than max_quota");
		return err_remedy(
			err, "lower --default-quota or raise --max-quota");
	}
	if (domain->max_quota > domain->quota) {
		(void)err_field(err, ERR_INVALID, "max_quota",
			"max_quota is larger than quota, which all mailboxes share");
		return err_remedy(err, "lower --max-quota or raise --quota");
	}
	return 0;
}

static int
in_use(struct model *model, const char *name, int64_t least, struct err *err)
{
	const struct field *field = resource_field(&domain_resource, name);
	const char *text =
		field->type == FIELD_SIZE
			? resource_size_text(least, model->arena)
			: arena_printf(model->arena, "%lld", (long long)least);

	(void)err_field(err, ERR_LIMIT, name,
		"%s can not be less than %s, which is in use", name, text);
	return err_remedy(
		err, "give at least that, or remove or shrink what uses it");
}

/* ... and with what is there already. */
static int
check_use(struct model *model, const struct domain *old,
	const struct domain *domain, struct err *err)
{
	struct db_query q;
	int64_t biggest = 0;
	int got;

	if (domain->max_mailboxes < domain->mailboxes)
		return in_use(model, "max_mailboxes", domain->mailboxes, err);
	if (domain->max_aliases < domain->aliases)
		return in_use(model, "max_aliases", domain->aliases, err);
	if (domain->quota < domain->quota_used)
		return in_use(model, "quota", domain->quota_used, err);
	if (domain->max_quota >= old->max_quota)
		return 0;
	q = db_query(model->core, &DOMAIN_SQL[DOMAIN_QUOTA_BIGGEST]);
	db_bind_number(&q, 1, domain->id);
	got = db_step(&q, err);
	if (got == 1)
		biggest = db_number(&q, 0);
	db_finish(&q);
	if (got != 1)
		return -1;
	return domain->max_quota < biggest
		       ? in_use(model, "max_quota", biggest, err)
		       : 0;
}

/* The one form of each address, each once. */
static int
canonical_bcc(struct model *model, struct domain *domain, struct err *err)
{
	const char *const *given = domain->quota_warning_bcc;
	const char **list;
	size_t count = 0;

	if (given == NULL)
		return 0;
	list = arena_alloc(model->arena, (BCC_MAX + 1) * sizeof(*list));
	for (size_t i = 0; given[i] != NULL && i < BCC_MAX; i++) {
		char address[ADDRESS_MAX];
		size_t same = 0;

		if (address_canonical(given[i], false, "quota_warning_bcc",
			    address, err) != 0)
			return -1;
		while (same < count && strcmp(list[same], address) != 0)
			same++;
		if (same == count)
			list[count++] = arena_strdup(model->arena, address);
	}
	domain->quota_warning_bcc = list;
	return 0;
}

static int
add_rows(struct model *model, struct domain *domain, struct dkim_draft *key,
	struct err *err)
{
	if (domain_name_free(model, domain->name, err) != 0 ||
		model_insert(model, &domain_resource, domain, err) != 0)
		return -1;
	return dkim_store(model, domain->name, key, err);
}

int
domain_add(struct model *model, const struct domain *domain, struct domain *out,
	struct err *err)
{
	struct domain added = *domain;
	char name[DOMAIN_MAX];
	struct dkim_draft key = { 0 };
	int status;

	if (check_limits(domain, err) != 0 ||
		canonical_bcc(model, &added, err) != 0 ||
		address_domain(domain->name, "name", name, err) != 0)
		return -1;
	added.id = 0;
	added.name = arena_strdup(model->arena, name);
	added.created = clock_wall_seconds();
	added.modified = added.created;
	/* Slow, so before the lock is taken. */
	if (domain_name_free(model, name, err) != 0 ||
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

/* Nobody stays logged in to a domain that is switched off. */
static int
kick_all(struct model *model, const struct domain *domain, struct err *err)
{
	return outbox_add_text(model->core, "session.kick", "address",
		arena_printf(model->arena, "*@%s", domain->name), err);
}

static int
edit_rows(struct model *model, const char *name, const struct domain *change,
	uint64_t given, struct domain *edited, struct err *err)
{
	struct domain old;

	if (domain_load(model, name, &old, err) != 0)
		return -1;
	*edited = old;
	resource_merge(&domain_resource, change, given, edited);
	edited->modified = clock_wall_seconds();
	if (check_limits(edited, err) != 0 ||
		canonical_bcc(model, edited, err) != 0 ||
		check_use(model, &old, edited, err) != 0 ||
		model_update(model, &domain_resource, &old, edited, err) != 0)
		return -1;
	return old.active && !edited->active ? kick_all(model, edited, err) : 0;
}

int
domain_edit(struct model *model, const char *name, const struct domain *change,
	uint64_t given, struct domain *out, struct err *err)
{
	struct domain edited;

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
check_empty(const struct domain *domain, struct err *err)
{
	if (domain->mailboxes == 0)
		return 0;
	(void)err_field(err, ERR_DENIED, "name", "%s still has %lld mailboxes",
		domain->name, (long long)domain->mailboxes);
	return err_remedy(err,
		"remove them first, or with it: mailherd domain remove %s --with-mailboxes",
		domain->name);
}

static int
remove_rows(struct model *model, const char *name, int64_t *mailboxes_out,
	struct err *err)
{
	struct domain domain;

	if (domain_load(model, name, &domain, err) != 0)
		return -1;
	if (mailboxes_out == NULL && check_empty(&domain, err) != 0)
		return -1;
	if (mailboxes_out != NULL &&
		(mailbox_remove_all(model, domain.name, mailboxes_out, err) !=
				0 ||
			kick_all(model, &domain, err) != 0))
		return -1;
	if (alias_domain_remove_all(model, &domain, err) != 0 ||
		model_delete(model, &domain_resource, &domain, err) != 0)
		return -1;
	return outbox_add_text(
		model->core, "dkim.project", "domain", domain.name, err);
}

int
domain_remove(struct model *model, const char *name, struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(model, remove_rows(model, name, NULL, err), err);
}

int
domain_remove_all(struct model *model, const char *name, int64_t *mailboxes_out,
	struct err *err)
{
	int64_t mailboxes = 0;

	if (model_begin(model, err) != 0 ||
		model_end(model, remove_rows(model, name, &mailboxes, err),
			err) != 0)
		return -1;
	*mailboxes_out = mailboxes;
	return 0;
}

int
domain_count_mailbox(struct model *model, int64_t id, int64_t mailboxes,
	int64_t bytes, struct err *err)
{
	const int64_t numbers[] = { id, mailboxes, bytes };

	return model_run_numbers(
		model, &DOMAIN_SQL[DOMAIN_COUNT_MAILBOX], numbers, 3, err);
}

int
domain_count_alias(
	struct model *model, int64_t id, int64_t aliases, struct err *err)
{
	const int64_t numbers[] = { id, aliases };

	return model_run_numbers(
		model, &DOMAIN_SQL[DOMAIN_COUNT_ALIAS], numbers, 2, err);
}
