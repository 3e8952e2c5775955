/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Verdicts by state of the row, the cache, the queue's limits, what
 * happens to a password that changes while it is being judged. Hashing is
 * replaced: "{BLF-CRYPT}=text" matches the password text, and a gate lets
 * a test hold the threads.
 */
#include "auth/judge.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "auth/source.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "model/address.h"
#include "store/schema.h"

#define QUEUE_MAX 6
#define SOURCE_MAX 3
#define GUESSER_MAX 2
#define DEADLINE_MS 1000

static const char rows[] =
	"INSERT INTO domain (id, name, active, max_mailboxes, max_aliases,"
	" default_quota, max_quota, quota, created, modified) VALUES"
	" (1, 'example.org', 1, 0, 0, 0, 0, 0, 0, 0),"
	" (2, 'off.example', 0, 0, 0, 0, 0, 0, 0, 0);"
	"INSERT INTO alias_domain (name, domain_id, active, created, modified)"
	" VALUES ('alias.example', 1, 1, 0, 0), ('dead.example', 1, 0, 0, 0);"
	"INSERT INTO mailbox (id, address, domain_id, active, quota, store_id,"
	" imap, pop3, smtp, sieve, dav, eas, force_password_change, password,"
	" password_changed, created, modified, local_part) VALUES"
	" (1, 'anna@example.org', 1, 1, 0, printf('%032d', 1),"
	"  1, 0, 1, 1, 1, 1, 0, '{BLF-CRYPT}=right', 0, 0, 0, ''),"
	" (2, 'off@example.org', 1, 0, 0, printf('%032d', 2),"
	"  1, 1, 1, 1, 1, 1, 0, '{BLF-CRYPT}=right', 0, 0, 0, ''),"
	" (3, 'nologin@example.org', 1, 2, 0, printf('%032d', 3),"
	"  1, 1, 1, 1, 1, 1, 0, '{BLF-CRYPT}=right', 0, 0, 0, ''),"
	" (4, 'due@example.org', 1, 1, 0, printf('%032d', 4),"
	"  1, 1, 1, 1, 1, 1, 1, '{BLF-CRYPT}=right', 0, 0, 0, ''),"
	" (5, 'dora@off.example', 2, 1, 0, printf('%032d', 5),"
	"  1, 1, 1, 1, 1, 1, 0, '{BLF-CRYPT}=right', 0, 0, 0, ''),"
	" (6, 'fast@example.org', 1, 1, 0, printf('%032d', 6),"
	"  1, 1, 1, 1, 1, 1, 0, '{PLAIN}right', 0, 0, 0, ''),"
	" (7, 'nopassword@example.org', 1, 1, 0, printf('%032d', 7),"
	"  1, 1, 1, 1, 1, 1, 0, '', 0, 0, 0, '');"
	"INSERT INTO app_password (id, mailbox_id, active, imap, pop3, smtp,"
	" sieve, dav, eas, hash, created, modified, name) VALUES"
	" (11, 1, 1, 0, 1, 1, 0, 0, 0, '{PLAIN}app', 0, 0, 'phone'),"
	" (12, 1, 0, 1, 1, 1, 1, 1, 1, '{PLAIN}revoked', 0, 0, 'old'),"
	" (13, 1, 1, 1, 0, 0, 0, 0, 0, '{BLF-CRYPT}=slowapp', 0, 0, 'import'),"
	" (14, 3, 1, 1, 1, 1, 1, 1, 1, '{PLAIN}app', 0, 0, 'phone');";

/* The gate: threads wait in verify() while it is shut. */
static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool gate_shut;
static int64_t test_now_ms;

static void
gate_set(bool shut)
{
	pthread_mutex_lock(&gate_mutex);
	gate_shut = shut;
	pthread_cond_broadcast(&gate_opened);
	pthread_mutex_unlock(&gate_mutex);
}

static enum scheme_answer
test_verify(const char *stored, struct span password)
{
	const char *text = strchr(stored, '=');

	pthread_mutex_lock(&gate_mutex);
	while (gate_shut)
		pthread_cond_wait(&gate_opened, &gate_mutex);
	pthread_mutex_unlock(&gate_mutex);
	if (span_equal_text(password, "memory"))
		return SCHEME_FAILED;
	return text != NULL && span_equal_text(password, text + 1)
		       ? SCHEME_MATCH
		       : SCHEME_MISMATCH;
}

static int64_t
test_now(void)
{
	return test_now_ms;
}

struct fixture {
	char directory[64];
	struct db *writer;
	struct db *core; /* the judge's */
	struct db *reader;
	struct event_base *loop;
	struct judge *judge;
	int logins;
};

/* What done() got. */
struct got {
	struct fixture *fixture;
	int calls;
	enum judge_outcome outcome;
	char address[ADDRESS_MAX];
	int64_t app_password_id;
	char reason[64];
};

static void
on_login(const struct judge_verdict *verdict,
	const struct judge_request *request, void *context)
{
	struct fixture *fixture = context;

	assert_int_equal(verdict->outcome, JUDGE_OK);
	assert_non_null(request->remote_ip);
	fixture->logins++;
}

static void
on_done(const struct judge_verdict *verdict, void *context)
{
	struct got *got = context;

	got->calls++;
	got->outcome = verdict->outcome;
	got->app_password_id = verdict->app_password_id;
	(void)snprintf(got->address, sizeof(got->address), "%s",
		verdict->address == NULL ? "" : verdict->address);
	(void)snprintf(got->reason, sizeof(got->reason), "%s",
		verdict->reason == NULL ? "" : verdict->reason);
}

static void
run_sql(struct fixture *fixture, const char *sql)
{
	struct err err;

	if (db_script(fixture->writer, sql, &err) < 0)
		fail_msg("%s", err.text);
}

static int
setup(void **state)
{
	static struct fixture fixture;
	struct judge_options options = { .on_login = on_login,
		.login_context = &fixture,
		.core = &fixture.core,
		.threads = 1,
		.guesser_threads = 1,
		.guesser_max = GUESSER_MAX,
		.queue_max = QUEUE_MAX,
		.source_max = SOURCE_MAX,
		.deadline_ms = DEADLINE_MS,
		.cache_ttl_ms = 5000,
		.verify = test_verify,
		.now_ms = test_now };
	char path[128];
	struct err err;

	fixture = (struct fixture){ .directory = "/tmp/mh-judge-XXXXXX" };
	assert_non_null(mkdtemp(fixture.directory));
	(void)snprintf(path, sizeof(path), "%s/core.db", fixture.directory);
	assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000,
				 &fixture.writer, &err),
		0);
	assert_int_equal(
		schema_migrate(fixture.writer, SCHEMA_CORE, NULL, &err), 0);
	run_sql(&fixture, rows);
	assert_int_equal(db_open(path, DB_READ, DB_SYNC_NORMAL, 1000,
				 &fixture.reader, &err),
		0);
	fixture.core = fixture.reader;
	fixture.loop = event_base_new();
	options.loop = fixture.loop;
	fixture.judge = judge_new(&options);
	test_now_ms = 0;
	gate_set(false);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	gate_set(false);
	judge_free(&fixture->judge);
	event_base_free(fixture->loop);
	db_close(&fixture->reader);
	db_close(&fixture->writer);
	assert_int_equal(fs_remove_tree(fixture->directory, &err), 0);
	return 0;
}

static void
submit(struct fixture *fixture, struct got *got, const char *user,
	const char *password, enum account_service service, const char *ip)
{
	struct judge_request request = { .user = user,
		.password = span_from(password),
		.service = service,
		.remote_ip = ip };

	*got = (struct got){ .fixture = fixture };
	judge_submit(fixture->judge, &request, on_done, got);
}

static void
settle(struct fixture *fixture, const struct got *got)
{
	while (got->calls == 0)
		(void)event_base_loop(fixture->loop, EVLOOP_ONCE);
	assert_int_equal(got->calls, 1);
}

static struct judge_stats
stats_of(struct fixture *fixture)
{
	struct judge_stats stats;

	judge_stats_get(fixture->judge, &stats);
	return stats;
}

struct verdict_case {
	const char *user;
	const char *password;
	enum account_service service;
	const char *want; /* address, or reason */
	int64_t app_password_id;
};

/* clang-format off */
static const struct verdict_case verdicts[] = {
	{ "anna@example.org", "right", ACCOUNT_IMAP, "anna@example.org", 0 },
	{ "ANNA@Example.ORG", "right", ACCOUNT_IMAP, "anna@example.org", 0 },
	{ "anna@alias.example", "right", ACCOUNT_SMTP, "anna@example.org", 0 },
	{ "anna@dead.example", "right", ACCOUNT_SMTP, "unknown-user", 0 },
	{ "anna@example.org", "wrong", ACCOUNT_IMAP, "bad-credentials", 0 },
	{ "anna@example.org", "", ACCOUNT_IMAP, "bad-credentials", 0 },
	{ "anna@example.org", "memory", ACCOUNT_IMAP, "memory", 0 },
	{ "anna@example.org", "right", ACCOUNT_POP3, "protocol-disabled", 0 },
	{ "anna@example.org", "app", ACCOUNT_POP3, "anna@example.org", 11 },
	{ "anna@example.org", "app", ACCOUNT_SMTP, "anna@example.org", 11 },
	{ "anna@example.org", "app", ACCOUNT_IMAP, "protocol-disabled", 0 },
	{ "anna@example.org", "slowapp", ACCOUNT_IMAP, "anna@example.org", 13 },
	{ "anna@example.org", "slowapp", ACCOUNT_SIEVE, "protocol-disabled", 0 },
	{ "anna@example.org", "revoked", ACCOUNT_IMAP, "bad-credentials", 0 },
	{ "off@example.org", "right", ACCOUNT_IMAP, "mailbox-inactive", 0 },
	{ "nologin@example.org", "right", ACCOUNT_IMAP, "mailbox-inactive", 0 },
	{ "nologin@example.org", "app", ACCOUNT_IMAP, "mailbox-inactive", 0 },
	{ "nologin@example.org", "wrong", ACCOUNT_IMAP, "bad-credentials", 0 },
	{ "due@example.org", "right", ACCOUNT_IMAP, "password-change-due", 0 },
	{ "dora@off.example", "right", ACCOUNT_IMAP, "domain-inactive", 0 },
	{ "fast@example.org", "right", ACCOUNT_IMAP, "fast@example.org", 0 },
	{ "fast@example.org", "wrong", ACCOUNT_IMAP, "bad-credentials", 0 },
	{ "nopassword@example.org", "", ACCOUNT_IMAP, "bad-credentials", 0 },
	{ "nobody@example.org", "right", ACCOUNT_IMAP, "unknown-user", 0 },
	{ "not an address", "right", ACCOUNT_IMAP, "unknown-user", 0 },
	{ "", "right", ACCOUNT_IMAP, "unknown-user", 0 },
};

/* clang-format on */

static void
the_row_decides(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(verdicts); i++) {
		const struct verdict_case *c = &verdicts[i];
		struct got got;
		const char *text;

		submit(fixture, &got, c->user, c->password, c->service,
			"192.0.2.1");
		settle(fixture, &got);
		text = got.outcome == JUDGE_OK ? got.address : got.reason;
		if (strcmp(text, c->want) != 0 ||
			got.app_password_id != c->app_password_id)
			fail_msg("%s \"%s\" %s: got %s, want %s", c->user,
				c->password, account_service_name(c->service),
				text, c->want);
	}
	assert_int_equal(fixture->logins, 7);
}

static void
every_refusal_costs_a_slow_hash(void **state)
{
	static const char *const users[] = { "nobody@example.org",
		"anna@example.org", "fast@example.org", "off@example.org",
		"nonsense" };
	struct fixture *fixture = *state;
	struct got got;

	for (size_t i = 0; i < ARRAY_LENGTH(users); i++) {
		submit(fixture, &got, users[i], "wrong", ACCOUNT_IMAP, "::1");
		assert_int_equal(got.calls, 0);
		settle(fixture, &got);
		assert_int_equal(stats_of(fixture).hashed, i + 1);
	}
}

static void
a_match_is_remembered_until_the_hash_changes(void **state)
{
	struct fixture *fixture = *state;
	struct got got;

	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	settle(fixture, &got);
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	assert_int_equal(got.calls, 1); /* at once */
	assert_int_equal(got.outcome, JUDGE_OK);
	assert_int_equal(fixture->logins, 2);
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_SMTP, "");
	assert_int_equal(got.calls, 0); /* another service */
	settle(fixture, &got);
	run_sql(fixture, "UPDATE mailbox SET password = '{BLF-CRYPT}=new'"
			 " WHERE id = 1");
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	settle(fixture, &got);
	assert_int_equal(got.outcome, JUDGE_FAIL);
	submit(fixture, &got, "anna@example.org", "new", ACCOUNT_IMAP, "");
	settle(fixture, &got);
	assert_int_equal(got.outcome, JUDGE_OK);
	test_now_ms = 5000;
	submit(fixture, &got, "anna@example.org", "new", ACCOUNT_IMAP, "");
	assert_int_equal(got.calls, 0); /* too old */
	settle(fixture, &got);
}

static void
a_remembered_match_does_not_open_a_switched_off_mailbox(void **state)
{
	struct fixture *fixture = *state;
	struct got got;

	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	settle(fixture, &got);
	run_sql(fixture, "UPDATE mailbox SET active = 2 WHERE id = 1");
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	settle(fixture, &got);
	assert_string_equal(got.reason, "mailbox-inactive");
}

static void
a_password_that_changes_meanwhile_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct got got;

	gate_set(true);
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	run_sql(fixture, "UPDATE mailbox SET password = '{BLF-CRYPT}=new'"
			 " WHERE id = 1");
	gate_set(false);
	settle(fixture, &got);
	assert_int_equal(got.outcome, JUDGE_FAIL);
	assert_string_equal(got.reason, "password-changed");
}

static void
a_database_that_is_away_is_temporary(void **state)
{
	struct fixture *fixture = *state;
	struct got got;

	fixture->core = NULL;
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	assert_int_equal(got.outcome, JUDGE_TEMP);
	fixture->core = fixture->reader;
	gate_set(true);
	submit(fixture, &got, "anna@example.org", "right", ACCOUNT_IMAP, "");
	fixture->core = NULL;
	gate_set(false);
	settle(fixture, &got);
	assert_int_equal(got.outcome, JUDGE_TEMP);
	assert_string_equal(got.reason, "database");
}

static void
the_same_question_is_hashed_once(void **state)
{
	struct fixture *fixture = *state;
	struct got got[5];

	gate_set(true);
	for (int i = 0; i < 4; i++)
		submit(fixture, &got[i], "anna@example.org", "right",
			ACCOUNT_IMAP, "192.0.2.1");
	submit(fixture, &got[4], "anna@example.org", "wrong", ACCOUNT_IMAP,
		"192.0.2.1");
	gate_set(false);
	for (int i = 0; i < 5; i++)
		settle(fixture, &got[i]);
	assert_int_equal(got[3].outcome, JUDGE_OK);
	assert_int_equal(got[4].outcome, JUDGE_FAIL);
	assert_int_equal(stats_of(fixture).hashed, 2);
	assert_int_equal(stats_of(fixture).joined, 3);
}

/* One in the thread, the rest waits. */
static void
flood(struct fixture *fixture, struct got *got, int count, const char *ip)
{
	char user[64];

	for (int i = 0; i < count; i++) {
		(void)snprintf(user, sizeof(user), "flood%d@example.org", i);
		submit(fixture, &got[i], user, "wrong", ACCOUNT_IMAP, ip);
	}
}

static void
a_flooding_network_is_refused_and_a_bystander_is_next(void **state)
{
	struct fixture *fixture = *state;
	struct got flooders[8];
	struct got neighbour;
	struct got bystander;

	gate_set(true);
	flood(fixture, flooders, 1 + SOURCE_MAX, "192.0.2.1");
	for (int i = 0; i < 1 + SOURCE_MAX; i++)
		assert_int_equal(flooders[i].calls, 0);
	submit(fixture, &neighbour, "anna@example.org", "right", ACCOUNT_IMAP,
		"192.0.2.200");
	assert_int_equal(neighbour.outcome, JUDGE_TEMP); /* the same /24 */
	assert_string_equal(neighbour.reason, "busy");
	submit(fixture, &bystander, "anna@example.org", "right", ACCOUNT_IMAP,
		"192.0.3.1");
	assert_int_equal(bystander.calls, 0);
	gate_set(false);
	settle(fixture, &bystander);
	assert_int_equal(bystander.outcome, JUDGE_OK);
	/* The one in the thread, one more of the flood, the bystander. */
	assert_true(stats_of(fixture).hashed <= 3);
	assert_int_equal(stats_of(fixture).refused_busy, 1);
	for (int i = 0; i < 1 + SOURCE_MAX; i++)
		settle(fixture, &flooders[i]);
}

/* Refused one after the other, until the source counts as a guesser. */
static void
guess(struct fixture *fixture, const char *ip)
{
	struct got got;

	for (int i = 0; i <= SOURCE_FAILURES_MAX; i++) {
		submit(fixture, &got, "anna@example.org", "wrong", ACCOUNT_IMAP,
			ip);
		settle(fixture, &got);
		assert_int_equal(got.outcome, JUDGE_FAIL);
	}
}

static void
people_never_queue_behind_a_guess(void **state)
{
	struct fixture *fixture = *state;
	struct got guesser;
	struct got bystander;

	guess(fixture, "192.0.2.1");
	gate_set(true);
	submit(fixture, &guesser, "a@example.org", "hold", ACCOUNT_IMAP,
		"192.0.2.1");
	submit(fixture, &bystander, "anna@example.org", "right", ACCOUNT_IMAP,
		"192.0.3.1");
	/* Both run: two threads. */
	assert_int_equal(stats_of(fixture).running, 2);
	assert_int_equal(stats_of(fixture).waiting, 0);
	gate_set(false);
	settle(fixture, &bystander);
	assert_int_equal(bystander.outcome, JUDGE_OK);
	settle(fixture, &guesser);
	assert_int_equal(guesser.outcome, JUDGE_FAIL);
}

static void
a_guesser_has_a_short_queue_and_a_right_password_still_opens(void **state)
{
	struct fixture *fixture = *state;
	struct got flooders[2 + GUESSER_MAX];
	struct got right;

	guess(fixture, "192.0.2.1");
	gate_set(true);
	flood(fixture, flooders, 2 + GUESSER_MAX, "192.0.2.1");
	assert_int_equal(flooders[1 + GUESSER_MAX].outcome, JUDGE_TEMP);
	assert_string_equal(flooders[1 + GUESSER_MAX].reason, "busy");
	gate_set(false);
	for (int i = 0; i < 2 + GUESSER_MAX; i++)
		settle(fixture, &flooders[i]);
	submit(fixture, &right, "anna@example.org", "right", ACCOUNT_IMAP,
		"192.0.2.200");
	settle(fixture, &right);
	assert_int_equal(right.outcome, JUDGE_OK);
}

static void
a_guesser_is_forgiven(void **state)
{
	struct fixture *fixture = *state;
	struct got first;
	struct got second;

	guess(fixture, "192.0.2.1");
	test_now_ms = SOURCE_FORGIVE_MS;
	gate_set(true);
	submit(fixture, &first, "a@example.org", "x", ACCOUNT_IMAP,
		"192.0.3.1");
	submit(fixture, &second, "b@example.org", "x", ACCOUNT_IMAP,
		"192.0.2.1");
	assert_int_equal(stats_of(fixture).waiting, 1); /* among people */
	gate_set(false);
	settle(fixture, &first);
	settle(fixture, &second);
}

struct source_case {
	const char *a;
	const char *b;
	bool same;
};

static const struct source_case sources[] = {
	{ "192.0.2.1", "192.0.2.254", true },
	{ "192.0.2.1", "::ffff:192.0.2.9", true },
	{ "192.0.2.1", "192.0.3.1", false },
	{ "2001:db8::1", "2001:db8::ffff:1", true },
	{ "2001:db8::1", "2001:db8:0:1::1", false },
	{ "127.0.0.1", "127.0.0.1", false }, /* each account for itself */
	{ "::1", "::1", false },
	{ "", "", false },
	{ "nonsense", "nonsense", false },
};

static void
networks_are_told_apart(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(sources); i++) {
		struct got flooders[8];
		struct got other;

		test_now_ms += 3600 * 1000; /* all is forgiven */
		gate_set(true);
		/* Fill the thread from elsewhere, then a's share. */
		submit(fixture, &flooders[7], "first@example.org", "wrong",
			ACCOUNT_IMAP, "198.51.100.1");
		flood(fixture, flooders, SOURCE_MAX, sources[i].a);
		submit(fixture, &other, "other@example.org", "wrong",
			ACCOUNT_IMAP, sources[i].b);
		if ((other.calls == 1) != sources[i].same)
			fail_msg("%s and %s", sources[i].a, sources[i].b);
		gate_set(false);
		settle(fixture, &other);
		settle(fixture, &flooders[7]);
		for (int j = 0; j < SOURCE_MAX; j++)
			settle(fixture, &flooders[j]);
	}
}

static void
who_waits_too_long_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct got running;
	struct got late;

	gate_set(true);
	submit(fixture, &running, "a@example.org", "x", ACCOUNT_IMAP, "");
	submit(fixture, &late, "b@example.org", "x", ACCOUNT_IMAP, "");
	test_now_ms = DEADLINE_MS;
	settle(fixture, &late);
	assert_int_equal(late.outcome, JUDGE_TEMP);
	assert_string_equal(late.reason, "late");
	assert_int_equal(running.calls, 0);
	gate_set(false);
	settle(fixture, &running);
	assert_int_equal(running.outcome, JUDGE_FAIL);
}

static void
the_end_answers_everybody(void **state)
{
	struct fixture *fixture = *state;
	struct got running;
	struct got waiting;

	gate_set(true);
	submit(fixture, &running, "a@example.org", "x", ACCOUNT_IMAP, "");
	submit(fixture, &waiting, "b@example.org", "x", ACCOUNT_IMAP, "");
	gate_set(false);
	judge_free(&fixture->judge);
	assert_int_equal(running.calls, 1);
	assert_int_equal(waiting.calls, 1);
	assert_int_equal(waiting.outcome, JUDGE_TEMP);
}

static void
no_statement_scans(void **state)
{
	struct fixture *fixture = *state;
	char plan[512];
	struct err err;

	for (int i = 0; i < account_statement_count; i++) {
		assert_int_equal(
			db_explain(fixture->reader, account_statements[i], plan,
				sizeof(plan), &err),
			0);
		assert_string_equal(plan, "");
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(the_row_decides),
		CASE(every_refusal_costs_a_slow_hash),
		CASE(a_match_is_remembered_until_the_hash_changes),
		CASE(a_remembered_match_does_not_open_a_switched_off_mailbox),
		CASE(a_password_that_changes_meanwhile_is_refused),
		CASE(a_database_that_is_away_is_temporary),
		CASE(the_same_question_is_hashed_once),
		CASE(a_flooding_network_is_refused_and_a_bystander_is_next),
		CASE(people_never_queue_behind_a_guess),
		CASE(a_guesser_has_a_short_queue_and_a_right_password_still_opens),
		CASE(a_guesser_is_forgiven),
		CASE(networks_are_told_apart),
		CASE(who_waits_too_long_is_told),
		CASE(the_end_answers_everybody),
		CASE(no_statement_scans),
	};

	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
