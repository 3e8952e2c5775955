/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The life of a daemon: start, serve, reload, drain, stop. */
#include "io/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "io/test_jail.h"

/* Each step of the daemon writes a letter; the test reads the word. */
#define LETTERS_FD 9

struct daemon {
	char root[32];
	int letters; /* what it wrote */
	int ready; /* its descriptor 3 */
	pid_t pid;
};

static void
write_letter(char letter)
{
	ssize_t written = write(LETTERS_FD, &letter, 1);
	(void)written;
}

static int
pre_jail(struct service_state *state, struct err *err)
{
	(void)err;
	write_letter(state->loop ? 'x' : 'a');
	write_letter(geteuid() == 0 && state->sockets[0] > 3 ? 'b' : 'x');
	return 0;
}

static int
post_jail(struct service_state *state, struct err *err)
{
	(void)err;
	write_letter(state->loop && geteuid() == 65534 ? 'c' : 'x');
	return 0;
}

static int
fail_post_jail(struct service_state *state, struct err *err)
{
	(void)state;
	return err_set(err, ERR_UNAVAILABLE, "no database");
}

static void
reload(struct service_state *state)
{
	(void)state;
	write_letter('r');
}

static void
drain(struct service_state *state)
{
	write_letter(state->stopping ? 'd' : 'x');
}

static const struct service_socket SOCKETS[] = {
	{ "test/s", SERVICE_SEQPACKET, "nogroup" },
	{ 0 },
};

static const struct service GOOD = {
	.name = "mailherd-test",
	.summary = "A daemon for its unit test.",
	.jail = { .user = "nobody" },
	.sockets = SOCKETS,
	.pre_jail = pre_jail,
	.post_jail = post_jail,
	.reload = reload,
	.drain = drain,
	.drain_ms = 10000,
};

static const struct service BAD = {
	.name = "mailherd-test",
	.summary = "A daemon that cannot start.",
	.jail = { .user = "nobody" },
	.post_jail = fail_post_jail,
};

static void
start(struct daemon *daemon, const struct service *service)
{
	int letters[2], ready[2];
	snprintf(daemon->root, sizeof(daemon->root), "/tmp/mh-se-XXXXXX");
	assert_non_null(mkdtemp(daemon->root));
	assert_int_equal(pipe2(letters, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	daemon->pid = fork();
	if (daemon->pid == 0) {
		char *argv[] = { (char *)service->name, "--root", daemon->root,
			NULL };
		/* The pipes' own numbers lie above and are closed. */
		letters[1] = fcntl(letters[1], F_DUPFD, 20);
		ready[1] = fcntl(ready[1], F_DUPFD, 20);
		dup2(letters[1], LETTERS_FD);
		dup2(ready[1], 3);
		(void)close_range(4, LETTERS_FD - 1, 0);
		(void)close_range(LETTERS_FD + 1, ~0U, 0);
		_exit(service_main(service, 3, argv));
	}
	close(letters[1]);
	close(ready[1]);
	daemon->letters = letters[0];
	daemon->ready = ready[0];
}

static int
finish(struct daemon *daemon)
{
	int status;
	waitpid(daemon->pid, &status, 0);
	close(daemon->letters);
	close(daemon->ready);
	assert_int_equal(fs_remove_tree(daemon->root, NULL), 0);
	return status;
}

static char
next_letter(struct daemon *daemon)
{
	char letter = '-';
	return read(daemon->letters, &letter, 1) == 1 ? letter : '-';
}

static void
skip_without_jail(void)
{
	if (!test_jail_absence())
		return;
	print_message("skipped: %s\n", test_jail_absence());
	skip();
}

static void
lives_and_ends_in_order(void **state)
{
	(void)state;
	struct daemon daemon;
	char byte = 0;
	skip_without_jail();
	start(&daemon, &GOOD);
	assert_int_equal(read(daemon.ready, &byte, 1), 1);
	assert_int_equal(byte, '\n');
	assert_int_equal(read(daemon.ready, &byte, 1), 0);
	assert_int_equal(next_letter(&daemon), 'a');
	assert_int_equal(next_letter(&daemon), 'b');
	assert_int_equal(next_letter(&daemon), 'c');
	kill(daemon.pid, SIGHUP);
	assert_int_equal(next_letter(&daemon), 'r');
	kill(daemon.pid, SIGTERM);
	assert_int_equal(next_letter(&daemon), 'd');
	/* Nothing is left to do, so it ends long before drain_ms. */
	assert_int_equal(next_letter(&daemon), '-');
	assert_int_equal(finish(&daemon), 0);
}

static void
a_failure_is_an_exit_status(void **state)
{
	(void)state;
	struct daemon daemon;
	char byte;
	skip_without_jail();
	start(&daemon, &BAD);
	assert_int_equal(read(daemon.ready, &byte, 1), 0);
	assert_int_equal(WEXITSTATUS(finish(&daemon)), 1);
}

static void
odd_arguments_are_a_usage_error(void **state)
{
	(void)state;
	char *odd[] = { "mailherd-test", "extra", NULL };
	char *help[] = { "mailherd-test", "--help", NULL };
	optind = 0;
	assert_int_equal(service_main(&GOOD, 2, odd), 2);
	optind = 0;
	assert_int_equal(service_main(&GOOD, 2, help), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lives_and_ends_in_order),
		cmocka_unit_test(a_failure_is_an_exit_status),
		cmocka_unit_test(odd_arguments_are_a_usage_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
