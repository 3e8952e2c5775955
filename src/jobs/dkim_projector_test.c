/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tests of dkim_projector.c: what stands in a private redis-server, and
 * what the agent (this process as well) hears about it.
 */
#include "jobs/dkim_projector.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "io/ipc.h"
#include "jobs/test_redis.h"
#include "model/seal.h"
#include "store/schema.h"

#define PATIENCE_MS 10000
#define AGAIN_MS 20

struct fixture {
	struct test_redis redis;
	char agent_path[64];
	struct event_base *loop;
	struct ipc_server *agent;
	struct health *health;
	struct db *core;
	struct secret seal;
	struct dkim_projector *projector;
	/* What the agent heard last. */
	bool ok;
	char text[HEALTH_TEXT_SIZE];
	int reports;
	/* Of dkim_projector_project(). */
	int done;
	struct err err;
	int errors; /* logged */
};

static void
on_health(struct ipc_call *call, json_t *request, void *context)
{
	struct fixture *fixture = context;

	fixture->ok = json_is_true(json_object_get(request, "ok"));
	snprintf(fixture->text, sizeof(fixture->text), "%s",
		json_string_value(json_object_get(request, "text")));
	fixture->reports++;
	ipc_reply(call);
}

static const struct ipc_field HEALTH_FIELDS[] = {
	{ "name", IPC_TEXT, 32, true },
	{ "ok", IPC_BOOL, 0, true },
	{ "text", IPC_TEXT, HEALTH_TEXT_SIZE, true },
	{ 0 },
};

static const struct ipc_verb VERBS[] = {
	{ "health", HEALTH_FIELDS, NULL, on_health },
	{ 0 },
};

static void
count_error(const char *line, void *context)
{
	struct fixture *fixture = context;

	fixture->errors += strncmp(line, "error", 5) == 0;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	BUG_ON(bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	BUG_ON(listen(fd, 16) < 0);
	return fd;
}

static void
run(struct fixture *fixture, const char *sql)
{
	struct err err;

	if (db_script(fixture->core, sql, &err) < 0)
		fail_msg("%s", err.text);
}

/* A domain with a key whose PEM is the text. */
static void
add_key(struct fixture *fixture, const char *domain, const char *pem)
{
	struct arena *arena = arena_new();
	struct span sealed;
	struct strbuf sql;
	struct err err;

	assert_int_equal(seal_wrap(&fixture->seal,
				 arena_printf(arena, "dkim:%s:dkim", domain),
				 span_from(pem), arena, &sealed, &err),
		0);
	strbuf_init(&sql, 8192);
	strbuf_printf(&sql,
		"INSERT INTO domain (name, active, max_mailboxes, max_aliases,"
		" default_quota, max_quota, quota, created, modified)"
		" VALUES ('%s', 1, 0, 0, 0, 0, 0, 0, 0);"
		"INSERT INTO dkim_key (domain, selector, algorithm, bits,"
		" public, private_sealed, created)"
		" VALUES ('%s', 'dkim', 'rsa', 2048, 'p', x'",
		domain, domain);
	for (size_t i = 0; i < sealed.length; i++)
		strbuf_printf(&sql, "%02x", (unsigned char)sealed.data[i]);
	strbuf_add_text(&sql, "', 0);");
	run(fixture, sql.data);
	strbuf_deinit(&sql);
	arena_free(&arena);
}

static int
setup(void **state)
{
	static struct fixture fixture;
	char path[80];
	struct err err;

	fixture = (struct fixture){ .loop = event_base_new() };
	test_redis_init(&fixture.redis);
	snprintf(fixture.agent_path, sizeof(fixture.agent_path), "%s/agent",
		fixture.redis.directory);
	fixture.agent = ipc_server_new(
		fixture.loop, listen_at(fixture.agent_path), VERBS, &fixture);
	fixture.health = health_new(fixture.loop, fixture.agent_path, "dkim");
	snprintf(path, sizeof(path), "%s/core.db", fixture.redis.directory);
	assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000,
				 &fixture.core, &err),
		0);
	assert_int_equal(
		schema_migrate(fixture.core, SCHEMA_CORE, NULL, &err), 0);
	secret_set(&fixture.seal, "0123456789abcdef0123456789abcdef", 32);
	log_set_sink(count_error, &fixture);
	*state = &fixture;
	return 0;
}

static void
turn(struct fixture *fixture)
{
	struct timeval wait = { .tv_usec = 5000 };

	event_base_loopexit(fixture->loop, &wait);
	event_base_dispatch(fixture->loop);
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	dkim_projector_free(&fixture->projector);
	health_free(&fixture->health);
	turn(fixture); /* the reply that it waits for */
	ipc_server_free(&fixture->agent);
	db_close(&fixture->core);
	secret_deinit(&fixture->seal);
	event_base_free(fixture->loop);
	test_redis_deinit(&fixture->redis);
	log_set_sink(NULL, NULL);
	return 0;
}

static void
skip_without_redis(void)
{
	if (!test_redis_absence())
		return;
	print_message("skipped: %s\n", test_redis_absence());
	skip();
}

static void
start(struct fixture *fixture)
{
	struct dkim_projector_options options = {
		.core = fixture->core,
		.seal = &fixture->seal,
		.health = fixture->health,
		.redis_socket = fixture->redis.path,
		.again_ms = AGAIN_MS,
	};

	skip_without_redis();
	fixture->projector = dkim_projector_new(fixture->loop, &options);
}

static void
await_health(struct fixture *fixture, bool ok, const char *text)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;

	while (clock_monotonic_ms() < until &&
		(fixture->reports == 0 || fixture->ok != ok ||
			!strstr(fixture->text, text)))
		turn(fixture);
	if (fixture->reports == 0 || fixture->ok != ok ||
		!strstr(fixture->text, text))
		fail_msg("heard %d \"%s\", want %d \"%s\"", fixture->ok,
			fixture->text, ok, text);
}

static void
on_projected(const struct err *err, void *context)
{
	struct fixture *fixture = context;

	fixture->done++;
	fixture->err = err ? *err : (struct err){ 0 };
}

static void
project(struct fixture *fixture, const char *domain, enum err_code want)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;

	fixture->done = 0;
	dkim_projector_project(
		fixture->projector, domain, on_projected, fixture);
	while (fixture->done == 0 && clock_monotonic_ms() < until)
		turn(fixture);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->err.code, want);
}

static void
expect(struct fixture *fixture, const char *command, const char *want)
{
	const char *got = test_redis_ask(&fixture->redis, command);

	if (strcmp(got, want) != 0)
		fail_msg("%s: got %s, want %s", command, got, want);
}

static void
test_copies_all_and_nothing_else(void **state)
{
	struct fixture *fixture = *state;

	add_key(fixture, "a.example", "pem of a");
	add_key(fixture, "b.example", "pem of b");
	start(fixture);
	test_redis_start(&fixture->redis);
	await_health(fixture, true, "2 keys in place");
	expect(fixture, "HGET DKIM_SELECTORS a.example", "dkim");
	expect(fixture, "HGET DKIM_PRIV_KEYS dkim.b.example", "pem of b");

	/* What stands there after a while without us is replaced. */
	expect(fixture, "HSET DKIM_SELECTORS gone.example dkim", "1");
	expect(fixture, "HSET DKIM_PRIV_KEYS dkim.gone.example old", "1");
	fixture->reports = 0;
	expect(fixture, "CLIENT KILL TYPE normal SKIPME yes", "1");
	await_health(fixture, true, "2 keys in place");
	expect(fixture, "HLEN DKIM_SELECTORS", "2");
	expect(fixture, "HLEN DKIM_PRIV_KEYS", "2");
}

static void
test_one_domain(void **state)
{
	struct fixture *fixture = *state;

	start(fixture);
	test_redis_start(&fixture->redis);
	await_health(fixture, true, "0 keys");
	add_key(fixture, "a.example", "pem of a");
	project(fixture, "a.example", ERR_NONE);
	expect(fixture, "HGET DKIM_PRIV_KEYS dkim.a.example", "pem of a");
	project(fixture, "a.example", ERR_NONE); /* again: the same */
	expect(fixture, "HLEN DKIM_PRIV_KEYS", "1");
	/* The key stays in core.db, the domain goes. */
	run(fixture, "DELETE FROM domain");
	project(fixture, "a.example", ERR_NONE);
	expect(fixture, "HLEN DKIM_SELECTORS", "0");
	expect(fixture, "HLEN DKIM_PRIV_KEYS", "0");
	project(fixture, "never.example", ERR_NONE);
}

static void
test_a_key_that_does_not_open(void **state)
{
	struct fixture *fixture = *state;

	add_key(fixture, "a.example", "pem of a");
	secret_set(&fixture->seal, "another key, another key, anothe", 32);
	add_key(fixture, "b.example", "pem of b");
	start(fixture);
	test_redis_start(&fixture->redis);
	await_health(fixture, false, "1 keys in place, 1 do not open");
	expect(fixture, "HGET DKIM_PRIV_KEYS dkim.b.example", "pem of b");
	expect(fixture, "HLEN DKIM_SELECTORS", "1");
	project(fixture, "a.example", ERR_CORRUPT);
}

static void
test_without_the_seal(void **state)
{
	struct fixture *fixture = *state;

	add_key(fixture, "a.example", "pem of a");
	secret_deinit(&fixture->seal);
	start(fixture);
	test_redis_start(&fixture->redis);
	await_health(fixture, false, "0 keys in place, 1 do not open");
}

/* Redis is there before it has loaded what it stored: no error. */
static void
test_redis_that_loads(void **state)
{
	struct fixture *fixture = *state;
	char command[] = "SETRANGE key-00 4000 x";

	skip_without_redis();
	add_key(fixture, "a.example", "pem of a");
	test_redis_start(&fixture->redis);
	for (char c = 'a'; c <= 'z'; c++) {
		command[sizeof("SETRANGE key-0") - 1] = c;
		expect(fixture, command, "4001");
	}
	expect(fixture, "CONFIG SET rdbcompression no", "OK");
	expect(fixture, "SAVE", "OK");
	test_redis_kill(&fixture->redis);
	fixture->redis.load_delay_us = "20000";
	test_redis_start(&fixture->redis);
	start(fixture);
	await_health(fixture, false, "LOADING");
	await_health(fixture, true, "1 keys in place");
	assert_int_equal(fixture->errors, 0);
}

/* Redis refuses writes while its disk or its memory is full. */
static void
test_a_refused_copy_is_repeated(void **state)
{
	struct fixture *fixture = *state;

	skip_without_redis();
	add_key(fixture, "a.example", "pem of a");
	test_redis_start(&fixture->redis);
	expect(fixture, "CONFIG SET maxmemory 1", "OK");
	start(fixture);
	await_health(fixture, false, "redis says: OOM");
	for (int i = 0; i < 20; i++)
		turn(fixture);
	assert_int_equal(fixture->errors, 1); /* said once */
	project(fixture, "a.example", ERR_SYSTEM);
	expect(fixture, "CONFIG SET maxmemory 0", "OK");
	await_health(fixture, true, "1 keys in place");
	expect(fixture, "HLEN DKIM_SELECTORS", "1");
}

static void
test_unreadable_database_is_read_again(void **state)
{
	struct fixture *fixture = *state;

	add_key(fixture, "a.example", "pem of a");
	run(fixture, "ALTER TABLE dkim_key RENAME TO away");
	start(fixture);
	test_redis_start(&fixture->redis);
	expect(fixture, "HSET DKIM_SELECTORS old.example dkim", "1");
	await_health(fixture, false, "dkim_key");
	/* What cannot be read is not put in place of what is there. */
	expect(fixture, "HLEN DKIM_SELECTORS", "1");
	run(fixture, "ALTER TABLE away RENAME TO dkim_key");
	await_health(fixture, true, "1 keys in place");
	expect(fixture, "HGET DKIM_SELECTORS old.example", "(nil)");
}

static void
test_redis_away(void **state)
{
	struct fixture *fixture = *state;

	start(fixture);
	project(fixture, "a.example", ERR_UNAVAILABLE);
	test_redis_start(&fixture->redis);
	await_health(fixture, true, "0 keys");
	/* Asked, and gone before the answer. */
	kill(fixture->redis.pid, SIGSTOP);
	fixture->done = 0;
	dkim_projector_project(
		fixture->projector, "a.example", on_projected, fixture);
	turn(fixture);
	assert_int_equal(fixture->done, 0);
	test_redis_kill(&fixture->redis);
	turn(fixture);
	assert_int_equal(fixture->done, 1);
	assert_int_equal(fixture->err.code, ERR_UNAVAILABLE);
}

int
main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	static const struct CMUnitTest TESTS[] = {
		CASE(test_copies_all_and_nothing_else),
		CASE(test_one_domain),
		CASE(test_a_key_that_does_not_open),
		CASE(test_without_the_seal),
		CASE(test_redis_that_loads),
		CASE(test_a_refused_copy_is_repeated),
		CASE(test_unreadable_database_is_read_again),
		CASE(test_redis_away),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
