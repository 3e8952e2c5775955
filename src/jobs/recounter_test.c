/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of recounter.c with an agent that counts, or fails, as told. */
#include "jobs/recounter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/ipc.h"
#include "io/test_socket.h"
#include "store/schema.h"

#define PATIENCE_MS 20000
#define TEMPLATE "/tmp/mh-recounter-XXXXXX"
#define MAILBOXES 120

struct fixture {
	char directory[40];
	struct test_socket socket;
	struct paths paths;
	struct event_base *loop;
	struct db *core;
	struct db *usage;
	struct ipc_server *agent;
	struct recounter *recounter;
	int counted; /* mailboxes, also those that were already */
	int failures; /* batches that are to fail */
	char first[64]; /* the mailbox that was asked for first */
	bool well; /* the fact */
	bool told;
};

static void
script(struct db *db, const char *sql)
{
	struct err err;

	if (db_script(db, sql, &err) < 0)
		fail_msg("%s", err.text);
}

static const struct db_statement SQL_COUNT = { "count",
	"UPDATE quota SET bytes = 5, change = (SELECT max(change) + 1 FROM"
	" quota) WHERE mailbox_id = ?1",
	NULL };
static const struct db_statement SQL_ADD = { "add",
	"INSERT OR IGNORE INTO quota VALUES (?1, 0, 0, 1, 0)", NULL };
static const struct db_statement SQL_LEFT = { "left",
	"SELECT count(*) FROM quota WHERE bytes <> 5", NULL };

/* As the directory writes what doveadm has found. */
static void
count_one(struct fixture *f, const char *address)
{
	struct db_query q = db_query(f->usage, &SQL_ADD);
	int64_t id = strtol(address + 1, NULL, 10);
	struct err err;

	db_bind_number(&q, 1, id);
	assert_int_not_equal(db_run(&q, &err), -1);
	q = db_query(f->usage, &SQL_COUNT);
	db_bind_number(&q, 1, id);
	assert_int_not_equal(db_run(&q, &err), -1);
	f->counted++;
}

static void
answer_mail(struct ipc_call *call, json_t *request, void *context)
{
	struct fixture *f = context;
	json_t *addresses = json_object_get(request, "addresses");

	assert_string_equal(
		json_string_value(json_object_get(request, "command")),
		"recount-in-doubt");
	if (f->first[0] == '\0')
		snprintf(f->first, sizeof(f->first), "%s",
			json_string_value(json_array_get(addresses, 0)));
	for (size_t i = 0; f->failures == 0 && i < json_array_size(addresses);
		i++)
		count_one(f, json_string_value(json_array_get(addresses, i)));
	json_number(ipc_answer(call), "status", f->failures > 0 ? 75 : 0);
	if (f->failures > 0)
		f->failures--;
	ipc_reply(call);
}

static void
answer_health(struct ipc_call *call, json_t *request, void *context)
{
	struct fixture *f = context;

	f->told = true;
	f->well = json_is_true(json_object_get(request, "ok"));
	ipc_reply(call);
}

static const struct ipc_field MAIL_FIELDS[] = {
	{ "command", IPC_TEXT, 20, true },
	{ "addresses", IPC_ARRAY, 100, true },
	{ .name = NULL },
};
static const struct ipc_field HEALTH_FIELDS[] = {
	{ "name", IPC_TEXT, 30, true },
	{ "ok", IPC_BOOL, 0, true },
	{ "text", IPC_TEXT, 200, true },
	{ .name = NULL },
};
static const struct ipc_verb VERBS[] = {
	{ "mail", MAIL_FIELDS, NULL, answer_mail },
	{ "health", HEALTH_FIELDS, NULL, answer_health },
	{ .name = NULL },
};

static struct db *
open_db(const char *path, enum schema_file file)
{
	struct db *db;
	struct err err;

	if (db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000, &db, &err) < 0 ||
		schema_migrate(db, file, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return db;
}

static const char DOMAIN[] =
	"INSERT INTO domain (id, name, active, max_mailboxes, max_aliases,"
	" default_quota, max_quota, quota, created, modified)"
	" VALUES (1, 'b.org', 1, 0, 0, 0, 0, 0, 0, 0)";

/* m1 to m120; every second one has a row, m3 is off. */
static void
add_mailboxes(struct fixture *f)
{
	char sql[400];

	script(f->core, DOMAIN);
	for (int i = 1; i <= MAILBOXES; i++) {
		snprintf(sql, sizeof(sql),
			"INSERT INTO mailbox (id, address, domain_id, active,"
			" quota, store_id, imap, pop3, smtp, sieve, dav, eas,"
			" force_password_change, password, password_changed,"
			" created, modified, local_part) VALUES (%d,"
			" 'm%d@b.org', 1, %d, 0, '%032d', 1, 1, 1, 1, 1, 1, 0,"
			" '', 0, 0, 0, 'm')",
			i, i, i != 3, i);
		script(f->core, sql);
		snprintf(sql, sizeof(sql),
			"INSERT INTO quota VALUES (%d, 1, 1, 1, %d)", i, i);
		if (i % 2 == 1)
			script(f->usage, sql);
	}
}

static int
setup(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));
	char core_path[80];

	memcpy(f->directory, TEMPLATE, sizeof(TEMPLATE));
	assert_non_null(mkdtemp(f->directory));
	snprintf(core_path, sizeof(core_path), "%s/core.db", f->directory);
	snprintf(f->paths.usage_db, sizeof(f->paths.usage_db), "%s/usage.db",
		f->directory);
	f->core = open_db(core_path, SCHEMA_CORE);
	f->usage = open_db(f->paths.usage_db, SCHEMA_USAGE);
	add_mailboxes(f);
	test_socket_open(&f->socket, SOCK_SEQPACKET);
	f->loop = event_base_new();
	f->agent = ipc_server_new(f->loop, f->socket.listen_fd, VERBS, f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	recounter_free(&f->recounter);
	ipc_server_free(&f->agent);
	event_base_free(f->loop);
	db_close(&f->core);
	db_close(&f->usage);
	test_socket_close(&f->socket);
	assert_int_equal(fs_remove_tree(f->directory, NULL), 0);
	x_free(&f);
	return 0;
}

/* Until the fact is good. */
static void
run(struct fixture *f)
{
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;

	f->recounter =
		recounter_new(f->loop, f->core, &f->paths, f->socket.path);
	while (!(f->told && f->well) && clock_monotonic_ms() < end_ms) {
		const struct timeval wait = { .tv_usec = 5000 };

		event_base_loopexit(f->loop, &wait);
		event_base_dispatch(f->loop);
	}
	assert_true(f->well);
}

static int64_t
left(struct fixture *f)
{
	struct db_query q = db_query(f->usage, &SQL_LEFT);
	int64_t number = db_step(&q, NULL) == 1 ? db_number(&q, 0) : -1;

	db_finish(&q);
	return number;
}

static void
nothing_is_asked_without_doubt(void **state)
{
	struct fixture *f = *state;

	run(f);
	assert_int_equal(f->counted, 0);
}

static void
all_are_counted_once(void **state)
{
	struct fixture *f = *state;

	script(f->usage, "UPDATE quota SET change = 999 WHERE mailbox_id = 7;"
			 "UPDATE quota_state SET doubt = 1000;"
			 /* out of doubt; gone */
			 "INSERT INTO quota VALUES (50, 5, 1, 1, 1001);"
			 "INSERT INTO quota VALUES (999, 1, 1, 1, 1);");
	run(f);
	assert_string_equal(f->first, "m7@b.org");
	assert_int_equal(f->counted, MAILBOXES - 2);
	assert_int_equal(left(f), 2); /* off, gone */
}

/* Dovecot is not there yet. */
static void
a_failure_is_tried_again(void **state)
{
	struct fixture *f = *state;

	f->failures = 1;
	script(f->usage, "UPDATE quota_state SET doubt = 1000;"
			 "INSERT INTO quota VALUES (50, 5, 1, 1, 1001);");
	run(f);
	assert_int_equal(f->counted, MAILBOXES - 2);
	assert_int_equal(left(f), 1);
}

static void
explain(struct db *db, const struct db_statement *const *statements, int count)
{
	char plan[512];
	struct err err;

	for (int i = 0; i < count; i++) {
		assert_int_equal(
			db_explain(db, statements[i], plan, sizeof(plan), &err),
			0);
		assert_string_equal(plan, "");
	}
}

static void
statements_do_not_scan(void **state)
{
	struct fixture *f = *state;

	explain(f->usage, recounter_usage_statements,
		recounter_usage_statement_count);
	explain(f->core, recounter_core_statements,
		recounter_core_statement_count);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(nothing_is_asked_without_doubt),
		ROW(all_are_counted_once),
		ROW(a_failure_is_tried_again),
		ROW(statements_do_not_scan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
