/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of the program, while more passwords wait than can be judged. */
#include "directory/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/log.h"
#include "directory/dict.h"
#include "directory/login_line.h"
#include "directory/test_core.h"

#define WAITING 60
#define DRAIN_MS 2000

/* A cost that keeps any machine busy for longer than the end may take. */
#define SLOW                                                                   \
	"{BLF-CRYPT}$2y$13$abcdefghijklmnopqrstuu"                             \
	"..............................a"

enum {
	LOGIN_SOCKET,
	DICT_SOCKET
};

static const struct service_socket sockets[] = {
	{ "dovecot/auth", SERVICE_STREAM, "dovecot" },
	{ "dovecot/dict", SERVICE_STREAM, "dovecot" },
	{ 0 },
};

static const struct server_protocols protocols = { {
	&login_line_protocol,
	&dict_protocol,
} };

static const struct service service = {
	.name = "test",
	.sockets = sockets,
	.drain = server_drain,
	.drain_ms = DRAIN_MS,
};

struct fixture {
	struct test_core core;
	struct service_state state;
};

static void
ignore_line(const char *line, void *context)
{
	(void)line;
	(void)context;
}

static struct sockaddr_un
address_of(const struct fixture *fixture, int which)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/s%d",
		fixture->core.directory, which);
	return address;
}

static int
listen_at(const struct fixture *fixture, int which)
{
	struct sockaddr_un address = address_of(fixture, which);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	BUG_ON(bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	BUG_ON(listen(fd, 2 * WAITING) < 0);
	return fd;
}

static int
say(const struct fixture *fixture, int which, const char *text)
{
	struct sockaddr_un address = address_of(fixture, which);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	BUG_ON(connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	BUG_ON(send(fd, text, strlen(text), MSG_NOSIGNAL) < 0);
	return fd;
}

static int
setup(void **state)
{
	static struct fixture fixture;
	struct service_state *service_state = &fixture.state;
	struct err err = { 0 };

	memset(&fixture, 0, sizeof(fixture));
	log_set_sink(ignore_line, NULL);
	test_core_init(&fixture.core);
	test_core_run(
		&fixture.core, "UPDATE mailbox SET password = '" SLOW "'");
	(void)snprintf(service_state->paths.core_db,
		sizeof(service_state->paths.core_db), "%s",
		fixture.core.core_path);
	(void)snprintf(service_state->paths.usage_db,
		sizeof(service_state->paths.usage_db), "%s",
		fixture.core.usage_path);
	service_state->service = &service;
	service_state->loop = event_base_new();
	for (int i = 0; sockets[i].name != NULL; i++)
		service_state->sockets[i] = listen_at(&fixture, i);
	*state = &fixture;
	/* On a machine without the suite's users there is no vmail. */
	if (server_prepare(service_state, &err) < 0)
		service_state->program = NULL;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	event_base_free(fixture->state.loop);
	test_core_deinit(&fixture->core);
	log_set_sink(NULL, NULL);
	return 0;
}

static void
turn(struct fixture *fixture, int64_t ms, bool until_done)
{
	int64_t until = clock_monotonic_ms() + ms;
	struct timeval wait = { .tv_usec = 10 * 1000 };

	while (clock_monotonic_ms() < until &&
		!(until_done && fixture->state.done)) {
		event_base_loopexit(fixture->state.loop, &wait);
		event_base_dispatch(fixture->state.loop);
	}
}

static int64_t
stored_bytes(struct fixture *fixture)
{
	static const struct db_statement statement = { "test",
		"SELECT bytes FROM quota WHERE mailbox_id = 1", NULL };
	struct db_query q = db_query(fixture->core.usage, &statement);
	int64_t bytes = -1;
	struct err err;

	if (db_step(&q, &err) == 1)
		bytes = db_number(&q, 0);
	db_finish(&q);
	return bytes;
}

/* What was reported is written, whoever is still waiting. */
static void
a_full_queue_does_not_lose_reports(void **state)
{
	struct fixture *fixture = *state;
	int fds[WAITING];
	char line[100];
	int dict;

	if (fixture->state.program == NULL) {
		print_message("skipped: user vmail does not exist\n");
		skip();
	}
	server_start(&fixture->state, &protocols);
	for (int i = 0; i < WAITING; i++) {
		(void)snprintf(line, sizeof(line),
			"AUTH\timap\t192.0.%d.1\t1\tanna@example.org\t%04d\n",
			i, i);
		fds[i] = say(fixture, LOGIN_SOCKET, line);
	}
	dict = say(fixture, DICT_SOCKET,
		"H3\t0\t0\tanna@example.org\tquota\nB1\n"
		"S1\tpriv/quota/storage\t4711\nC1\n");
	turn(fixture, 50, false);
	server_drain(&fixture->state);
	turn(fixture, DRAIN_MS, true);
	assert_true(fixture->state.done);
	assert_int_equal(stored_bytes(fixture), 4711);
	close(dict);
	for (int i = 0; i < WAITING; i++)
		close(fds[i]);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_full_queue_does_not_lose_reports, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
