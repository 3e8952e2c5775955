/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of store_keeper.c with an agent that answers as told. */
#include "jobs/store_keeper.h"

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
#include "model/removed_mailbox.h"
#include "store/schema.h"

#define PATIENCE_MS 5000
#define TEMPLATE "/tmp/mh-keeper-XXXXXX"

struct fixture {
	char directory[40];
	struct test_socket socket;
	struct event_base *loop;
	struct db *core;
	struct ipc_server *agent;
	struct store_keeper *keeper;
	char asked[200]; /* actions in their order */
	int more; /* answers of a purge that is not at its end */
	bool fails;
	bool removes_again; /* while it comes back */
};

static void
script(struct fixture *f, const char *sql)
{
	struct err err;

	if (db_script(f->core, sql, &err) < 0)
		fail_msg("%s", err.text);
}

static const struct db_statement SQL_WAITING = { "waiting",
	"SELECT count(*) FROM removed_mailbox WHERE settled = 0 AND due < 1000",
	NULL };
static const struct db_statement SQL_COUNT = { "count",
	"SELECT count(*) FROM removed_mailbox", NULL };
static const struct db_statement SQL_KEPT_BYTES = { "kept-bytes",
	"SELECT coalesce(sum(bytes), 0) FROM removed_mailbox"
	" WHERE state = 0 AND settled = 1",
	NULL };

static int64_t
number(struct fixture *f, const struct db_statement *statement)
{
	struct db_query q = db_query(f->core, statement);
	int64_t value = -1;

	if (db_step(&q, NULL) == 1)
		value = db_number(&q, 0);
	db_finish(&q);
	return value;
}

static void
answer_garbage(struct ipc_call *call, json_t *request, void *context)
{
	struct fixture *f = context;
	size_t used = strlen(f->asked);
	const char *action =
		json_string_value(json_object_get(request, "action"));
	struct err err = { 0 };

	snprintf(f->asked + used, sizeof(f->asked) - used, "%s ", action);
	if (f->fails) {
		(void)err_set(&err, ERR_SYSTEM, "no space");
		ipc_fail(call, &err);
		return;
	}
	if (f->removes_again)
		script(f,
			"UPDATE removed_mailbox SET state = 0, settled = 0, due = 0");
	f->removes_again = false;
	if (f->more > 0 && f->more--)
		json_bool(ipc_answer(call), "unfinished", true);
	json_number(ipc_answer(call), "bytes", 4096);
	ipc_reply(call);
}

static const struct ipc_field FIELDS[] = {
	{ "action", IPC_TEXT, 20, true },
	{ "store_id", IPC_TEXT, 32, true },
	{ .name = NULL },
};

static const struct ipc_verb VERBS[] = {
	{ "garbage", FIELDS, NULL, answer_garbage },
	{ .name = NULL },
};

static int
setup(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));
	struct strbuf path;
	struct err err;

	strbuf_init(&path, 80);
	memcpy(f->directory, TEMPLATE, sizeof(TEMPLATE));
	assert_non_null(mkdtemp(f->directory));
	strbuf_printf(&path, "%s/core.db", f->directory);
	if (db_open(path.data, DB_WRITE, DB_SYNC_NORMAL, 1000, &f->core, &err) <
			0 ||
		schema_migrate(f->core, SCHEMA_CORE, NULL, &err) < 0)
		fail_msg("%s", err.text);
	strbuf_deinit(&path);
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

	store_keeper_free(&f->keeper);
	ipc_server_free(&f->agent);
	event_base_free(f->loop);
	db_close(&f->core);
	test_socket_close(&f->socket);
	assert_int_equal(fs_remove_tree(f->directory, NULL), 0);
	x_free(&f);
	return 0;
}

static void
add(struct fixture *f, int id, int removed_state)
{
	char sql[300];

	snprintf(sql, sizeof(sql),
		"INSERT INTO removed_mailbox (id, store_id, address, state, removed, settled, due, bytes, memory)"
		" VALUES (%d, 'ab00000000000000000000000000000%d', 'a@b.org', %d, 0, 0, %d, -1, '{}')",
		id, id, removed_state, id);
	script(f, sql);
}

static void
turn(struct fixture *f)
{
	struct timeval wait = { .tv_usec = 5000 };

	event_base_loopexit(f->loop, &wait);
	event_base_dispatch(f->loop);
}

/* Until so many rows wait, or time is up. */
static void
run(struct fixture *f, int64_t waiting)
{
	int64_t end_ms = clock_monotonic_ms() + PATIENCE_MS;

	if (f->keeper == NULL)
		f->keeper = store_keeper_new(f->loop, f->core, f->socket.path);
	do
		turn(f);
	while (number(f, &SQL_WAITING) != waiting &&
		clock_monotonic_ms() < end_ms);
}

static void
test_each_goes_where_it_belongs(void **state)
{
	struct fixture *f = *state;

	add(f, 1, REMOVED_KEPT);
	add(f, 2, REMOVED_RETURNING);
	add(f, 3, REMOVED_PURGED);
	run(f, 0);
	assert_string_equal(f->asked, "keep return purge ");
	assert_int_equal(number(f, &SQL_COUNT), 1);
	assert_int_equal(number(f, &SQL_KEPT_BYTES), 4096);
}

/* The others have their turn between the steps of a big one. */
static void
test_a_purge_in_steps(void **state)
{
	struct fixture *f = *state;

	f->more = 1;
	add(f, 1, REMOVED_PURGED);
	add(f, 2, REMOVED_KEPT);
	run(f, 0);
	for (int i = 0; i < 1000 && strlen(f->asked) < 17; i++)
		turn(f);
	assert_string_equal(f->asked, "purge keep purge ");
}

static void
test_a_failure_waits(void **state)
{
	struct fixture *f = *state;

	f->fails = true;
	add(f, 1, REMOVED_KEPT);
	run(f, 0);
	assert_string_equal(f->asked, "keep ");
	assert_int_equal(number(f, &SQL_KEPT_BYTES), 0);
	f->fails = false;
	script(f, "UPDATE removed_mailbox SET due = 0");
	store_keeper_wake(f->keeper);
	run(f, 0);
	assert_int_equal(number(f, &SQL_KEPT_BYTES), 4096);
}

static void
test_removed_again_on_its_way_back(void **state)
{
	struct fixture *f = *state;

	f->removes_again = true;
	add(f, 1, REMOVED_RETURNING);
	run(f, 0);
	assert_string_equal(f->asked, "return keep ");
	assert_int_equal(number(f, &SQL_KEPT_BYTES), 4096);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_each_goes_where_it_belongs),
		ROW(test_a_purge_in_steps),
		ROW(test_a_failure_waits),
		ROW(test_removed_again_on_its_way_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
