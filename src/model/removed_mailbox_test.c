/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a removed mailbox leaves, and what comes back. */
#include "model/removed_mailbox.h"

#include "base/clock.h"
#include "model/alias.h"
#include "model/alias_domain.h"
#include "model/app_password.h"
#include "model/domain.h"
#include "model/fixture_test.h"

#define ANNA "anna@a.org"
#define BEN "ben@a.org"

static void
add_domain(struct fixture *f, const char *name)
{
	struct domain domain;

	resource_defaults(&domain_resource, &domain);
	domain.name = name;
	domain.max_mailboxes = 3;
	domain.max_aliases = 4;
	assert_int_equal(domain_add(&f->model, &domain, NULL, &f->err), 0);
}

static void
add_mailbox(struct fixture *f, const char *address)
{
	struct mailbox mailbox;

	resource_defaults(&mailbox_resource, &mailbox);
	mailbox.address = address;
	mailbox.name = "A name";
	mailbox.password = FIXTURE_HASH;
	mailbox.eas = false;
	if (mailbox_add(&f->model, &mailbox, 0, NULL, &f->err) != 0)
		fail_msg("%s", f->err.text);
}

static void
add_alias(struct fixture *f, const char *address, const char *first,
	const char *second)
{
	const char *targets[] = { first, second, NULL };
	struct alias alias;

	resource_defaults(&alias_resource, &alias);
	alias.address = address;
	alias.targets = targets;
	alias.sender_allowed = false;
	alias.private_comment = "why";
	assert_int_equal(alias_add(&f->model, &alias, NULL, &f->err), 0);
}

static void
add_app_password(struct fixture *f, const char *mailbox)
{
	struct app_password password;

	resource_defaults(&app_password_resource, &password);
	password.mailbox = mailbox;
	password.name = "phone";
	password.hash = FIXTURE_HASH;
	password.pop3 = false;
	assert_int_equal(
		app_password_add(&f->model, &password, NULL, &f->err), 0);
}

static void
fill(struct fixture *f)
{
	add_domain(f, "a.org");
	add_mailbox(f, ANNA);
	add_mailbox(f, BEN);
	add_app_password(f, ANNA);
	add_alias(f, "both@a.org", ANNA, BEN);
	add_alias(f, "only@a.org", ANNA, NULL);
}

static void
finish_store(struct fixture *f, const char *store_id, enum removed_state state)
{
	const struct removed_store store = { store_id, state, 0 };

	assert_int_equal(
		removed_store_settled(f->model.core, &store, 4096, &f->err), 0);
}

static int
next_store(struct fixture *f, struct removed_store *out)
{
	return removed_store_next(f->model.core, f->model.arena, out, &f->err);
}

static const char *
row_of(struct fixture *f)
{
	return fixture_text(f,
		"SELECT id || name || active || quota || store_id || eas ||"
		" password || created FROM mailbox WHERE address = '" ANNA "'");
}

static const char *
rest_of(struct fixture *f)
{
	return fixture_text(f,
		"SELECT (SELECT group_concat(address || sender_allowed || private_comment || id) FROM"
		" (SELECT * FROM alias ORDER BY id)) ||"
		" (SELECT group_concat(id || hash || name || pop3) FROM app_password) ||"
		" (SELECT group_concat(alias_id || address) FROM"
		"  (SELECT * FROM alias_target ORDER BY alias_id, address)) ||"
		" (SELECT mailboxes || aliases || quota_used FROM domain)");
}

static void
test_round_trip(void **state)
{
	struct fixture *f = *state;
	const char *row, *rest, *store_id;
	struct removed_return back;

	fill(f);
	row = row_of(f);
	rest = rest_of(f);
	store_id = fixture_text(f, "SELECT store_id FROM mailbox WHERE id = 1");
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM mailbox"), 1);
	assert_int_equal(
		fixture_number(f, "SELECT count(*) FROM app_password"), 0);
	assert_string_equal(
		fixture_text(
			f, "SELECT group_concat(address) FROM alias_target"),
		BEN);
	assert_int_equal(removed_mailbox_return(
				 &f->model, "Anna@A.org", NULL, &back, &f->err),
		0);
	assert_string_equal(row_of(f), row);
	assert_string_equal(rest_of(f), rest);
	assert_int_equal(back.app_passwords, 1);
	assert_string_equal(back.aliases[0], "both@a.org");
	assert_string_equal(back.aliases[1], "only@a.org");
	assert_null(back.aliases[2]);
	assert_null(back.refused[0]);
	/* Once is enough, also while its mail is on the way. */
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		-1);
	assert_int_equal(f->err.code, ERR_DENIED);
	finish_store(f, store_id, REMOVED_KEPT);
	assert_int_equal(
		fixture_number(f, "SELECT count(*) FROM removed_mailbox"), 1);
	finish_store(f, store_id, REMOVED_RETURNING);
	assert_int_equal(
		fixture_number(f, "SELECT count(*) FROM removed_mailbox"), 0);
}

static void
test_new_address(void **state)
{
	struct fixture *f = *state;
	struct removed_return back;

	fill(f);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	add_mailbox(f, ANNA);
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		-1);
	assert_int_equal(f->err.code, ERR_EXISTS);
	assert_string_equal(f->err.field, "address");
	assert_int_equal(removed_mailbox_return(
				 &f->model, ANNA, "old@a.org", &back, &f->err),
		0);
	assert_string_equal(back.mailbox.address, "old@a.org");
	assert_string_equal(
		fixture_text(f,
			"SELECT address FROM alias_target WHERE alias_id ="
			" (SELECT id FROM alias WHERE address = 'only@a.org')"),
		"old@a.org");
}

/* Aliases that another thing stands in the way of are named, not made. */
static void
test_aliases_in_the_way(void **state)
{
	struct fixture *f = *state;
	struct removed_return back;

	fill(f);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	add_mailbox(f, "only@a.org");
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		0);
	assert_string_equal(back.aliases[0], "both@a.org");
	assert_null(back.aliases[1]);
	assert_int_equal(strncmp(back.refused[0], "only@a.org: ", 12), 0);
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;
	struct removed_return back;

	fill(f);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	add_mailbox(f, "c@a.org");
	add_mailbox(f, "d@a.org");
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		-1);
	assert_int_equal(f->err.code, ERR_LIMIT);
	assert_int_equal(removed_mailbox_return(
				 &f->model, "x@a.org", NULL, &back, &f->err),
		-1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM removed_mailbox WHERE state = 0"),
		1);
}

static void
test_domain(void **state)
{
	struct fixture *f = *state;
	struct removed_return back;
	int64_t count;

	fill(f);
	assert_int_equal(domain_remove(&f->model, "a.org", &f->err), -1);
	assert_int_equal(
		domain_remove_all(&f->model, "a.org", &count, &f->err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(
		fixture_number(f,
			"SELECT (SELECT count(*) FROM mailbox) +"
			" (SELECT count(*) FROM alias) + (SELECT count(*) FROM domain)"),
		0);
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		-1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	add_domain(f, "a.org");
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		0);
	assert_int_equal(
		removed_mailbox_return(&f->model, BEN, NULL, &back, &f->err),
		0);
	assert_string_equal(
		fixture_text(f,
			"SELECT group_concat(address) FROM alias_target"
			" WHERE alias_id = (SELECT id FROM alias WHERE address = 'both@a.org')"),
		ANNA "," BEN);
}

/* The newest of an address comes back; all of it are purged. */
static void
test_purge(void **state)
{
	struct fixture *f = *state;
	struct removed_mailbox row;
	int64_t count = 0;

	fill(f);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	add_mailbox(f, ANNA);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	assert_int_equal(
		removed_mailbox_load(&f->model, ANNA, &row, &f->err), 0);
	assert_int_equal(row.id,
		fixture_number(f, "SELECT max(id) FROM removed_mailbox"));
	assert_int_equal(
		removed_mailbox_purge(&f->model, ANNA, &count, &f->err), 0);
	assert_int_equal(count, 2);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM removed_mailbox WHERE state = 2 AND memory = '{}'"),
		2);
	assert_int_equal(
		removed_mailbox_purge(&f->model, ANNA, &count, &f->err), -1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	for (int i = 0; i < 2; i++) {
		struct removed_store store;

		assert_int_equal(next_store(f, &store), 1);
		assert_int_equal(store.state, REMOVED_PURGED);
		finish_store(f, store.store_id, REMOVED_PURGED);
	}
	assert_int_equal(next_store(f, &(struct removed_store){ 0 }), 0);
}

static void
test_now(void **state)
{
	struct fixture *f = *state;

	fill(f);
	assert_int_equal(mailbox_remove_now(&f->model, ANNA, &f->err), 0);
	assert_int_equal(
		fixture_number(f,
			"SELECT count(*) FROM removed_mailbox WHERE state = 2 AND memory = '{}'"),
		1);
	assert_int_equal(fixture_number(f, "SELECT count(*) FROM alias"), 1);
}

static void
test_expire(void **state)
{
	struct fixture *f = *state;
	struct removed_mailbox row;
	int64_t now = clock_wall_seconds();
	int64_t until, count;

	fill(f);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	assert_int_equal(
		removed_mailbox_load(&f->model, ANNA, &row, &f->err), 0);
	assert_int_equal(
		removed_mailbox_until(&f->model, &row, &until, &f->err), 0);
	assert_int_equal(until, row.removed + 7 * REMOVED_DAY_SECONDS);
	assert_int_equal(
		removed_mailbox_expire(&f->model, now - 60, &count, &f->err),
		0);
	assert_int_equal(count, 0);
	assert_int_equal(
		removed_mailbox_expire(&f->model, now + 1, &count, &f->err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(
		fixture_number(
			f, "SELECT count(*) FROM audit WHERE action = 'purge'"),
		1);
}

static int
count_row(void *context, UNUSED const struct removed_mailbox *row,
	UNUSED struct arena *arena, UNUSED struct err *err)
{
	int *count = context;

	(*count)++;
	return 0;
}

/* A mailbox that is removed again while its mail was on the way back. */
static void
test_again(void **state)
{
	struct fixture *f = *state;
	struct removed_return back;
	struct removed_store store;
	const char *store_id;
	int count = 0;

	fill(f);
	store_id = fixture_text(f, "SELECT store_id FROM mailbox WHERE id = 1");
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	assert_int_equal(removed_mailbox_return(
				 &f->model, store_id, NULL, &back, &f->err),
		0);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	/* Who was still bringing it back takes nothing away. */
	finish_store(f, store_id, REMOVED_RETURNING);
	assert_int_equal(next_store(f, &store), 1);
	assert_int_equal(store.state, REMOVED_KEPT);
	finish_store(f, store_id, REMOVED_KEPT);
	assert_int_equal(next_store(f, &store), 0);
	assert_int_equal(removed_mailbox_list(
				 &f->model, "anna", count_row, &count, &f->err),
		0);
	assert_int_equal(count, 1);
	assert_int_equal(
		fixture_number(f, "SELECT bytes FROM removed_mailbox"), 4096);
}

/* Who waits for mail goes first; what failed waits behind the others. */
static void
test_order(void **state)
{
	struct fixture *f = *state;
	struct removed_return back;
	struct removed_store store;

	fill(f);
	assert_int_equal(mailbox_remove(&f->model, BEN, &f->err), 0);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	assert_int_equal(
		removed_mailbox_return(&f->model, ANNA, NULL, &back, &f->err),
		0);
	assert_int_equal(next_store(f, &store), 1);
	assert_int_equal(store.state, REMOVED_RETURNING);
	assert_string_equal(store.store_id, back.mailbox.store_id);
	assert_int_equal(removed_store_postpone(f->model.core, store.store_id,
				 INT64_MAX, &f->err),
		0);
	assert_int_equal(next_store(f, &store), 1);
	assert_int_equal(store.state, REMOVED_KEPT);
}

static void
test_claim(void **state)
{
	struct fixture *f = *state;
	struct removed_store store;
	enum removed_owner owner;
	const char *store_id;

	fill(f);
	store_id = fixture_text(f, "SELECT store_id FROM mailbox WHERE id = 1");
	assert_int_equal(
		removed_store_claim(f->model.core, "strange", &owner, &f->err),
		0);
	assert_int_equal(owner, REMOVED_OWNER_NOBODY);
	assert_int_equal(
		removed_store_claim(f->model.core, store_id, &owner, &f->err),
		0);
	assert_int_equal(owner, REMOVED_OWNER_MAILBOX);
	assert_int_equal(next_store(f, &store), 1);
	assert_int_equal(store.state, REMOVED_RETURNING);
	finish_store(f, store_id, REMOVED_RETURNING);
	assert_int_equal(mailbox_remove(&f->model, ANNA, &f->err), 0);
	assert_int_equal(
		removed_store_claim(f->model.core, store_id, &owner, &f->err),
		0);
	assert_int_equal(owner, REMOVED_OWNER_REMOVED);
}

int
main(void)
{
#define ROW(test)                                                              \
	cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_round_trip),
		ROW(test_new_address),
		ROW(test_aliases_in_the_way),
		ROW(test_refused),
		ROW(test_domain),
		ROW(test_purge),
		ROW(test_now),
		ROW(test_expire),
		ROW(test_again),
		ROW(test_order),
		ROW(test_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
