/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What surrounds objects: resource fields, seals, DKIM keys, the outbox. */
#include "base/clock.h"
#include "model/alias.h"
#include "model/audit.h"
#include "model/dkim.h"
#include "model/domain.h"
#include "model/fixture_test.h"
#include "model/mailbox.h"
#include "model/outbox.h"
#include "model/seal.h"

static const struct {
	const char *field;
	const char *text;
	int64_t want; /* -1: refused */
	const char *formatted;
} VALUES[] = {
	{ "quota", "0", 0, "0 B" },
	{ "quota", "1024", 1024, "1 KiB" },
	{ "quota", "3G", INT64_C(3) << 30, "3 GiB" },
	{ "quota", "3GiB", INT64_C(3) << 30, "3 GiB" },
	{ "quota", "1536m", INT64_C(1536) << 20, "1.5 GiB" },
	{ "quota", "8192T", INT64_C(8192) << 40, "8192 TiB" },
	{ "quota", "8193T", -1, NULL },
	{ "quota", "99999999999999999999", -1, NULL },
	{ "quota", "-1", -1, NULL },
	{ "quota", "1.5G", -1, NULL },
	{ "quota", "G", -1, NULL },
	{ "quota", "3GX", -1, NULL },
	{ "quota", "", -1, NULL },
	{ "active", "off", 0, "off" },
	{ "active", "no-login", 2, "no-login" },
	{ "active", "1", 1, "on" },
	{ "active", "3", -1, NULL },
	{ "active", "ON", -1, NULL },
	{ "created", "5", -1, NULL },
};

static void
test_values(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(VALUES); i++) {
		const struct field *field =
			resource_field(&mailbox_resource, VALUES[i].field);
		struct mailbox mailbox = { 0 };
		uint64_t given = 0;
		int status =
			resource_set(&mailbox_resource, field, VALUES[i].text,
				&mailbox, &given, f->model.arena, &f->err);
		int64_t got = strcmp(VALUES[i].field, "quota") == 0
				      ? mailbox.quota
				      : mailbox.active;

		if (status != (VALUES[i].want < 0 ? -1 : 0) ||
			(status == 0 && got != VALUES[i].want))
			fail_msg("%s \"%s\": got %d %lld", VALUES[i].field,
				VALUES[i].text, status, (long long)got);
		if (status == 0)
			assert_string_equal(resource_format(field, &mailbox,
						    f->model.arena),
				VALUES[i].formatted);
		assert_int_equal(given != 0, status == 0);
	}
}

static void
test_fields(void **state)
{
	(void)state;
	assert_ptr_equal(resource_field(&domain_resource, "max-quota"),
		resource_field(&domain_resource, "max_quota"));
	assert_null(resource_field(&domain_resource, "max_quot"));
	assert_null(resource_field(&domain_resource, "max_quotas"));
	assert_string_equal(resource_key(&alias_resource)->name, "address");
}

static void
test_json(void **state)
{
	struct fixture *f = *state;
	struct mailbox mailbox;
	struct strbuf text;
	struct json_writer w;

	(void)f;
	resource_defaults(&mailbox_resource, &mailbox);
	mailbox.password = "{PLAIN}hidden";
	strbuf_init(&text, 65536);
	json_writer_init(&w, &text);
	resource_write_audit(&mailbox_resource, &mailbox, &w);
	assert_null(strstr(text.data, "hidden"));
	assert_non_null(strstr(text.data, "\"password\":\"***\""));
	assert_non_null(strstr(text.data, "\"imap\":true"));
	strbuf_deinit(&text);
}

static void
test_seal(void **state)
{
	struct fixture *f = *state;
	struct secret other = { 0 };
	struct secret got = { 0 };
	struct span sealed;
	char *damaged;

	assert_int_equal(seal_wrap(&f->model.seal, "a", span_from("text"),
				 f->model.arena, &sealed, &f->err),
		0);
	assert_int_equal(
		seal_unwrap(&f->model.seal, "a", sealed, &got, &f->err), 0);
	assert_true(secret_equal(&got, "text", 4));
	secret_deinit(&got);
	assert_int_equal(
		seal_unwrap(&f->model.seal, "b", sealed, &got, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	secret_set(&other, "0123456789abcdef0123456789abcdef", 32);
	assert_int_equal(seal_unwrap(&other, "a", sealed, &got, &f->err), -1);
	secret_deinit(&other);
	assert_int_equal(seal_unwrap(&other, "a", sealed, &got, &f->err), -1);
	for (size_t length = 0; length < sealed.length; length++)
		assert_int_equal(seal_unwrap(&f->model.seal, "a",
					 (struct span){ sealed.data, length },
					 &got, &f->err),
			-1);
	damaged = arena_alloc(f->model.arena, sealed.length);
	for (size_t i = 0; i < sealed.length; i++) {
		memcpy(damaged, sealed.data, sealed.length);
		damaged[i] ^= 1;
		assert_int_equal(
			seal_unwrap(&f->model.seal, "a",
				(struct span){ damaged, sealed.length }, &got,
				&f->err),
			-1);
	}
}

static int
add_domain(struct fixture *f, const char *name)
{
	struct domain domain;

	resource_defaults(&domain_resource, &domain);
	domain.name = name;
	return domain_add(&f->model, &domain, NULL, &f->err);
}

static int
count_key(void *context, const struct dkim_key *key, UNUSED struct err *err)
{
	int *count = context;

	assert_string_equal(key->selector, DKIM_SELECTOR);
	(*count)++;
	return 0;
}

static void
test_dkim(void **state)
{
	struct fixture *f = *state;
	struct dkim_key key;
	struct dkim_key again;
	struct secret pem = { 0 };
	int count = 0;

	assert_int_equal(add_domain(f, "b.org"), 0);
	assert_int_equal(add_domain(f, "a.org"), 0);
	assert_int_equal(dkim_find(f->model.core, "a.org", f->model.arena, &key,
				 &f->err),
		1);
	assert_int_equal(key.bits, 1024);
	assert_int_equal(dkim_unseal(&key, &f->model.seal, &pem, &f->err), 0);
	assert_int_equal(
		strncmp(pem.bytes, "-----BEGIN PRIVATE KEY-----\n", 28), 0);
	secret_deinit(&pem);
	assert_int_equal(strncmp(dkim_record(&key, f->model.arena),
				 "v=DKIM1;k=rsa;t=s;s=email;p=MIG", 31),
		0);
	/* A key does not open in another domain's row. */
	key.domain = "b.org";
	assert_int_equal(dkim_unseal(&key, &f->model.seal, &pem, &f->err), -1);
	assert_int_equal(
		dkim_each(f->model.core, count_key, &count, &f->err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(domain_remove(&f->model, "a.org", &f->err), 0);
	assert_int_equal(dkim_find(f->model.core, "a.org", f->model.arena,
				 &again, &f->err),
		0);
	count = 0;
	assert_int_equal(
		dkim_each(f->model.core, count_key, &count, &f->err), 0);
	assert_int_equal(count, 1);
	/* The published key is used again. */
	assert_int_equal(add_domain(f, "a.org"), 0);
	assert_int_equal(dkim_find(f->model.core, "a.org", f->model.arena,
				 &again, &f->err),
		1);
	assert_string_equal(again.public_base64, key.public_base64);
}

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void
test_outbox(void **state)
{
	static const int64_t delays[] = { 1000, 2000, 4000, 8000 };
	struct fixture *f = *state;
	struct outbox_item item;
	int64_t count;
	int64_t due;
	int64_t now = INT64_C(1) << 50;

	assert_int_equal(outbox_due(f->model.core, &due, &f->err), 0);
	assert_int_equal(
		outbox_next(f->model.core, now, f->model.arena, &item, &f->err),
		0);
	assert_int_equal(
		outbox_add_text(f->model.core, "one", "k", "a\"b", &f->err), 0);
	assert_int_equal(
		outbox_add_text(f->model.core, "two", "k", "v", &f->err), 0);
	assert_int_equal(outbox_next(f->model.core, clock_wall_ms() - 5000,
				 f->model.arena, &item, &f->err),
		0);
	/* The clock was put back by a day. */
	assert_int_equal(outbox_next(f->model.core, clock_wall_ms() - DAY_MS,
				 f->model.arena, &item, &f->err),
		1);
	assert_int_equal(
		outbox_next(f->model.core, now, f->model.arena, &item, &f->err),
		1);
	assert_string_equal(item.kind, "one");
	assert_string_equal(item.payload, "{\"k\":\"a\\\"b\"}");
	for (size_t i = 0; i < ARRAY_LENGTH(delays); i++) {
		item.attempts = (int64_t)i;
		assert_int_equal(outbox_failed(f->model.core, &item, now,
					 "away", &f->err),
			0);
		assert_int_equal(fixture_number(f,
					 "SELECT due FROM outbox WHERE id = 1"),
			now + delays[i]);
	}
	item.attempts = 60;
	assert_int_equal(
		outbox_failed(f->model.core, &item, now, "away", &f->err), 0);
	assert_int_equal(
		fixture_number(f, "SELECT due FROM outbox WHERE id = 1"),
		now + OUTBOX_DELAY_MAX_MS);
	assert_int_equal(
		outbox_next(f->model.core, now, f->model.arena, &item, &f->err),
		1);
	assert_string_equal(item.kind, "two");
	assert_int_equal(outbox_done(f->model.core, item.id, &f->err), 0);
	assert_int_equal(outbox_count(f->model.core, &count, &f->err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(outbox_due(f->model.core, &due, &f->err), 1);
	assert_int_equal(due, now + OUTBOX_DELAY_MAX_MS);
}

static void
test_audit_is_pruned(void **state)
{
	struct fixture *f = *state;
	int64_t count = 0;

	assert_int_equal(
		db_script(f->model.core,
			"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
			" SELECT i + 1 FROM n WHERE i < 10)"
			" INSERT INTO audit (at, actor, action, type, object,"
			" object_id) SELECT i, 'test', 'edit',"
			" CASE i WHEN 2 THEN 'setting' ELSE 'mailbox' END,"
			" 'x', 0 FROM n",
			&f->err),
		0);
	assert_int_equal(audit_prune(f->model.core, 8, 4, &count, &f->err), 0);
	assert_int_equal(count, 4);
	assert_int_equal(audit_prune(f->model.core, 8, 4, &count, &f->err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(audit_prune(f->model.core, 8, 4, &count, &f->err), 0);
	assert_int_equal(count, 0);
	assert_string_equal(
		fixture_text(f, "SELECT group_concat(at) FROM audit"),
		"2,8,9,10");
}

static void
test_settings(void **state)
{
	struct fixture *f = *state;
	int64_t number;

	assert_int_equal(setting_number(f->model.core, SETTING_PASSWORD_LENGTH,
				 &number, &f->err),
		0);
	assert_int_equal(number, 8);
	/* A row that was damaged by hand does not switch the rule off. */
	assert_int_equal(
		db_script(f->model.core,
			"INSERT INTO setting VALUES ('password_length', '0', 0)",
			&f->err),
		0);
	assert_int_equal(setting_number(f->model.core, SETTING_PASSWORD_LENGTH,
				 &number, &f->err),
		0);
	assert_int_equal(number, 8);
	assert_non_null(setting_describe(SETTING_DKIM_BITS)->sentence);
}

static void
expect_setting(struct fixture *f, enum setting_name name, const char *want,
	bool want_stored)
{
	const char *text;
	bool stored;

	assert_int_equal(setting_text(f->model.core, name, f->model.arena,
				 &text, &stored, &f->err),
		0);
	assert_string_equal(text, want);
	assert_int_equal(stored, want_stored);
}

static void
test_a_setting_changes(void **state)
{
	struct fixture *f = *state;
	struct setting_change change;

	expect_setting(f, SETTING_PASSWORD_SCHEME, "BLF-CRYPT", false);
	assert_int_equal(setting_changed(f->model.core, SETTING_PASSWORD_SCHEME,
				 f->model.arena, &change, &f->err),
		0);
	assert_int_equal(change.at, 0);

	assert_int_equal(setting_store(&f->model, SETTING_PASSWORD_SCHEME,
				 "ARGON2ID", &f->err),
		0);
	expect_setting(f, SETTING_PASSWORD_SCHEME, "ARGON2ID", true);
	assert_int_equal(setting_changed(f->model.core, SETTING_PASSWORD_SCHEME,
				 f->model.arena, &change, &f->err),
		0);
	assert_true(change.at > 0);
	assert_string_equal(change.actor, f->model.actor);

	assert_int_equal(setting_store(&f->model, SETTING_PASSWORD_SCHEME,
				 "CLEARTEXT", &f->err),
		-1);
	assert_string_equal(f->err.field, "password_scheme");
	assert_string_equal(f->err.remedy, "choose BLF-CRYPT or ARGON2ID");
	expect_setting(f, SETTING_PASSWORD_SCHEME, "ARGON2ID", true);
	assert_int_equal(setting_store(&f->model, SETTING_PASSWORD_SCHEME, NULL,
				 &f->err),
		0);
	expect_setting(f, SETTING_PASSWORD_SCHEME, "BLF-CRYPT", false);
}

int
main(void)
{
#define ROW(test)                                                              \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_values),
		cmocka_unit_test(test_fields),
		ROW(test_json),
		ROW(test_seal),
		ROW(test_dkim),
		ROW(test_outbox),
		ROW(test_audit_is_pruned),
		ROW(test_settings),
		ROW(test_a_setting_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
