/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An agent that is there, away, restarted or refuses: what it gets told. */
#include "io/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/ipc.h"
#include "io/test_socket.h"

#define PATIENCE_MS 10000

struct world {
	struct event_base *loop;
	struct test_socket socket;
	struct ipc_server *agent;
	struct health *health;
	int refuse; /* so many reports */
	bool hold;
	struct ipc_call *held;
	int reports;
	bool ok;
	char name[100], text[400];
	int lines;
};

static void
on_health(struct ipc_call *call, json_t *request, void *context)
{
	struct world *world = context;
	world->reports++;
	world->ok = json_is_true(json_object_get(request, "ok"));
	snprintf(world->name, sizeof(world->name), "%s",
		json_string_value(json_object_get(request, "name")));
	snprintf(world->text, sizeof(world->text), "%s",
		json_string_value(json_object_get(request, "text")));
	if (world->hold) {
		world->held = call;
	} else if (world->refuse > 0) {
		struct err err = { 0 };
		world->refuse--;
		err_set(&err, ERR_BUSY, "not now");
		ipc_fail(call, &err);
	} else {
		ipc_reply(call);
	}
}

static const struct ipc_field FIELDS[] = {
	{ "name", IPC_TEXT, 32, true },
	{ "ok", IPC_BOOL, 0, true },
	{ "text", IPC_TEXT, HEALTH_TEXT_SIZE, true },
	{ 0 },
};

static const struct ipc_verb VERBS[] = {
	{ "health", FIELDS, NULL, on_health },
	{ 0 },
};

static void
count_line(const char *line, void *context)
{
	struct world *world = context;
	(void)line;
	world->lines++;
}

static int
set_up(void **state)
{
	static struct world world;
	world = (struct world){ .loop = event_base_new() };
	test_socket_open(&world.socket, SOCK_SEQPACKET);
	world.agent = ipc_server_new(
		world.loop, world.socket.listen_fd, VERBS, &world);
	world.health = health_new(world.loop, world.socket.path, "resolver");
	log_set_sink(count_line, &world);
	*state = &world;
	return 0;
}

static void
turn(struct world *world)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
}

static int
tear_down(void **state)
{
	struct world *world = *state;
	health_free(&world->health);
	turn(world); /* the reply that it waits for */
	ipc_server_free(&world->agent);
	event_base_free(world->loop);
	test_socket_close(&world->socket);
	log_set_sink(NULL, NULL);
	return 0;
}

static void
await_reports(struct world *world, int want)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;
	while (world->reports < want && clock_monotonic_ms() < until)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->reports, want);
}

static void
nothing_is_told_before_it_is_known(void **state)
{
	struct world *world = *state;
	turn(world);
	assert_int_equal(world->reports, 0);
}

static void
a_fact_arrives(void **state)
{
	struct world *world = *state;
	health_set(world->health, false, "no answer");
	turn(world);
	assert_int_equal(world->reports, 1);
	assert_false(world->ok);
	assert_string_equal(world->name, "resolver");
	assert_string_equal(world->text, "no answer");
	health_set(world->health, true, "");
	turn(world);
	assert_int_equal(world->reports, 2);
	assert_true(world->ok);
}

/* The text comes from who knows where, and must be JSON that is taken. */
static void
any_text_is_taken(void **state)
{
	struct world *world = *state;
	char text[2000];
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)(1 + i % 255);
	text[sizeof(text) - 1] = '\0';
	health_set(world->health, true, text);
	turn(world);
	assert_int_equal(world->reports, 1);
	assert_int_equal(strlen(world->text), HEALTH_TEXT_SIZE - 1);
	assert_null(strchr(world->text, '\n'));
	assert_int_equal(world->lines, 0);
}

/* While one report is on its way, only the newest state waits. */
static void
the_newest_state_wins(void **state)
{
	struct world *world = *state;
	world->hold = true;
	health_set(world->health, false, "one");
	turn(world);
	health_set(world->health, false, "two");
	health_set(world->health, true, "three");
	turn(world);
	assert_int_equal(world->reports, 1);
	world->hold = false;
	ipc_reply(world->held);
	turn(world);
	assert_int_equal(world->reports, 2);
	assert_true(world->ok);
	assert_string_equal(world->text, "three");
}

static void
a_refused_report_is_sent_again(void **state)
{
	struct world *world = *state;
	world->refuse = 2;
	health_set(world->health, true, "well");
	await_reports(world, 3);
	turn(world);
	assert_int_equal(world->lines, 1); /* said once */
}

static void
an_agent_that_comes_later_is_told(void **state)
{
	struct world *world = *state;
	ipc_server_free(&world->agent);
	test_socket_close(&world->socket);
	health_set(world->health, true, "well");
	turn(world);
	assert_int_equal(world->lines, 1);
	health_free(&world->health);
	test_socket_open(&world->socket, SOCK_SEQPACKET);
	world->health = health_new(world->loop, world->socket.path, "dkim");
	world->agent = ipc_server_new(
		world->loop, world->socket.listen_fd, VERBS, world);
	health_set(world->health, true, "well");
	await_reports(world, 1);
}

/* The end of the program may come while a report is on its way. */
static void
freed_with_a_report_under_way(void **state)
{
	struct world *world = *state;
	world->hold = true;
	health_set(world->health, true, "well");
	turn(world);
	assert_non_null(world->held);
	health_free(&world->health);
	ipc_reply(world->held);
	turn(world);
	assert_null(world->health);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_told_before_it_is_known),
		TEST(a_fact_arrives),
		TEST(any_text_is_taken),
		TEST(the_newest_state_wins),
		TEST(a_refused_report_is_sent_again),
		TEST(an_agent_that_comes_later_is_told),
		TEST(freed_with_a_report_under_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
