/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every statement on core.db against a filled database: it must prepare,
 * find its rows by an index unless its entry says why not, and a SELECT of
 * a resource must have the columns of the resource's table in their order.
 */
#include "model/alias.h"
#include "model/alias_domain.h"
#include "model/app_password.h"
#include "model/domain.h"
#include "model/fixture_test.h"
#include "model/mailbox.h"

static const char FILL[] =
	"CREATE TEMP TABLE n (i INTEGER);"
	"WITH RECURSIVE c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 2000)"
	" INSERT INTO n SELECT i FROM c;"
	"INSERT INTO domain (name, active, max_mailboxes, max_aliases, default_quota, max_quota, quota, created, modified)"
	" SELECT 'd' || i || '.org', 1, 9, 9, 9, 9, 9, 0, 0 FROM n;"
	"INSERT INTO alias_domain (name, domain_id, active, created, modified)"
	" SELECT 'a' || i || '.org', i, 1, 0, 0 FROM n;"
	"INSERT INTO mailbox (address, domain_id, active, quota, store_id, imap, pop3, smtp, sieve, dav, eas, force_password_change, password, password_changed, created, modified, local_part)"
	" SELECT 'u@d' || i || '.org', i, 1, 0, printf('%032d', i), 1, 1, 1, 1, 1, 1, 0, '', 0, 0, 0, 'u' FROM n;"
	"INSERT INTO alias (address, domain_id, active, sender_allowed, internal, created, modified)"
	" SELECT 'x@d' || i || '.org', i, 1, 1, 0, 0, 0 FROM n;"
	"INSERT INTO alias_target (alias_id, position, address)"
	" SELECT i, 0, 'u@d' || i || '.org' FROM n;"
	"INSERT INTO app_password (mailbox_id, active, imap, pop3, smtp, sieve, dav, eas, hash, created, modified, name)"
	" SELECT i, 1, 1, 1, 1, 1, 1, 1, '', 0, 0, 'n' FROM n;"
	"INSERT INTO removed_mailbox (id, store_id, address, state, removed, settled, due, bytes, memory)"
	" SELECT i, printf('%032d', i), 'r@d' || i || '.org', i % 3, i, i % 2, i, i, '' FROM n;"
	"INSERT INTO dkim_key (domain, selector, algorithm, bits, public, private_sealed, created)"
	" SELECT 'd' || i || '.org', 'dkim', 'rsa', 1024, '', x'', 0 FROM n;"
	"INSERT INTO audit (at, actor, action, type, object, object_id)"
	" SELECT i, '', '', '', '', i FROM n;"
	"INSERT INTO outbox (kind, payload, created, due) SELECT '', '', 0, i FROM n;";

static void
explain_all(struct fixture *f)
{
	const struct db_statement *statements;
	char plan[1024];
	size_t count;

	for (size_t table = 0;
		(statements = model_statements(table, &count)) != NULL;
		table++) {
		for (size_t i = 0; i < count; i++) {
			assert_non_null(statements[i].name);
			if (db_explain(f->model.core, &statements[i], plan,
				    sizeof(plan), &f->err) != 0)
				fail_msg("%s: %s", statements[i].name,
					f->err.text);
			if (plan[0] != '\0' &&
				statements[i].scan_reason == NULL)
				fail_msg("%s: %s", statements[i].name, plan);
		}
	}
}

static void
test_plans(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(db_script(f->model.core, FILL, &f->err), 0);
	explain_all(f);
	assert_int_equal(db_script(f->model.core, "ANALYZE", &f->err), 0);
	explain_all(f);
}

static void
check_columns(struct fixture *f, const struct resource *resource,
	enum resource_sql which)
{
	struct db_query q = db_query(f->model.core, &resource->sql[which]);
	int column = 0;

	for (size_t i = 0; i < resource->field_count; i++) {
		if (resource->fields[i].column == NULL)
			continue;
		assert_non_null(db_column_name(&q, column));
		assert_string_equal(db_column_name(&q, column++),
			resource->fields[i].column);
	}
	assert_null(db_column_name(&q, column));
	db_finish(&q);
}

static void
test_columns(void **state)
{
	static const struct resource *const all[] = { &domain_resource,
		&alias_domain_resource, &mailbox_resource, &alias_resource,
		&app_password_resource };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
		check_columns(f, all[i], RESOURCE_FIND);
		check_columns(f, all[i], RESOURCE_LIST);
		check_columns(f, all[i], RESOURCE_LIST_OF);
	}
}

int
main(void)
{
#define ROW(test)                                                              \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_plans),
		ROW(test_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
