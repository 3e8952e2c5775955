/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules of objects, as a person meets them: a story of changes in one
 * table, each with the answer it must get; then what is in the rows.
 */
#include "model/alias.h"
#include "model/alias_domain.h"
#include "model/app_password.h"
#include "model/dkim.h"
#include "model/domain.h"
#include "model/fixture_test.h"
#include "model/mailbox.h"

#define GIB (INT64_C(1) << 30)

enum verb {
	ADD,
	EDIT,
	REMOVE
};

/* words: pairs of field and value, as options would give them. */
struct step {
	enum verb verb;
	const char *type;
	const char *key;
	const char *words[9];
	enum err_code want;
	const char *field; /* of the error */
};

union object {
	struct domain domain;
	struct alias_domain alias_domain;
	struct mailbox mailbox;
	struct alias alias;
	struct app_password app_password;
};

static const struct resource *
find_resource(const char *type)
{
	static const struct resource *const all[] = { &domain_resource,
		&alias_domain_resource, &mailbox_resource, &alias_resource,
		&app_password_resource };

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		if (strcmp(all[i]->name, type) == 0)
			return all[i];
	}
	fail_msg("no resource %s", type);
	return NULL;
}

static int
apply_domain(struct model *m, const struct step *s, union object *o,
	uint64_t given, struct err *err)
{
	o->domain.name = s->verb == ADD ? s->key : o->domain.name;
	if (s->verb == ADD)
		return domain_add(m, &o->domain, NULL, err);
	if (s->verb == EDIT)
		return domain_edit(m, s->key, &o->domain, given, NULL, err);
	return domain_remove(m, s->key, err);
}

static int
apply_alias_domain(struct model *m, const struct step *s, union object *o,
	uint64_t given, struct err *err)
{
	if (s->verb == ADD) {
		o->alias_domain.name = s->key;
		return alias_domain_add(m, &o->alias_domain, NULL, err);
	}
	if (s->verb == EDIT)
		return alias_domain_edit(
			m, s->key, &o->alias_domain, given, NULL, err);
	return alias_domain_remove(m, s->key, err);
}

static int
apply_mailbox(struct model *m, const struct step *s, union object *o,
	uint64_t given, struct err *err)
{
	if (s->verb == ADD) {
		o->mailbox.address = s->key;
		if (o->mailbox.password[0] == '\0')
			o->mailbox.password = FIXTURE_HASH;
		return mailbox_add(m, &o->mailbox, given, NULL, err);
	}
	if (s->verb == EDIT)
		return mailbox_edit(m, s->key, &o->mailbox, given, NULL, err);
	return mailbox_remove(m, s->key, err);
}

static int
apply_alias(struct model *m, const struct step *s, union object *o,
	uint64_t given, struct err *err)
{
	if (s->verb == ADD) {
		o->alias.address = s->key;
		return alias_add(m, &o->alias, NULL, err);
	}
	if (s->verb == EDIT)
		return alias_edit(m, s->key, &o->alias, given, NULL, err);
	return alias_remove(m, s->key, err);
}

static int
apply_app_password(struct model *m, const struct step *s, union object *o,
	uint64_t given, struct err *err)
{
	if (s->verb == ADD) {
		o->app_password.mailbox = s->key;
		o->app_password.hash = FIXTURE_HASH;
		return app_password_add(m, &o->app_password, NULL, err);
	}
	if (s->verb == EDIT)
		return app_password_edit(
			m, s->key, &o->app_password, given, NULL, err);
	return app_password_remove(m, s->key, err);
}

static const struct {
	const char *type;
	int (*apply)(struct model *m, const struct step *s, union object *o,
		uint64_t given, struct err *err);
} APPLY[] = {
	{ "domain", apply_domain },
	{ "alias-domain", apply_alias_domain },
	{ "mailbox", apply_mailbox },
	{ "alias", apply_alias },
	{ "app-password", apply_app_password },
};

static int
apply(struct fixture *f, const struct step *s, struct err *err)
{
	const struct resource *resource = find_resource(s->type);
	union object object;
	uint64_t given = 0;

	memset(&object, 0, sizeof(object));
	if (s->verb == ADD)
		resource_defaults(resource, &object);
	for (size_t i = 0; s->words[i] != NULL; i += 2) {
		const struct field *field =
			resource_field(resource, s->words[i]);

		assert_non_null(field);
		if (resource_set(resource, field, s->words[i + 1], &object,
			    &given, f->model.arena, err) != 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(APPLY); i++) {
		if (strcmp(APPLY[i].type, s->type) == 0)
			return APPLY[i].apply(
				&f->model, s, &object, given, err);
	}
	return -1;
}

static void
run_steps(struct fixture *f, const struct step *steps, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct step *s = &steps[i];
		struct err err = { 0 };
		int status = apply(f, s, &err);

		if (status != (s->want == ERR_NONE ? 0 : -1) ||
			err.code != s->want ||
			(s->field != NULL && strcmp(s->field, err.field) != 0))
			fail_msg(
				"step %zu %s %s: got %s field \"%s\" text \"%s\"",
				i, s->type, s->key, err_code_name(err.code),
				err.field, err.text);
		/* The model leaves no transaction open. */
		assert_int_equal(db_begin(f->model.core, &err), 0);
		db_rollback(f->model.core);
	}
}

/* Kept counters are what counting would give. */
static void
check_counters(struct fixture *f)
{
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM domain AS d WHERE mailboxes <>"
			" (SELECT count(*) FROM mailbox WHERE domain_id = d.id)"
			" OR quota_used <> (SELECT coalesce(sum(quota), 0) FROM mailbox WHERE domain_id = d.id)"
			" OR aliases <> (SELECT count(*) FROM alias WHERE domain_id = d.id)"),
		0);
}

#define RUN(f, steps)                                                          \
	do {                                                                   \
		run_steps(f, steps, ARRAY_LENGTH(steps));                      \
		check_counters(f);                                             \
	} while (0)

static void
test_domains(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "Example.org", { 0 } },
		{ ADD, "domain", "example.org", { 0 }, ERR_EXISTS, "name" },
		{ ADD, "domain", "mail.example.org", { 0 }, ERR_INVALID,
			"name" },
		{ ADD, "domain", "nodots", { 0 }, ERR_INVALID, "name" },
		{ ADD, "domain", "b.org",
			{ "default_quota", "2G", "max_quota", "1G" },
			ERR_INVALID, "default_quota" },
		{ ADD, "domain", "b.org",
			{ "max_quota", "2G", "quota", "1G", "default_quota",
				"1G" },
			ERR_INVALID, "max_quota" },
		{ ADD, "domain", "b.org", { "quota", "0" }, ERR_INVALID,
			"quota" },
		{ ADD, "domain", "b.org", { "quota", "lots" }, ERR_INVALID,
			"quota" },
		{ ADD, "alias-domain", "alias.org", { "target", "none.org" },
			ERR_NOT_FOUND, "target" },
		{ ADD, "alias-domain", "alias.org",
			{ "target", "example.org" } },
		{ ADD, "alias-domain", "alias.org", { "target", "example.org" },
			ERR_EXISTS, "name" },
		{ ADD, "alias-domain", "other.org", { "target", "alias.org" },
			ERR_NOT_FOUND, "target" },
		{ ADD, "alias-domain", "mail.example.org",
			{ "target", "example.org" }, ERR_INVALID, "name" },
		{ ADD, "domain", "alias.org", { 0 }, ERR_EXISTS, "name" },
		{ ADD, "mailbox", "a@example.org", { "quota", "2G" } },
		{ ADD, "mailbox", "b@example.org", { "quota", "1G" } },
		{ ADD, "alias", "c@example.org", { "targets", "a@x.org" } },
		{ EDIT, "domain", "example.org", { "max_mailboxes", "1" },
			ERR_LIMIT, "max_mailboxes" },
		{ EDIT, "domain", "example.org", { "max_aliases", "0" },
			ERR_LIMIT, "max_aliases" },
		{ EDIT, "domain", "example.org",
			{ "quota", "2G", "max_quota", "2G", "default_quota",
				"1G" },
			ERR_LIMIT, "quota" },
		{ EDIT, "domain", "example.org",
			{ "max_quota", "1G", "default_quota", "1G" }, ERR_LIMIT,
			"max_quota" },
		{ EDIT, "domain", "example.org",
			{ "max_mailboxes", "2", "max_aliases", "1", "quota",
				"3G", "max_quota", "2G" },
			ERR_INVALID, "default_quota" },
		{ EDIT, "domain", "example.org", { "active", "no" } },
		{ REMOVE, "domain", "example.org", { 0 }, ERR_DENIED, "name" },
		{ REMOVE, "mailbox", "a@example.org", { 0 } },
		{ REMOVE, "mailbox", "b@example.org", { 0 } },
		{ REMOVE, "domain", "example.org", { 0 } },
		{ REMOVE, "domain", "example.org", { 0 }, ERR_NOT_FOUND,
			"name" },
		{ REMOVE, "alias-domain", "alias.org", { 0 }, ERR_NOT_FOUND,
			"name" },
	};
	struct fixture *f = *state;

	RUN(f, steps);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM alias"), 0);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM outbox WHERE kind = 'session.kick'"
			" AND payload = '{\"address\":\"*@example.org\"}'"),
		1);
	/* Keys outlive their domains. */
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM dkim_key"), 2);
}

static void
test_domain_fields(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { 0 } },
		{ EDIT, "domain", "none.org", { "active", "no" }, ERR_NOT_FOUND,
			"name" },
		{ EDIT, "domain", "example.org", { "description", "a\xff" },
			ERR_INVALID, "description" },
		{ EDIT, "domain", "example.org", { "description", "a\xc2\x9b" },
			ERR_INVALID, "description" },
		{ EDIT, "domain", "example.org",
			{ "description", "\xc3\xa4 \xe2\x82\xac" } },
		{ EDIT, "domain", "example.org",
			{ "max_mailboxes", "10000001" }, ERR_INVALID,
			"max_mailboxes" },
	};
	struct fixture *f = *state;

	RUN(f, steps);
	assert_string_equal(fixture_text(f, "SELECT description FROM domain"),
		"\xc3\xa4 \xe2\x82\xac");
}

static void
test_mailboxes(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org",
			{ "max_mailboxes", "2", "default_quota", "1G",
				"max_quota", "2G", "quota", "3G" } },
		{ ADD, "alias-domain", "alias.org",
			{ "target", "example.org" } },
		{ ADD, "mailbox", "Ann@Example.org", { "name", "<<Ann>" } },
		{ ADD, "mailbox", "ann@example.org", { 0 }, ERR_EXISTS,
			"address" },
		{ ADD, "mailbox", "bob@alias.org", { 0 }, ERR_INVALID,
			"address" },
		{ ADD, "mailbox", "bob@none.org", { 0 }, ERR_NOT_FOUND,
			"address" },
		{ ADD, "mailbox", "bob+x@example.org", { 0 }, ERR_INVALID,
			"address" },
		{ ADD, "mailbox", "@example.org", { 0 }, ERR_INVALID,
			"address" },
		{ ADD, "mailbox", "bob@example.org", { "password", "clear" },
			ERR_INVALID, "password" },
		{ ADD, "mailbox", "bob@example.org", { "quota", "3G" },
			ERR_LIMIT, "quota" },
		{ ADD, "mailbox", "bob@example.org", { "name", "a\nb" },
			ERR_INVALID, "name" },
		{ ADD, "alias", "bob@alias.org",
			{ "targets", "ann@example.org" } },
		{ ADD, "mailbox", "bob@example.org", { 0 }, ERR_EXISTS,
			"address" },
		{ REMOVE, "alias", "bob@alias.org", { 0 } },
		{ ADD, "mailbox", "bob@example.org", { "quota", "2G" } },
		{ ADD, "mailbox", "cat@example.org", { "quota", "0" },
			ERR_LIMIT, "address" },
		{ EDIT, "domain", "example.org", { "max_mailboxes", "3" } },
		{ ADD, "mailbox", "cat@example.org", { "quota", "1" },
			ERR_LIMIT, "quota" },
		{ ADD, "mailbox", "cat@example.org", { "quota", "0" } },
		{ EDIT, "mailbox", "ann@example.org", { "quota", "2G" },
			ERR_LIMIT, "quota" },
		{ EDIT, "mailbox", "bob@example.org", { "quota", "1G" } },
		{ EDIT, "mailbox", "ann@example.org", { "quota", "2G" } },
		{ EDIT, "mailbox", "ann@example.org", { "active", "3" },
			ERR_INVALID, "active" },
		{ EDIT, "mailbox", "ann@example.org", { "name", "Ann Lee" } },
		{ EDIT, "mailbox", "dan@example.org", { "name", "x" },
			ERR_NOT_FOUND, "address" },
	};
	struct fixture *f = *state;

	RUN(f, steps);
	assert_string_equal(
		fixture_text(f,
			"SELECT name FROM mailbox WHERE address = 'ann@example.org'"),
		"Ann Lee");
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM audit WHERE coalesce(old, '')"
			" || coalesce(new, '') LIKE '%SSHA256%'"),
		0);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM audit WHERE type = 'mailbox'"
			" AND action = 'edit' AND new LIKE '%\"password\":\"***\"%'"),
		3);
	assert_int_equal(
		fixture_number(f,
			"SELECT number FROM generation WHERE subject = 'mailbox'"),
		6);
}

static void
test_what_ends_sessions(void **state)
{
	static const struct step add[] = {
		{ ADD, "domain", "example.org", { 0 } },
		{ ADD, "mailbox", "ann@example.org", { "name", "Ann" } },
	};
	static const struct step quiet[] = {
		{ EDIT, "mailbox", "ann@example.org", { "active", "1" } },
		{ EDIT, "mailbox", "ann@example.org", { "pop3", "yes" } },
	};
	static const struct step kicks[] = {
		{ EDIT, "mailbox", "ann@example.org",
			{ "active", "no-login" } },
		{ EDIT, "mailbox", "ann@example.org", { "imap", "no" } },
		{ EDIT, "mailbox", "ann@example.org",
			{ "password", "{PLAIN}x" } },
	};
	struct fixture *f = *state;

	RUN(f, add);
	RUN(f, quiet);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM outbox WHERE kind = 'session.kick'"),
		0);
	RUN(f, kicks);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM outbox WHERE kind = 'session.kick'"),
		3);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM audit WHERE coalesce(old, '')"
			" || coalesce(new, '') LIKE '%PLAIN%'"),
		0);
}

static void
test_aliases(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { "max_aliases", "6" } },
		{ ADD, "alias-domain", "alias.org",
			{ "target", "example.org" } },
		{ ADD, "mailbox", "ann@example.org", { 0 } },
		{ ADD, "mailbox", "bob@example.org", { 0 } },
		{ ADD, "alias", "team@example.org",
			{ "targets",
				"Ann@example.org, bob@example.org;ann@example.org\next@b.org",
				"targets", "team@example.org" } },
		{ ADD, "alias", "team@example.org", { "targets", "a@b.org" },
			ERR_EXISTS, "address" },
		{ ADD, "alias", "ann@example.org", { "targets", "a@b.org" },
			ERR_EXISTS, "address" },
		{ ADD, "alias", "ann@alias.org", { "targets", "a@b.org" },
			ERR_EXISTS, "address" },
		{ ADD, "alias", "x@none.org", { "targets", "a@b.org" },
			ERR_NOT_FOUND, "address" },
		{ ADD, "alias", "x@example.org", { 0 }, ERR_INVALID,
			"targets" },
		{ ADD, "alias", "x@example.org", { "targets", "x@example.org" },
			ERR_INVALID, "targets" },
		{ ADD, "alias", "x@example.org", { "targets", "nonsense" },
			ERR_INVALID, "targets" },
		{ ADD, "alias", "x@example.org", { "targets", "@b.org" },
			ERR_INVALID, "targets" },
		{ ADD, "alias", "x@example.org",
			{ "targets", "null ann@example.org" }, ERR_INVALID,
			"targets" },
		{ ADD, "alias", "@example.org",
			{ "targets", "bob@example.org" } },
		{ ADD, "alias", "@alias.org",
			{ "targets", "bob@example.org" } },
		{ ADD, "alias", "gone@example.org", { "targets", "null" } },
		{ ADD, "alias", "dan@alias.org", { "targets", "a@b.org" } },
		{ ADD, "mailbox", "dan@example.org", { 0 }, ERR_EXISTS,
			"address" },
		{ ADD, "alias", "y@example.org",
			{ "targets", "ann@example.org" } },
		{ ADD, "alias", "z@alias.org", { "targets", "a@b.org" },
			ERR_LIMIT, "address" },
		/* The same mailbox by another name. */
		{ EDIT, "alias", "dan@alias.org",
			{ "targets", "bob@alias.org ext@b.org" } },
		{ REMOVE, "mailbox", "bob@example.org", { 0 } },
	};
	static const struct step rest[] = {
		{ REMOVE, "mailbox", "ann@example.org", { 0 } },
		{ REMOVE, "alias", "gone@example.org", { 0 } },
		{ REMOVE, "alias", "gone@example.org", { 0 }, ERR_NOT_FOUND,
			"address" },
		{ REMOVE, "alias-domain", "alias.org", { 0 } },
	};
	struct fixture *f = *state;
	struct alias alias;

	RUN(f, steps);
	assert_int_equal(
		alias_load(&f->model, "TEAM@example.org", &alias, &f->err), 0);
	assert_string_equal(alias.targets[0], "ann@example.org");
	assert_string_equal(alias.targets[1], "ext@b.org");
	assert_null(alias.targets[2]);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM alias_target WHERE address LIKE 'bob@%'"),
		0);
	/* Those that led only to bob are gone. */
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM alias WHERE address LIKE '@%'"),
		0);
	RUN(f, rest);
	assert_string_equal(
		fixture_text(f,
			"SELECT group_concat(address) FROM alias ORDER BY address"),
		"team@example.org");
	assert_int_equal(
		fixture_number(f, "SELECT count(*) FROM alias_target"), 1);
}

static void
test_alias_edits(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { 0 } },
		{ ADD, "alias", "y@example.org", { "targets", "a@b.org" } },
		{ EDIT, "alias", "y@example.org",
			{ "targets", "y@example.org a@b.org" }, ERR_INVALID,
			"targets" },
		{ EDIT, "alias", "y@example.org",
			{ "active", "no", "private_comment", "why" } },
		{ EDIT, "alias", "none@example.org", { "active", "no" },
			ERR_NOT_FOUND, "address" },
	};
	struct fixture *f = *state;

	RUN(f, steps);
	assert_int_equal(fixture_number(f, "SELECT active FROM alias"), 0);
	assert_string_equal(
		fixture_text(f, "SELECT private_comment FROM alias"), "why");
}

static void
test_app_passwords(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { 0 } },
		{ ADD, "mailbox", "ann@example.org", { 0 } },
		{ ADD, "app-password", "ann@example.org", { 0 }, ERR_INVALID,
			"name" },
		{ ADD, "app-password", "bob@example.org", { "name", "x" },
			ERR_NOT_FOUND, "address" },
		{ ADD, "app-password", "ann@example.org",
			{ "name", "phone", "pop3", "no" } },
		{ EDIT, "app-password", "1", { "name", "tablet" } },
		{ EDIT, "app-password", "2", { "name", "x" }, ERR_NOT_FOUND,
			"id" },
		{ EDIT, "app-password", "x", { "name", "x" }, ERR_NOT_FOUND,
			"id" },
	};
	static const struct step kicks[] = {
		{ EDIT, "app-password", "1", { "imap", "no" } },
		{ REMOVE, "app-password", "1", { 0 } },
		{ ADD, "app-password", "ann@example.org", { "name", "b" } },
	};
	static const struct step last[] = {
		{ REMOVE, "mailbox", "ann@example.org", { 0 } },
	};
	struct fixture *f = *state;

	RUN(f, steps);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM outbox WHERE kind = 'session.kick'"),
		0);
	RUN(f, kicks);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM outbox WHERE kind = 'session.kick'"),
		2);
	/* Ids are not used again. */
	assert_int_equal(fixture_number(f, "SELECT id FROM app_password"), 2);
	RUN(f, last);
	assert_int_equal(
		fixture_number(f, "SELECT count(*) FROM app_password"), 0);
}

/* A removed address that is added again is another mailbox. */
static void
test_identity(void **state)
{
	static const struct step add[] = {
		{ ADD, "domain", "example.org", { 0 } },
		{ ADD, "mailbox", "ann@example.org", { 0 } },
	};
	static const struct step again[] = {
		{ REMOVE, "mailbox", "ann@example.org", { 0 } },
		{ ADD, "mailbox", "ann@example.org", { 0 } },
	};
	struct fixture *f = *state;
	struct paths paths = { .vmail = "/v" };
	struct mailbox first;
	struct mailbox second;

	RUN(f, add);
	assert_int_equal(
		mailbox_load(&f->model, "ann@example.org", &first, &f->err), 0);
	RUN(f, again);
	assert_int_equal(
		mailbox_load(&f->model, "ann@example.org", &second, &f->err),
		0);
	assert_int_not_equal(first.id, second.id);
	assert_string_not_equal(first.store_id, second.store_id);
	assert_string_equal(
		fixture_text(f, "SELECT store_id FROM removed_mailbox"),
		first.store_id);
	assert_string_equal(
		mailbox_home(&paths, "ab0123", f->model.arena), "/v/ab/ab0123");
}

/* An error leaves nothing behind: no row, audit, counter or outbox. */
static void
test_all_or_nothing(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { 0 } },
		{ ADD, "alias", "a@example.org", { "targets", "b@x.org" } },
	};
	static const struct step failing[] = {
		{ EDIT, "alias", "a@example.org",
			{ "targets", "a@example.org" }, ERR_INVALID },
	};
	struct fixture *f = *state;
	int64_t audits;

	RUN(f, steps);
	audits = fixture_number(f, "SELECT count(*) FROM audit");
	RUN(f, failing);
	assert_int_equal(
		fixture_number(f, "SELECT count(*) AS n FROM audit"), audits);
	assert_int_equal(
		fixture_number(f, "SELECT count(*) FROM alias_target"), 1);
}

static void
test_batch(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { 0 } },
	};
	struct fixture *f = *state;
	struct mailbox mailbox;

	RUN(f, steps);
	resource_defaults(&mailbox_resource, &mailbox);
	mailbox.password = FIXTURE_HASH;
	for (int pass = 0; pass < 2; pass++) {
		int status;

		assert_int_equal(model_batch_begin(&f->model, &f->err), 0);
		mailbox.address = "a@example.org";
		assert_int_equal(
			mailbox_add(&f->model, &mailbox, 0, NULL, &f->err), 0);
		mailbox.address = pass == 0 ? "a@example.org" : "b@example.org";
		status = mailbox_add(&f->model, &mailbox, 0, NULL, &f->err);
		assert_int_equal(status, pass == 0 ? -1 : 0);
		assert_int_equal(
			model_batch_end(&f->model, status, &f->err), status);
	}
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM mailbox"), 2);
	check_counters(f);
}

struct names {
	char text[256];
	int count;
};

static int
collect(void *context, const void *object, UNUSED struct arena *arena,
	UNUSED struct err *err)
{
	const struct mailbox *mailbox = object;
	struct names *names = context;

	size_t length = strlen(names->text);

	names->count++;
	(void)snprintf(names->text + length, sizeof(names->text) - length,
		"%s ", mailbox->local_part);
	return 0;
}

static void
test_list(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org", { "max_mailboxes", "2000" } },
		{ ADD, "domain", "b.org", { 0 } },
		{ ADD, "mailbox", "bob@example.org", { "name", "Lee" } },
		{ ADD, "mailbox", "ann@example.org", { 0 } },
		{ ADD, "mailbox", "cat@b.org", { 0 } },
	};

	static const struct {
		struct model_list list;
		const char *want;
	} rows[] = {
		{ { 0 }, "ann bob cat " },
		{ { .owner = "example.org" }, "ann bob " },
		{ { .owner = "none.org" }, "" },
		{ { .search = "lEe" }, "bob " },
		{ { .search = "ANN@" }, "ann " },
		{ { .search = "an" }, "ann " },
		{ { .limit = 2 }, "ann bob " },
		{ { .owner = "b.org", .search = "c", .limit = 1 }, "cat " },
	};
	struct fixture *f = *state;
	struct names all = { 0 };

	RUN(f, steps);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct names names = { 0 };

		assert_int_equal(
			model_list(&f->model, &mailbox_resource, &rows[i].list,
				collect, &names, &f->err),
			0);
		if (strcmp(names.text, rows[i].want) != 0)
			fail_msg("row %zu: got \"%s\"", i, names.text);
	}
	/* More than two slices, and the limit cuts inside of one. */
	assert_int_equal(
		db_script(f->model.core,
			"WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1200)"
			"INSERT INTO mailbox (address, domain_id, active, quota, store_id, imap, pop3, smtp, sieve, dav, eas, force_password_change, password, password_changed, created, modified, local_part)"
			" SELECT 'u' || i || '@example.org', 1, 1, 0, printf('%032d', i), 1, 1, 1, 1, 1, 1, 0, '', 0, 0, 0, '' FROM n",
			&f->err),
		0);
	assert_int_equal(
		model_list(&f->model, &mailbox_resource,
			&(struct model_list){ 0 }, collect, &all, &f->err),
		0);
	assert_int_equal(all.count, 1203);
	all.count = 0;
	assert_int_equal(model_list(&f->model, &mailbox_resource,
				 &(struct model_list){ .limit = 1100 }, collect,
				 &all, &f->err),
		0);
	assert_int_equal(all.count, 1100);
}

static void
test_password_rule(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mailbox_password_check(
				 &f->model, span_from("1234567"), &f->err),
		-1);
	assert_int_equal(mailbox_password_check(
				 &f->model, span_from("12345678"), &f->err),
		0);
	/* Bytes count, not characters. */
	assert_int_equal(
		mailbox_password_check(&f->model,
			span_from("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"), &f->err),
		0);
	assert_int_equal(mailbox_password_check(
				 &f->model, span_from("1234\n56789"), &f->err),
		-1);
	assert_int_equal(setting_store(&f->model, SETTING_PASSWORD_LENGTH, "12",
				 &f->err),
		0);
	assert_int_equal(mailbox_password_check(
				 &f->model, span_from("12345678901"), &f->err),
		-1);
	assert_int_equal(
		setting_store(&f->model, SETTING_PASSWORD_LENGTH, "2", &f->err),
		-1);
}

/* What a person is told before the password is asked. */
static void
test_add_check(void **state)
{
	static const struct step steps[] = {
		{ ADD, "domain", "example.org",
			{ "max_mailboxes", "1", "max_quota", "5G" } },
	};

	static const struct {
		const char *address;
		int64_t quota;
		enum err_code want;
	} rows[] = {
		{ "ann@example.org", 1, ERR_NONE },
		{ "ann@none.org", 1, ERR_NOT_FOUND },
		{ "a nn@example.org", 1, ERR_INVALID },
		{ "ann@example.org", 6 * GIB, ERR_LIMIT },
	};
	struct fixture *f = *state;

	RUN(f, steps);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct mailbox mailbox;
		struct err err = { 0 };
		int status;

		resource_defaults(&mailbox_resource, &mailbox);
		mailbox.address = rows[i].address;
		mailbox.quota = rows[i].quota;
		status = mailbox_add_check(&f->model, &mailbox,
			resource_bit(&mailbox_resource, "quota"), &err);
		assert_int_equal(status, rows[i].want == ERR_NONE ? 0 : -1);
		assert_int_equal(err.code, rows[i].want);
	}
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM mailbox"), 0);
}

int
main(void)
{
#define ROW(test)                                                              \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_domains),
		ROW(test_domain_fields),
		ROW(test_mailboxes),
		ROW(test_what_ends_sessions),
		ROW(test_aliases),
		ROW(test_alias_edits),
		ROW(test_app_passwords),
		ROW(test_identity),
		ROW(test_all_or_nothing),
		ROW(test_batch),
		ROW(test_list),
		ROW(test_password_rule),
		ROW(test_add_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
