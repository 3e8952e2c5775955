/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server that says what Dovecot's script would, or does not. */
#include "directory/script_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"

#define REQUEST "VERSION\tscript\t4\t0\nalarm=5\n-\nmailbox\n17\n\n"

struct fixture {
	char directory[32];
	char path[64];
	int listen_fd;
	struct event_base *loop;
	int calls;
	struct err err;
};

static int
setup(void **state)
{
	static struct fixture f;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	f = (struct fixture){ .directory = "/tmp/mh-script-XXXXXX" };
	assert_non_null(mkdtemp(f.directory));
	snprintf(f.path, sizeof(f.path), "%s/s", f.directory);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f.path);
	f.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(f.listen_fd, (struct sockaddr *)&address, sizeof(address)),
		0);
	assert_int_equal(listen(f.listen_fd, 5), 0);
	f.loop = event_base_new();
	*state = &f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	close(f->listen_fd);
	event_base_free(f->loop);
	return fs_remove_tree(f->directory, NULL);
}

static void
on_done(const struct err *err, void *context)
{
	struct fixture *f = context;

	f->calls++;
	f->err = err == NULL ? (struct err){ 0 } : *err;
}

static void
run(struct fixture *f, const char *path)
{
	script_client_run(f->loop, path,
		(const char *[]){ "mailbox", "17", NULL }, 5000, on_done, f);
	assert_int_equal(f->calls, 0);
}

static void
test_replies(void **state)
{
	static const struct {
		const char *reply;
		bool good;
	} rows[] = {
		{ "+\n", true },
		{ "some words\n+\n", true },
		{ "-\n", false },
		{ "", false },
		{ "+", false },
		{ "+\nmore", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		char request[200] = "";
		int fd;

		f->calls = 0;
		run(f, f->path);
		fd = accept(f->listen_fd, NULL, NULL);
		assert_int_equal(read(fd, request, sizeof(request) - 1),
			(int)strlen(REQUEST));
		assert_string_equal(request, REQUEST);
		assert_int_equal(
			write(fd, rows[i].reply, strlen(rows[i].reply)),
			(int)strlen(rows[i].reply));
		close(fd);
		event_base_dispatch(f->loop);
		assert_int_equal(f->calls, 1);
		if ((f->err.code == ERR_NONE) != rows[i].good)
			fail_msg("row %zu: %s", i, f->err.text);
	}
}

static void
test_nobody_is_there(void **state)
{
	struct fixture *f = *state;

	run(f, "/nonexistent/socket");
	event_base_dispatch(f->loop);
	assert_int_equal(f->calls, 1);
	assert_int_equal(f->err.code, ERR_UNAVAILABLE);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_replies),
		ROW(test_nobody_is_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
