/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Server and both clients over a real socket, honest and hostile. */
#include "io/ipc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/test_socket.h"

#define DEADLINE_MS 5000

struct world {
	struct event_base *loop;
	struct ipc_server *server;
	struct test_socket socket;
	struct ipc_call *held;
	int handled;
	char log_line[1000];
	/* What the async client heard. */
	int done;
	char text[200];
	struct err err;
};

static void
on_echo(struct ipc_call *call, json_t *request, void *context)
{
	struct world *world = context;
	world->handled++;
	json_text(ipc_answer(call), "said",
		json_string_value(json_object_get(request, "text")));
	json_number(ipc_answer(call), "uid", ipc_peer_uid(call));
	ipc_reply(call);
}

static void
on_steps(struct ipc_call *call, json_t *request, void *context)
{
	(void)request;
	(void)context;
	for (int i = 0; i < 3; i++) {
		json_number(ipc_answer(call), "step", i);
		ipc_progress(call);
	}
	ipc_reply(call);
}

static void
on_refuse(struct ipc_call *call, json_t *request, void *context)
{
	struct err err = { 0 };
	(void)request;
	(void)context;
	err_field(&err, ERR_EXISTS, "address", "it is there");
	err_remedy(&err, "choose another");
	ipc_fail(call, &err);
}

static void
on_hold(struct ipc_call *call, json_t *request, void *context)
{
	struct world *world = context;
	(void)request;
	world->held = call;
}

static void
on_huge(struct ipc_call *call, json_t *request, void *context)
{
	static char text[IPC_PACKET_MAX];
	(void)request;
	(void)context;
	memset(text, 'x', sizeof(text) - 1);
	json_text(ipc_answer(call), "text", text);
	ipc_reply(call);
}

static const struct ipc_field ECHO_FIELDS[] = {
	{ "text", IPC_TEXT, 10, true },
	{ "count", IPC_NUMBER, 0, false },
	{ "list", IPC_ARRAY, 2, false },
	{ 0 },
};

static const char *const SENDERS[] = { "nobody", NULL };

static const struct ipc_verb VERBS[] = {
	{ "echo", ECHO_FIELDS, SENDERS, on_echo },
	{ "steps", NULL, NULL, on_steps },
	{ "refuse", NULL, NULL, on_refuse },
	{ "hold", NULL, NULL, on_hold },
	{ "huge", NULL, NULL, on_huge },
	{ 0 },
};

static void
keep_line(const char *line, void *context)
{
	struct world *world = context;
	snprintf(world->log_line, sizeof(world->log_line), "%s", line);
}

static int
set_up(void **state)
{
	static struct world world;
	world = (struct world){ .loop = event_base_new() };
	test_socket_open(&world.socket, SOCK_SEQPACKET);
	world.server = ipc_server_new(
		world.loop, world.socket.listen_fd, VERBS, &world);
	log_set_sink(keep_line, &world);
	*state = &world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;
	ipc_server_free(&world->server);
	event_base_free(world->loop);
	test_socket_close(&world->socket);
	log_set_sink(NULL, NULL);
	return 0;
}

static void
turn(struct world *world)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
}

static void
on_done(json_t *reply, const struct err *err, void *context)
{
	struct world *world = context;
	world->done++;
	if (err)
		world->err = *err;
	const char *said = json_string_value(json_object_get(reply, "said"));
	snprintf(world->text, sizeof(world->text), "%s", said ? said : "");
}

static void
ask(struct world *world, json_t *request, int deadline_ms)
{
	world->done = 0;
	world->err = (struct err){ 0 };
	ipc_request_async(world->loop, world->socket.path, request, deadline_ms,
		NULL, on_done, world);
	assert_int_equal(world->done, 0);
	json_decref(request);
	turn(world);
}

static void
a_request_is_answered(void **state)
{
	struct world *world = *state;
	ask(world, json_pack("{ssss}", "verb", "echo", "text", "hello"),
		DEADLINE_MS);
	assert_int_equal(world->done, 1);
	assert_string_equal(world->text, "hello");
	ask(world, json_pack("{ss}", "verb", "steps"), DEADLINE_MS);
	assert_int_equal(world->done, 1);
	assert_int_equal(world->err.code, ERR_NONE);
}

static void
errors_travel(void **state)
{
	struct world *world = *state;
	ask(world, json_pack("{ss}", "verb", "refuse"), DEADLINE_MS);
	assert_int_equal(world->done, 1);
	assert_int_equal(world->err.code, ERR_EXISTS);
	assert_string_equal(world->err.field, "address");
	assert_string_equal(world->err.text, "it is there");
	assert_string_equal(world->err.remedy, "choose another");
	ask(world, json_pack("{ss}", "verb", "huge"), DEADLINE_MS);
	assert_int_equal(world->err.code, ERR_TOO_BIG);
}

static void
nobody_there_is_told_from_the_loop(void **state)
{
	struct world *world = *state;
	snprintf(world->socket.path, sizeof(world->socket.path), "%s/none",
		world->socket.directory);
	ask(world, json_pack("{ss}", "verb", "echo"), DEADLINE_MS);
	assert_int_equal(world->done, 1);
	assert_int_equal(world->err.code, ERR_UNAVAILABLE);
	snprintf(world->socket.path, sizeof(world->socket.path), "%s/s",
		world->socket.directory);
}

static void
a_deadline_ends_the_waiting(void **state)
{
	struct world *world = *state;
	ask(world, json_pack("{ss}", "verb", "hold"), 1);
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;
	while (!world->done && clock_monotonic_ms() < until)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->done, 1);
	assert_int_equal(world->err.code, ERR_BUSY);
	turn(world);
	/* The peer is gone; the call may still be answered. */
	assert_non_null(world->held);
	json_bool(ipc_answer(world->held), "late", true);
	ipc_progress(world->held);
	ipc_reply(world->held);
}

struct packet_case {
	const char *packet;
	const char *want_log; /* NULL: it is taken */
};

static const struct packet_case PACKETS[] = {
	{ "{\"verb\":\"echo\",\"text\":\"0123456789\",\"req\":\"r1\"}", NULL },
	{ "{\"verb\":\"echo\",\"text\":\"x\",\"count\":5,\"list\":[1,2]}",
		NULL },
	{ "{\"verb\":\"echo\",\"text\":\"0123456789a\"}", "longer than 10" },
	{ "{\"verb\":\"echo\"}", "text is missing" },
	{ "{\"verb\":\"echo\",\"text\":5}", "not of type text" },
	{ "{\"verb\":\"echo\",\"text\":\"x\",\"count\":\"5\"}",
		"not of type number" },
	{ "{\"verb\":\"echo\",\"text\":\"x\",\"count\":1.5}",
		"not of type number" },
	{ "{\"verb\":\"echo\",\"text\":\"x\",\"list\":[1,2,3]}",
		"longer than 2" },
	{ "{\"verb\":\"echo\",\"text\":\"x\",\"more\":true}",
		"more is not known" },
	{ "{\"verb\":\"echo\",\"text\":\"x\",\"text\":\"y\"}", "bad JSON" },
	{ "{\"verb\":\"echo\",\"text\":\"x\\u0000y\"}", "bad JSON" },
	{ "{\"verb\":\"echo\",\"text\":\"\xff\"}", "bad JSON" },
	{ "{\"verb\":\"format\"}", "no such verb" },
	{ "{\"verb\":7}", "no such verb" },
	{ "{}", "no such verb" },
	{ "[]", "not an object" },
	{ "{\"verb\":\"echo\",\"text\":\"x\"} ", NULL },
	{ "{\"verb\":\"echo\",\"text\":\"x\"}x", "bad JSON" },
	{ "x", "bad JSON" },
	{ "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]", "too deeply" },
};

static void
foreign_packets_close_the_connection(void **state)
{
	struct world *world = *state;
	for (size_t i = 0; i < ARRAY_LENGTH(PACKETS); i++) {
		const struct packet_case *c = &PACKETS[i];
		char reply[1000];
		int fd = test_socket_connect(&world->socket, SOCK_SEQPACKET);
		int handled = world->handled;
		world->log_line[0] = '\0';
		send(fd, c->packet, strlen(c->packet), MSG_NOSIGNAL);
		turn(world);
		ssize_t got = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
		bool taken = got > 0 && world->handled == handled + 1;
		if (taken != !c->want_log)
			fail_msg("%s: taken %d", c->packet, taken);
		if (c->want_log && !strstr(world->log_line, c->want_log))
			fail_msg("%s: logged %s", c->packet, world->log_line);
		if (c->want_log)
			assert_int_equal(got, 0);
		close(fd);
	}
}

static void
a_packet_over_the_limit_closes_the_connection(void **state)
{
	struct world *world = *state;
	static char packet[IPC_PACKET_MAX + 2];
	memset(packet, ' ', sizeof(packet));
	int fd = test_socket_connect(&world->socket, SOCK_SEQPACKET);
	send(fd, packet, sizeof(packet), MSG_NOSIGNAL);
	turn(world);
	assert_int_equal(recv(fd, packet, 1, MSG_DONTWAIT), 0);
	assert_non_null(strstr(world->log_line, "packet too big"));
	close(fd);
}

static void
a_second_request_must_wait_for_the_reply(void **state)
{
	struct world *world = *state;
	const char *hold = "{\"verb\":\"hold\"}";
	char byte;
	int fd = test_socket_connect(&world->socket, SOCK_SEQPACKET);
	send(fd, hold, strlen(hold), MSG_NOSIGNAL);
	turn(world);
	send(fd, hold, strlen(hold), MSG_NOSIGNAL);
	turn(world);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), 0);
	ipc_reply(world->held);
	close(fd);
}

static void
count_progress(json_t *packet, void *context)
{
	*(int *)context +=
		1 + (int)json_integer_value(json_object_get(packet, "step"));
}

/* In a child: what the blocking client makes of verb; 0-99 is an answer. */
static int
ask_blocking(const char *path, const char *verb)
{
	json_t *request = json_pack("{ss}", "verb", verb), *reply = NULL;
	struct err err = { 0 };
	int progress = 0;
	if (strcmp(verb, "echo") == 0)
		json_object_set_new(request, "text", json_string("x"));
	int result = ipc_request(path, request, DEADLINE_MS, count_progress,
		&progress, &reply, &err);
	json_decref(request);
	json_decref(reply);
	return result == 0 ? progress : 100 + (int)err.code;
}

static int
status_of_client(struct world *world, const char *verb, uid_t uid)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (uid && setresuid(uid, uid, uid) < 0)
			_exit(99);
		_exit(ask_blocking(world->socket.path, verb));
	}
	int status = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct timeval wait = { .tv_usec = 5000 };
		event_base_loopexit(world->loop, &wait);
		event_base_dispatch(world->loop);
	}
	return WEXITSTATUS(status);
}

static void
the_blocking_client_sees_progress(void **state)
{
	struct world *world = *state;
	assert_int_equal(status_of_client(world, "steps", 0), 6);
	assert_int_equal(status_of_client(world, "echo", 0), 0);
	assert_int_equal(
		status_of_client(world, "refuse", 0), 100 + ERR_EXISTS);
	assert_int_equal(
		ask_blocking("/nonexistent", "echo"), 100 + ERR_UNAVAILABLE);
}

static void
only_listed_users_may_send(void **state)
{
	struct world *world = *state;
	const uid_t nobody = 65534;
	if (geteuid() != 0)
		skip();
	chmod(world->socket.directory, 0755);
	chmod(world->socket.path, 0666);
	assert_int_equal(status_of_client(world, "echo", nobody), 0);
	assert_int_equal(status_of_client(world, "steps", nobody),
		100 + ERR_UNAVAILABLE);
	assert_non_null(strstr(world->log_line, "may not send"));
	assert_int_equal(
		status_of_client(world, "echo", 4242), 100 + ERR_UNAVAILABLE);
}

/* The oldest ones that say nothing make room for the next. */
static void
idle_connections_do_not_lock_others_out(void **state)
{
	struct world *world = *state;
	int fds[3 * IPC_CONNECTIONS_MAX];
	char byte;
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		fds[i] = test_socket_connect(&world->socket, SOCK_SEQPACKET);
		turn(world);
	}
	assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0);
	assert_int_equal(
		recv(fds[ARRAY_LENGTH(fds) - 1], &byte, 1, MSG_DONTWAIT), -1);
	ask(world, json_pack("{ssss}", "verb", "echo", "text", "hello"),
		DEADLINE_MS);
	assert_string_equal(world->text, "hello");
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
	turn(world);
}

/* Rounds of the loop in a tenth of a second. */
static int
rounds(struct world *world)
{
	int64_t until = clock_monotonic_ms() + 100;
	struct timeval wait = { .tv_usec = 100 * 1000 };
	int count = 0;
	event_base_loopexit(world->loop, &wait);
	while (clock_monotonic_ms() < until && count < 1000) {
		event_base_loop(world->loop, EVLOOP_ONCE);
		count++;
	}
	return count;
}

static void
no_descriptors_left_is_waited_for(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_SEQPACKET);
	int spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct rlimit before, none;
	close(spare);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)spare;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	int count = rounds(world);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(count < 20);
	assert_non_null(strstr(world->log_line, "have to wait"));
	int64_t until = clock_monotonic_ms() + DEADLINE_MS;
	const char *echo = "{\"verb\":\"echo\",\"text\":\"x\"}";
	send(fd, echo, strlen(echo), MSG_NOSIGNAL);
	while (!world->handled && clock_monotonic_ms() < until)
		event_base_loop(world->loop, EVLOOP_ONCE);
	assert_int_equal(world->handled, 1);
	close(fd);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_answered),
		TEST(errors_travel),
		TEST(nobody_there_is_told_from_the_loop),
		TEST(a_deadline_ends_the_waiting),
		TEST(foreign_packets_close_the_connection),
		TEST(a_packet_over_the_limit_closes_the_connection),
		TEST(a_second_request_must_wait_for_the_reply),
		TEST(the_blocking_client_sees_progress),
		TEST(only_listed_users_may_send),
		TEST(idle_connections_do_not_lock_others_out),
		TEST(no_descriptors_left_is_waited_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
