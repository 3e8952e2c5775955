/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of mailboxes and their rules. */
#include "model/mailbox.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "model/address.h"
#include "model/alias.h"
#include "model/alias_domain.h"
#include "model/core_sql.h"
#include "model/domain.h"
#include "model/outbox.h"
#include "model/removed_mailbox.h"
#include "model/setting.h"

#define STORE_ID_BYTES 16
#define QUOTA_MAX (INT64_C(1) << 53)

/* clang-format off */
#define FIELD(member) .name = #member, .column = #member,                      \
	.offset = offsetof(struct mailbox, member)
#define GIVEN (FIELD_ADD | FIELD_EDIT | FIELD_STORED)
#define PROTOCOL(member, text)                                                 \
	{ FIELD(member), .type = FIELD_BOOL, .default_text = "yes",            \
	  .flags = GIVEN, .sentence = "Whether " text " is allowed" }

static const struct field FIELDS[] = {
	{ FIELD(id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of the mailbox, never used again" },
	{ FIELD(address), .type = FIELD_TEXT, .max = ADDRESS_MAX,
	  .flags = FIELD_KEY | FIELD_STORED | FIELD_SHORT,
	  .sentence = "Address and login name" },
	{ FIELD(domain_id), .type = FIELD_NUMBER, .flags = FIELD_STORED,
	  .sentence = "Number of its domain" },
	{ FIELD(local_part), .type = FIELD_TEXT, .flags = FIELD_STORED,
	  .sentence = "The address without its domain" },
	{ FIELD(name), .type = FIELD_TEXT, .max = 255,
	  .flags = GIVEN | FIELD_SHORT, .sentence = "Name of the person" },
	{ FIELD(active), .type = FIELD_NUMBER, .max = MAILBOX_STATE_NO_LOGIN,
	  .default_text = "on", .words = { "off", "on", "no-login" },
	  .flags = GIVEN | FIELD_SHORT,
	  .sentence = "on; off: mail is refused; no-login: receives, but nobody logs in" },
	{ FIELD(quota), .type = FIELD_SIZE, .max = QUOTA_MAX,
	  .flags = GIVEN | FIELD_SHORT,
	  .sentence = "Space for mail; 0: no limit; not given: the domain's default" },
	PROTOCOL(imap, "IMAP"),
	PROTOCOL(pop3, "POP3"),
	PROTOCOL(smtp, "sending"),
	PROTOCOL(sieve, "managing filters (ManageSieve)"),
	PROTOCOL(dav, "CalDAV and CardDAV"),
	PROTOCOL(eas, "ActiveSync"),
	{ FIELD(force_password_change), .type = FIELD_BOOL,
	  .default_text = "no", .flags = GIVEN,
	  .sentence = "Whether the password must be changed at the next login" },
	{ FIELD(password), .type = FIELD_TEXT, .max = MAILBOX_PASSWORD_MAX,
	  .flags = FIELD_STORED | FIELD_SECRET,
	  .sentence = "Hash of the password" },
	{ FIELD(store_id), .type = FIELD_TEXT, .flags = FIELD_STORED,
	  .sentence = "Name of its store, never used again" },
	{ FIELD(password_changed), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When the password was set" },
	{ FIELD(created), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was added" },
	{ FIELD(modified), .type = FIELD_TIME, .flags = FIELD_STORED,
	  .sentence = "When it was changed last" },
};
/* clang-format on */

const struct resource mailbox_resource = {
	.name = "mailbox",
	.plural = "mailboxes",
	.owner = "domain",
	.fields = FIELDS,
	.field_count = ARRAY_LENGTH(FIELDS),
	.object_size = sizeof(struct mailbox),
	.sql = MAILBOX_SQL,
};

int
mailbox_load(struct model *model, const char *address, struct mailbox *out,
	struct err *err)
{
	char canonical[ADDRESS_MAX];

	if (address_canonical(address, false, "address", canonical, err) != 0)
		return -1;
	return model_load(model, &mailbox_resource, canonical, out, err);
}

const char *
mailbox_home(
	const struct paths *paths, const char *store_id, struct arena *arena)
{
	return arena_printf(
		arena, "%s/%.2s/%s", paths->vmail, store_id, store_id);
}

int
mailbox_password_check(
	struct model *model, struct span password, struct err *err)
{
	int64_t least;

	if (setting_number(model->core, SETTING_PASSWORD_LENGTH, &least, err) !=
		0)
		return -1;
	if ((int64_t)password.length < least) {
		(void)err_field(err, ERR_INVALID, "password",
			"the password has %zu bytes, at least %lld are needed",
			password.length, (long long)least);
		return err_remedy(err,
			"choose a longer one, or let one be made: --generate");
	}
	if (password.length >= MAILBOX_PASSWORD_MAX) {
		(void)err_field(err, ERR_TOO_BIG, "password",
			"the password is too long");
		return err_remedy(err, "choose one of at most %d bytes",
			MAILBOX_PASSWORD_MAX - 1);
	}
	if (memchr(password.data, '\0', password.length) != NULL ||
		span_find(password, '\n') >= 0)
		return err_field(err, ERR_INVALID, "password",
			"the password contains a line end or a NUL byte");
	return 0;
}

/* Names come with the brackets of a header now and then. */
static const char *
bare_name(const char *name, struct arena *arena)
{
	size_t length;

	name += strspn(name, "<");
	length = strlen(name);
	while (length > 0 && name[length - 1] == '>')
		length--;
	return arena_strndup(arena, name, length);
}

static int
find_domain(struct model *model, const char *address, struct domain *domain_out,
	struct err *err)
{
	const char *name = address_domain_part(address);
	struct alias_domain alias;
	int got = model_find(model, &domain_resource, name, domain_out, err);

	if (got == 1)
		return 0;
	if (got == 0)
		got = model_find(
			model, &alias_domain_resource, name, &alias, err);
	if (got < 0)
		return -1;
	if (got == 1) {
		(void)err_field(err, ERR_INVALID, "address",
			"%s is an alias domain of %s", name, alias.target);
		return err_remedy(err,
			"add the mailbox in %s: it is reachable under both names",
			alias.target);
	}
	(void)err_field(err, ERR_NOT_FOUND, "address",
		"%s is not a domain of this server", name);
	return err_remedy(err, "mailherd domain add %s", name);
}

static int
check_quota(struct model *model, const struct domain *domain, int64_t old_quota,
	int64_t quota, struct err *err)
{
	int64_t left = domain->quota - domain->quota_used + old_quota;

	if (quota > domain->max_quota) {
		(void)err_field(err, ERR_LIMIT, "quota",
			"%s allows at most %s for a mailbox", domain->name,
			resource_size_text(domain->max_quota, model->arena));
		return err_remedy(err,
			"give less with --quota, or raise it: mailherd domain edit %s --max-quota SIZE",
			domain->name);
	}
	if (quota > left) {
		(void)err_field(err, ERR_LIMIT, "quota",
			"%s has %s left of its quota", domain->name,
			resource_size_text(left > 0 ? left : 0, model->arena));
		return err_remedy(err,
			"give less with --quota, or raise it: mailherd domain edit %s --quota SIZE",
			domain->name);
	}
	return 0;
}

/* "{SCHEME}hash": made by the caller, who knows the schemes. */
static int
check_hash(const char *hash, struct err *err)
{
	const char *end = strchr(hash, '}');

	if (hash[0] == '{' && end != NULL && end > hash + 1 && end[1] != '\0')
		return 0;
	(void)err_field(err, ERR_INVALID, "password",
		hash[0] == '\0' ? "there is no password hash"
				: "the password was not hashed");
	return err_remedy(err, "give it as {SCHEME}hash");
}

static int
check_new(struct model *model, const struct mailbox *mailbox,
	const struct domain *domain, struct err *err)
{
	/* Dovecot and Postfix cut "+detail" off when they look for it. */
	if (strchr(mailbox->local_part, '+') != NULL) {
		(void)err_field(err, ERR_INVALID, "address",
			"a mailbox can not have + in its name");
		return err_remedy(err,
			"add the part before the +: name+anything reaches it by itself");
	}
	if (alias_address_free(model, mailbox->address, domain->id, err) != 0)
		return -1;
	if (domain->mailboxes >= domain->max_mailboxes) {
		(void)err_field(err, ERR_LIMIT, "address",
			"%s has all of its %lld mailboxes", domain->name,
			(long long)domain->max_mailboxes);
		return err_remedy(err,
			"raise it: mailherd domain edit %s --max-mailboxes NUMBER",
			domain->name);
	}
	return check_quota(model, domain, 0, mailbox->quota, err);
}

/* Fills in what follows from address and domain, and judges all of it. */
static int
complete(struct model *model, struct mailbox *added, uint64_t given,
	struct domain *domain_out, struct err *err)
{
	char address[ADDRESS_MAX];

	if (address_canonical(added->address, false, "address", address, err) !=
		0)
		return -1;
	added->address = arena_strdup(model->arena, address);
	added->local_part = arena_strndup(model->arena, address,
		(size_t)(strrchr(address, '@') - address));
	if (find_domain(model, added->address, domain_out, err) != 0)
		return -1;
	added->domain_id = domain_out->id;
	if ((given & resource_bit(&mailbox_resource, "quota")) == 0)
		added->quota = domain_out->default_quota;
	return check_new(model, added, domain_out, err);
}

int
mailbox_add_check(struct model *model, const struct mailbox *mailbox,
	uint64_t given, struct err *err)
{
	struct mailbox added = *mailbox;
	struct domain domain;

	return complete(model, &added, given, &domain, err);
}

static int
add_rows(struct model *model, struct mailbox *added, uint64_t given,
	struct err *err)
{
	struct domain domain;

	if (complete(model, added, given, &domain, err) != 0 ||
		check_hash(added->password, err) != 0 ||
		model_insert(model, &mailbox_resource, added, err) != 0)
		return -1;
	return domain_count_mailbox(model, domain.id, 1, added->quota, err);
}

int
mailbox_add(struct model *model, const struct mailbox *mailbox, uint64_t given,
	struct mailbox *out, struct err *err)
{
	struct mailbox added = *mailbox;
	char store_id[2 * STORE_ID_BYTES + 1];

	random_hex(store_id, STORE_ID_BYTES);
	added.id = 0;
	added.name = bare_name(added.name, model->arena);
	added.store_id = arena_strdup(model->arena, store_id);
	added.created = clock_wall_seconds();
	added.modified = added.created;
	added.password_changed = added.created;
	if (model_begin(model, err) != 0 ||
		model_end(model, add_rows(model, &added, given, err), err) != 0)
		return -1;
	if (out != NULL)
		*out = added;
	return 0;
}

/* Something that a session has now is not allowed any more. */
static bool
ends_sessions(const struct mailbox *old, const struct mailbox *edited)
{
	return strcmp(old->password, edited->password) != 0 ||
	       (old->active == MAILBOX_STATE_ON &&
		       edited->active != MAILBOX_STATE_ON) ||
	       (old->imap && !edited->imap) || (old->pop3 && !edited->pop3) ||
	       (old->smtp && !edited->smtp) || (old->sieve && !edited->sieve) ||
	       (old->dav && !edited->dav) || (old->eas && !edited->eas);
}

static int
edit_quota(struct model *model, const struct mailbox *old,
	const struct mailbox *edited, struct err *err)
{
	struct domain domain;

	if (old->quota == edited->quota)
		return 0;
	if (domain_load(model, address_domain_part(old->address), &domain,
		    err) != 0 ||
		check_quota(model, &domain, old->quota, edited->quota, err) !=
			0)
		return -1;
	return domain_count_mailbox(
		model, domain.id, 0, edited->quota - old->quota, err);
}

static int
edit_rows(struct model *model, const char *address,
	const struct mailbox *change, uint64_t given, struct mailbox *edited,
	struct err *err)
{
	struct mailbox old;

	if (mailbox_load(model, address, &old, err) != 0)
		return -1;
	*edited = old;
	resource_merge(&mailbox_resource, change, given, edited);
	edited->name = bare_name(edited->name, model->arena);
	edited->modified = clock_wall_seconds();
	if ((given & resource_bit(&mailbox_resource, "password")) != 0) {
		edited->password_changed = edited->modified;
		if (check_hash(edited->password, err) != 0)
			return -1;
	}
	if (edit_quota(model, &old, edited, err) != 0 ||
		model_update(model, &mailbox_resource, &old, edited, err) != 0)
		return -1;
	if (!ends_sessions(&old, edited))
		return 0;
	return outbox_add_text(
		model->core, "session.kick", "address", old.address, err);
}

int
mailbox_edit(struct model *model, const char *address,
	const struct mailbox *change, uint64_t given, struct mailbox *out,
	struct err *err)
{
	struct mailbox edited;

	if (model_begin(model, err) != 0 ||
		model_end(model,
			edit_rows(model, address, change, given, &edited, err),
			err) != 0)
		return -1;
	if (out != NULL)
		*out = edited;
	return 0;
}

int
mailbox_add_again(struct model *model, struct mailbox *mailbox, struct err *err)
{
	return add_rows(
		model, mailbox, resource_bit(&mailbox_resource, "quota"), err);
}

static int
remove_loaded(struct model *model, const struct mailbox *removed,
	enum removed_state state, struct err *err)
{
	if (removed_mailbox_remember(model, removed, state, err) != 0 ||
		model_delete(model, &mailbox_resource, removed, err) != 0)
		return -1;
	return domain_count_mailbox(
		model, removed->domain_id, -1, -removed->quota, err);
}

/* Its sessions end, too. */
static int
remove_rows(struct model *model, const char *address, enum removed_state state,
	struct err *err)
{
	struct mailbox removed;

	if (mailbox_load(model, address, &removed, err) != 0 ||
		remove_loaded(model, &removed, state, err) != 0)
		return -1;
	return outbox_add_text(
		model->core, "session.kick", "address", removed.address, err);
}

int
mailbox_remove(struct model *model, const char *address, struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(
		model, remove_rows(model, address, REMOVED_KEPT, err), err);
}

int
mailbox_remove_now(struct model *model, const char *address, struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(
		model, remove_rows(model, address, REMOVED_PURGED, err), err);
}

struct remove_all {
	struct model *model;
	int64_t count;
};

static int
remove_listed(void *context, const void *object, UNUSED struct arena *arena,
	struct err *err)
{
	struct remove_all *all = context;

	all->count++;
	return remove_loaded(all->model, object, REMOVED_KEPT, err);
}

int
mailbox_remove_all(struct model *model, const char *domain, int64_t *count_out,
	struct err *err)
{
	const struct model_list list = { .owner = domain };
	struct remove_all all = { .model = model };

	if (model_list(model, &mailbox_resource, &list, remove_listed, &all,
		    err) != 0)
		return -1;
	*count_out = all.count;
	return 0;
}
