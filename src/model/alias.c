/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The table of aliases and their rules. Targets are rows of their own,
 * replaced as a whole.
 */
#include "model/alias.h"

#include <string.h>

#include "base/clock.h"
#include "model/address.h"
#include "model/alias_domain.h"
#include "model/core_sql.h"
#include "model/domain.h"
#include "model/mailbox.h"

#define COMMENT_MAX 160
#define POINTING_SLICE 64

/* clang-format off */
#define FIELD(member) .name = #member, .column = #member,                      \
	.offset = offsetof(struct alias, member)
#define GIVEN (FIELD_ADD | FIELD_EDIT | FIELD_STORED)

static const struct field FIELDS[] = {
	{ FIELD(id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the alias, never used again" },
	{ FIELD(address), .type = FIELD_TEXT, .max = ADDRESS_MAX,
	  .flags = FIELD_KEY | FIELD_STORED | FIELD_SHORT,
	  .sentence = "Address; @example.org is the catch-all of a domain" },
	{ FIELD(domain_id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the domain that counts it" },
	{ FIELD(alias_domain_id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the alias domain it is in, or 0" },
	{ FIELD(targets), .type = FIELD_LIST, .max = RESOURCE_LIST_MAX,
	  .flags = FIELD_ADD | FIELD_EDIT | FIELD_SHORT,
	  .sentence = "Addresses that get the mail, separated by commas; null discards it" },
	{ FIELD(active), .type = FIELD_BOOL, .default_text = "yes",
	  .flags = GIVEN | FIELD_SHORT,
	  .sentence = "Whether it accepts mail" },
	{ FIELD(sender_allowed), .type = FIELD_BOOL, .default_text = "yes",
	  .flags = GIVEN,
	  .sentence = "Whether its targets may send with this address" },
	{ FIELD(internal), .type = FIELD_BOOL, .default_text = "no",
	  .flags = GIVEN,
	  .sentence = "Whether only senders of this server may use it" },
	{ FIELD(private_comment), .type = FIELD_TEXT, .max = COMMENT_MAX,
	  .flags = GIVEN, .sentence = "Comment for administrators" },
	{ FIELD(public_comment), .type = FIELD_TEXT, .max = COMMENT_MAX,
	  .flags = GIVEN, .sentence = "Comment that users see" },
	{ FIELD(created), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was added" },
	{ FIELD(modified), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was changed last" },
};
/* clang-format on */

const struct resource alias_resource = {
	.name = "alias",
	.plural = "aliases",
	.owner = "domain",
	.fields = FIELDS,
	.field_count = ARRAY_LENGTH(FIELDS),
	.object_size = sizeof(struct alias),
	.sql = ALIAS_SQL,
};

int
alias_load(struct model *model, const char *address, struct alias *out,
	struct err *err)
{
	char canonical[ADDRESS_MAX];

	if (address_canonical(address, true, "address", canonical, err) != 0)
		return -1;
	return model_load(model, &alias_resource, canonical, out, err);
}

static int
exists(struct err *err, const char *address, const char *seen_as,
	const char *what)
{
	if (strcmp(address, seen_as) == 0)
		(void)err_field(err, ERR_EXISTS, "address", "%s is %s already",
			address, what);
	else
		(void)err_field(err, ERR_EXISTS, "address",
			"%s is the same as %s, which is %s already", address,
			seen_as, what);
	return err_remedy(err,
		"choose another address, or change that one: mailherd %s edit %s",
		strchr(what, ' ') + 1, seen_as);
}

/* Neither a mailbox nor an alias stands under seen_as. */
static int
check_free(struct model *model, const char *address, const char *seen_as,
	struct err *err)
{
	struct mailbox mailbox;
	struct alias alias;
	int got = model_find(model, &mailbox_resource, seen_as, &mailbox, err);

	if (got == 1)
		return exists(err, address, seen_as, "a mailbox");
	if (got == 0)
		got = model_find(model, &alias_resource, seen_as, &alias, err);
	if (got == 1)
		return exists(err, address, seen_as, "an alias");
	return got;
}

struct free_context {
	struct model *model;
	const char *address;
};

static int
check_free_in(void *context, const char *name, struct err *err)
{
	const struct free_context *c = context;
	size_t local = (size_t)(strrchr(c->address, '@') - c->address);

	return check_free(c->model, c->address,
		arena_printf(c->model->arena, "%.*s@%s", (int)local, c->address,
			name),
		err);
}

int
alias_address_free(struct model *model, const char *address, int64_t domain_id,
	struct err *err)
{
	struct free_context context = { model, address };

	if (check_free(model, address, address, err) != 0)
		return -1;
	return alias_domain_names(
		model, domain_id, check_free_in, &context, err);
}

/*
 * An alias in an alias domain hides the mailbox of that name in the
 * target, so it is refused where there is one.
 */
static int
check_behind(struct model *model, const struct alias *alias,
	const struct domain *target, struct err *err)
{
	struct mailbox mailbox;
	size_t local = (size_t)(strrchr(alias->address, '@') - alias->address);
	const char *behind;
	int got;

	if (alias->alias_domain_id == 0 || local == 0)
		return 0;
	behind = arena_printf(model->arena, "%.*s@%s", (int)local,
		alias->address, target->name);
	got = model_find(model, &mailbox_resource, behind, &mailbox, err);
	return got == 1 ? exists(err, alias->address, behind, "a mailbox")
			: got;
}

/* The domain that counts the alias: its own, or the alias domain's target. */
static int
find_domain(struct model *model, struct alias *alias, struct domain *domain_out,
	struct err *err)
{
	const char *name = address_domain_part(alias->address);
	struct alias_domain through;
	int got = model_find(model, &domain_resource, name, domain_out, err);

	if (got == 0) {
		got = model_find(
			model, &alias_domain_resource, name, &through, err);
		if (got == 1) {
			alias->alias_domain_id = through.id;
			got = model_find(model, &domain_resource,
				through.target, domain_out, err);
		}
	}
	if (got == 1) {
		alias->domain_id = domain_out->id;
		return 0;
	}
	if (got < 0)
		return -1;
	(void)err_field(err, ERR_NOT_FOUND, "address",
		"%s is not a domain of this server", name);
	return err_remedy(err, "mailherd domain add %s", name);
}

static bool
list_has(const char *const *list, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i], text) == 0)
			return true;
	}
	return false;
}

enum own_address {
	OWN_SKIPPED,
	OWN_REFUSED
};

/* Canonical, each once; the null target stands alone. */
static int
clean_targets(struct model *model, struct alias *alias, enum own_address own,
	struct err *err)
{
	const char *const *given = alias->targets;
	const char **clean;
	size_t given_count = 0;
	size_t count = 0;

	while (given != NULL && given[given_count] != NULL)
		given_count++;
	clean = arena_alloc(model->arena, (given_count + 1) * sizeof(*clean));
	for (size_t i = 0; i < given_count; i++) {
		char target[ADDRESS_MAX] = ALIAS_TARGET_NULL;

		if (strcmp(given[i], ALIAS_TARGET_NULL) != 0 &&
			address_canonical(
				given[i], false, "targets", target, err) != 0)
			return -1;
		if (strcmp(target, alias->address) == 0) {
			if (own == OWN_SKIPPED)
				continue;
			(void)err_field(err, ERR_INVALID, "targets",
				"%s can not be its own target", target);
			return err_remedy(err,
				"leave it out, or give the mailbox another address");
		}
		if (!list_has(clean, count, target))
			clean[count++] = arena_strdup(model->arena, target);
	}
	if (count == 0) {
		(void)err_field(err, ERR_INVALID, "targets",
			"an alias needs a target other than itself");
		return err_remedy(err,
			"give --targets ADDRESS[,ADDRESS...], or --targets null to discard the mail");
	}
	if (count > 1 && list_has(clean, count, ALIAS_TARGET_NULL)) {
		(void)err_field(err, ERR_INVALID, "targets",
			"null discards the mail and can not stand beside other targets");
		return err_remedy(err, "give null alone, or leave it out");
	}
	alias->targets = clean;
	return 0;
}

static int
store_targets(struct model *model, const struct alias *alias, struct err *err)
{
	if (model_run_numbers(model, &ALIAS_SQL[ALIAS_TARGETS_DELETE],
		    &alias->id, 1, err) != 0)
		return -1;
	for (int i = 0; alias->targets[i] != NULL; i++) {
		struct db_query q =
			db_query(model->core, &ALIAS_SQL[ALIAS_TARGET_INSERT]);

		db_bind_number(&q, 1, alias->id);
		db_bind_number(&q, 2, i);
		db_bind_text(&q, 3, alias->targets[i]);
		if (db_run(&q, err) != 0)
			return -1;
	}
	return 0;
}

static int
add_rows(struct model *model, struct alias *added, struct err *err)
{
	struct domain domain;

	if (find_domain(model, added, &domain, err) != 0)
		return -1;
	if (added->alias_domain_id == 0 && added->address[0] != '@') {
		if (alias_address_free(model, added->address, domain.id, err) !=
			0)
			return -1;
	} else if (check_free(model, added->address, added->address, err) !=
			   0 ||
		   check_behind(model, added, &domain, err) != 0) {
		return -1;
	}
	if (domain.aliases >= domain.max_aliases) {
		(void)err_field(err, ERR_LIMIT, "address",
			"%s has all of its %lld aliases", domain.name,
			(long long)domain.max_aliases);
		return err_remedy(err,
			"raise it: mailherd domain edit %s --max-aliases NUMBER",
			domain.name);
	}
	if (clean_targets(model, added, OWN_SKIPPED, err) != 0 ||
		model_insert(model, &alias_resource, added, err) != 0 ||
		store_targets(model, added, err) != 0)
		return -1;
	return domain_count_alias(model, domain.id, 1, err);
}

int
alias_add(struct model *model, const struct alias *alias, struct alias *out,
	struct err *err)
{
	struct alias added = *alias;
	char address[ADDRESS_MAX];

	if (address_canonical(alias->address, true, "address", address, err) !=
		0)
		return -1;
	added.id = 0;
	added.alias_domain_id = 0;
	added.address = arena_strdup(model->arena, address);
	added.created = clock_wall_seconds();
	added.modified = added.created;
	if (model_begin(model, err) != 0 ||
		model_end(model, add_rows(model, &added, err), err) != 0)
		return -1;
	if (out != NULL)
		*out = added;
	return 0;
}

static int
edit_rows(struct model *model, const char *address, const struct alias *change,
	uint64_t given, struct alias *edited, struct err *err)
{
	struct alias old;

	if (alias_load(model, address, &old, err) != 0)
		return -1;
	*edited = old;
	resource_merge(&alias_resource, change, given, edited);
	edited->modified = clock_wall_seconds();
	if ((given & resource_bit(&alias_resource, "targets")) != 0 &&
		(clean_targets(model, edited, OWN_REFUSED, err) != 0 ||
			store_targets(model, edited, err) != 0))
		return -1;
	return model_update(model, &alias_resource, &old, edited, err);
}

int
alias_edit(struct model *model, const char *address, const struct alias *change,
	uint64_t given, struct alias *out, struct err *err)
{
	struct alias edited;

	if (model_begin(model, err) != 0 ||
		model_end(model,
			edit_rows(model, address, change, given, &edited, err),
			err) != 0)
		return -1;
	if (out != NULL)
		*out = edited;
	return 0;
}

static int
remove_loaded(struct model *model, const struct alias *alias, struct err *err)
{
	if (model_delete(model, &alias_resource, alias, err) != 0)
		return -1;
	return domain_count_alias(model, alias->domain_id, -1, err);
}

static int
remove_rows(struct model *model, const char *address, struct err *err)
{
	struct alias removed;

	if (alias_load(model, address, &removed, err) != 0)
		return -1;
	return remove_loaded(model, &removed, err);
}

int
alias_remove(struct model *model, const char *address, struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(model, remove_rows(model, address, err), err);
}

/* Addresses of some aliases that have target among theirs. */
static int
pointing_to(struct model *model, const char *target,
	const char *addresses_out[POINTING_SLICE], struct err *err)
{
	struct db_query q =
		db_query(model->core, &ALIAS_SQL[ALIAS_POINTING_TO]);
	int count = 0;
	int got = 1;

	db_bind_text(&q, 1, target);
	while (count < POINTING_SLICE && (got = db_step(&q, err)) == 1)
		addresses_out[count++] =
			arena_strdup(model->arena, db_text(&q, 0));
	db_finish(&q);
	return got < 0 ? -1 : count;
}

static int
drop_target(struct model *model, const char *address, const char *target,
	const struct alias_forget *forget, struct err *err)
{
	struct alias old;
	struct alias edited;
	const char **left;
	size_t count = 0;

	if (model_load(model, &alias_resource, address, &old, err) != 0)
		return -1;
	if (forget->lost(forget->context, &old, err) != 0)
		return -1;
	for (size_t i = 0; old.targets[i] != NULL; i++)
		count++;
	left = arena_alloc(model->arena, (count + 1) * sizeof(*left));
	count = 0;
	for (size_t i = 0; old.targets[i] != NULL; i++) {
		if (strcmp(old.targets[i], target) != 0)
			left[count++] = old.targets[i];
	}
	if (count == 0)
		return remove_loaded(model, &old, err);
	edited = old;
	edited.targets = left;
	edited.modified = clock_wall_seconds();
	if (store_targets(model, &edited, err) != 0)
		return -1;
	return model_update(model, &alias_resource, &old, &edited, err);
}

/* Each pass takes the target out of some aliases, so the passes end. */
static int
forget_target(struct model *model, const char *address,
	const struct alias_forget *forget, struct err *err)
{
	const char *aliases[POINTING_SLICE];
	int count;

	while ((count = pointing_to(model, address, aliases, err)) > 0) {
		for (int i = 0; i < count; i++) {
			if (drop_target(model, aliases[i], address, forget,
				    err) != 0)
				return -1;
		}
	}
	return count;
}

struct forget_context {
	struct model *model;
	const char *address;
	const struct alias_forget *forget;
};

static int
forget_in(void *context, const char *name, struct err *err)
{
	const struct forget_context *c = context;
	size_t local = (size_t)(strrchr(c->address, '@') - c->address);

	return forget_target(c->model,
		arena_printf(c->model->arena, "%.*s@%s", (int)local, c->address,
			name),
		c->forget, err);
}

int
alias_forget_mailbox(struct model *model, const char *address,
	int64_t domain_id, const struct alias_forget *forget, struct err *err)
{
	struct forget_context context = { model, address, forget };

	if (forget_target(model, address, forget, err) != 0)
		return -1;
	return alias_domain_names(model, domain_id, forget_in, &context, err);
}

/* The rules of adding, but what they refuse is an answer here. */
static int
make_again(struct model *model, const struct alias *alias, const char *target,
	enum alias_regained *regained_out, struct err *why_out, struct err *err)
{
	const char **targets = arena_alloc(model->arena, 2 * sizeof(*targets));
	struct alias added = *alias;

	targets[0] = target;
	added.targets = targets;
	added.alias_domain_id = 0;
	if (add_rows(model, &added, why_out) == 0) {
		*regained_out = ALIAS_REGAINED;
		return 0;
	}
	*regained_out = ALIAS_REFUSED;
	if (why_out->code == ERR_EXISTS || why_out->code == ERR_LIMIT ||
		why_out->code == ERR_NOT_FOUND)
		return 0;
	*err = *why_out;
	return -1;
}

int
alias_regain(struct model *model, const struct alias *alias, const char *target,
	enum alias_regained *regained_out, struct err *why_out, struct err *err)
{
	struct alias old, edited;
	const char **targets;
	size_t count = 0;
	int got = model_find(model, &alias_resource, alias->address, &old, err);

	if (got < 0)
		return -1;
	if (got == 0)
		return make_again(
			model, alias, target, regained_out, why_out, err);
	while (old.targets[count] != NULL)
		count++;
	*regained_out = ALIAS_HAD_IT;
	if (list_has(old.targets, count, target))
		return 0;
	*regained_out = ALIAS_REFUSED;
	if (list_has(old.targets, count, ALIAS_TARGET_NULL) ||
		count >= RESOURCE_LIST_MAX) {
		(void)err_field(why_out, ERR_EXISTS, "targets",
			"%s discards its mail now, or has all its targets",
			old.address);
		return 0;
	}
	targets = arena_alloc(model->arena, (count + 2) * sizeof(*targets));
	memcpy(targets, old.targets, count * sizeof(*targets));
	targets[count] = target;
	edited = old;
	edited.targets = targets;
	edited.modified = clock_wall_seconds();
	*regained_out = ALIAS_REGAINED;
	if (store_targets(model, &edited, err) != 0)
		return -1;
	return model_update(model, &alias_resource, &old, &edited, err);
}
