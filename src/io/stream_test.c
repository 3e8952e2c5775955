/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A line protocol on a real socket: limits, order, pauses, drain. */
#include "io/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/log.h"
#include "io/test_socket.h"

#define INPUT_MAX 100
#define OUTPUT_MAX 4000
#define CONNECTIONS_MAX 5

/* "later" pauses, "close" closes, "bad" is an error, "flood" answers much; others echo. */
struct world {
	struct event_base *loop;
	struct stream_server *server;
	struct test_socket socket;
	int opened, closed, requests;
	struct stream *later; /* holds a reference */
	char log_line[1000];
};

static void *
on_open(struct stream *stream, void *context)
{
	struct world *world = context;
	(void)stream;
	world->opened++;
	return world;
}

static void
on_close(void *state)
{
	((struct world *)state)->closed++;
}

static ptrdiff_t
on_input(struct stream *stream, void *state, struct span input)
{
	struct world *world = state;
	ptrdiff_t end = span_find(input, '\n');
	if (end < 0)
		return 0;
	struct span line = { input.data, (size_t)end };
	struct strbuf *out = stream_output(stream);
	world->requests++;
	if (span_equal_text(line, "bad"))
		return -1;
	if (span_equal_text(line, "later")) {
		stream_ref(stream);
		world->later = stream;
		stream_pause(stream);
	} else if (span_equal_text(line, "close")) {
		stream_close(stream);
	} else if (span_equal_text(line, "flood")) {
		for (int i = 0; i < 300; i++)
			strbuf_add_text(out, "0123456789");
	} else {
		strbuf_add_span(out, line);
		strbuf_add_char(out, '!');
	}
	return end + 1;
}

static const struct stream_protocol PROTOCOL = {
	.name = "test",
	.input_max = INPUT_MAX,
	.output_max = OUTPUT_MAX,
	.connections_max = CONNECTIONS_MAX,
	.open = on_open,
	.input = on_input,
	.close = on_close,
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
	test_socket_open(&world.socket, SOCK_STREAM);
	world.server = stream_server_new(
		world.loop, world.socket.listen_fd, &PROTOCOL, &world);
	log_set_sink(keep_line, &world);
	*state = &world;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *world = *state;
	stream_server_free(&world->server);
	assert_int_equal(world->opened, world->closed);
	event_base_free(world->loop);
	test_socket_close(&world->socket);
	log_set_sink(NULL, NULL);
	return 0;
}

/* Local sockets answer at once: as many rounds as it has events. */
static void
turn(struct world *world)
{
	for (int i = 0; i < 20; i++)
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
}

static void
say(struct world *world, int fd, const char *text)
{
	assert_int_equal(
		send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(world);
}

/* What has come: the text, or "EOF", or "" when nothing has. */
static const char *
hear(int fd)
{
	static char text[8192];
	ssize_t got = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return "EOF";
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

static void
requests_are_answered_in_order(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, fd, "a\nb\nc");
	assert_string_equal(hear(fd), "a!b!");
	say(world, fd, "d\n");
	assert_string_equal(hear(fd), "cd!");
	close(fd);
	turn(world);
	assert_int_equal(world->closed, 1);
}

static void
a_pause_holds_later_requests_back(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, fd, "a\nlater\nb\n");
	assert_string_equal(hear(fd), "a!");
	assert_int_equal(world->requests, 2);
	struct stream *later = world->later;
	assert_true(stream_alive(later));
	assert_int_equal(stream_peer_uid(later), geteuid());
	strbuf_add_text(stream_output(later), "now!");
	stream_resume(later);
	stream_unref(later);
	assert_string_equal(hear(fd), "now!b!");
	close(fd);
}

static void
a_closed_connection_has_sent_its_answers(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, fd, "a\nclose\nb\n");
	assert_string_equal(hear(fd), "a!");
	assert_string_equal(hear(fd), "EOF");
	assert_int_equal(world->requests, 2);
	close(fd);
	fd = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, fd, "later\n");
	strbuf_add_text(stream_output(world->later), "now!");
	stream_close(world->later);
	assert_false(stream_alive(world->later));
	stream_unref(world->later);
	assert_string_equal(hear(fd), "now!");
	assert_string_equal(hear(fd), "EOF");
	close(fd);
}

static void
an_answer_may_come_too_late(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, fd, "later\n");
	close(fd);
	turn(world);
	assert_int_equal(world->closed, 1);
	assert_false(stream_alive(world->later));
	strbuf_add_text(stream_output(world->later), "x");
	stream_flush(world->later);
	stream_resume(world->later);
	stream_unref(world->later);
}

static void
the_last_word_is_answered(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	send(fd, "later\nx\n", 8, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	turn(world);
	assert_true(stream_alive(world->later));
	strbuf_add_text(stream_output(world->later), "y");
	stream_resume(world->later);
	stream_unref(world->later);
	assert_string_equal(hear(fd), "yx!");
	assert_string_equal(hear(fd), "EOF");
	close(fd);
}

static void
bad_and_endless_requests_lose_the_connection(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	int other = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, fd, "bad\n");
	assert_string_equal(hear(fd), "EOF");
	assert_non_null(strstr(world->log_line, "reason=\"protocol error\""));
	close(fd);
	fd = test_socket_connect(&world->socket, SOCK_STREAM);
	char text[INPUT_MAX + 1];
	memset(text, 'x', INPUT_MAX);
	text[INPUT_MAX] = '\0';
	say(world, fd, text);
	assert_string_equal(hear(fd), "EOF");
	assert_non_null(strstr(world->log_line, "request too long"));
	close(fd);
	/* The others do not notice. */
	text[INPUT_MAX - 1] = '\n';
	say(world, other, text);
	text[INPUT_MAX - 1] = '!';
	assert_string_equal(hear(other), text);
	close(other);
}

static void
a_peer_that_does_not_read_is_not_parsed(void **state)
{
	struct world *world = *state;
	int fd = test_socket_connect(&world->socket, SOCK_STREAM);
	for (int i = 0; i < 2000; i++) {
		if (send(fd, "flood\n", 6, MSG_NOSIGNAL) < 0)
			break;
		event_base_loop(world->loop, EVLOOP_NONBLOCK);
	}
	turn(world);
	assert_int_equal(world->closed, 0);
	assert_in_range(world->requests, 10, 1000);
	/* When it reads again, everything comes. */
	int sent_before = world->requests;
	size_t bytes = 0;
	for (int idle = 0; idle < 3;) {
		size_t got = strlen(hear(fd));
		idle = got ? 0 : idle + 1;
		bytes += got;
		turn(world);
	}
	assert_true(world->requests > sent_before);
	assert_int_equal(bytes, (size_t)world->requests * 3000);
	close(fd);
}

static void
draining_finishes_what_was_begun(void **state)
{
	struct world *world = *state;
	int idle = test_socket_connect(&world->socket, SOCK_STREAM);
	int busy = test_socket_connect(&world->socket, SOCK_STREAM);
	say(world, busy, "later\n");
	stream_server_drain(world->server);
	assert_string_equal(hear(idle), "EOF");
	assert_string_equal(hear(busy), "");
	strbuf_add_text(stream_output(world->later), "done");
	stream_resume(world->later);
	stream_unref(world->later);
	assert_string_equal(hear(busy), "done");
	assert_string_equal(hear(busy), "EOF");
	/* Nobody new is let in, and nothing keeps the loop. */
	assert_int_equal(event_base_dispatch(world->loop), 1);
	close(idle);
	close(busy);
}

static void
too_many_connections_wait(void **state)
{
	struct world *world = *state;
	int fds[CONNECTIONS_MAX + 2];
	for (size_t i = 0; i < ARRAY_LENGTH(fds); i++) {
		fds[i] = test_socket_connect(&world->socket, SOCK_STREAM);
		say(world, fds[i], "hello\n");
	}
	assert_int_equal(world->opened, CONNECTIONS_MAX);
	assert_non_null(strstr(world->log_line, "have to wait"));
	assert_string_equal(hear(fds[0]), "hello!");
	assert_string_equal(hear(fds[CONNECTIONS_MAX]), "");
	close(fds[0]);
	turn(world);
	assert_string_equal(hear(fds[CONNECTIONS_MAX]), "hello!");
	assert_string_equal(hear(fds[CONNECTIONS_MAX + 1]), "");
	close(fds[1]);
	close(fds[2]);
	turn(world);
	assert_string_equal(hear(fds[CONNECTIONS_MAX + 1]), "hello!");
	for (size_t i = 3; i < ARRAY_LENGTH(fds); i++)
		close(fds[i]);
	turn(world);
	assert_int_equal(world->closed, ARRAY_LENGTH(fds));
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered_in_order),
		TEST(a_pause_holds_later_requests_back),
		TEST(a_closed_connection_has_sent_its_answers),
		TEST(an_answer_may_come_too_late),
		TEST(the_last_word_is_answered),
		TEST(bad_and_endless_requests_lose_the_connection),
		TEST(a_peer_that_does_not_read_is_not_parsed),
		TEST(draining_finishes_what_was_begun),
		TEST(too_many_connections_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
