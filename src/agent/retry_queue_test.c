/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which facts make Postfix try its queue, and how often. */
#include "agent/retry_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/fs.h"

/* A queue manager that only listens. */
struct fixture {
	char spool[40];
	struct event_base *loop;
	struct retry_queue *retry;
	int qmgr;
};

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(fixture.spool, sizeof(fixture.spool), "/tmp/mh-retry-XXXXXX");
	assert_non_null(mkdtemp(fixture.spool));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/public",
		fixture.spool);
	assert_int_equal(mkdir(address.sun_path, 0700), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/public/qmgr",
		fixture.spool);
	fixture.qmgr =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fixture.qmgr, (struct sockaddr *)&address,
				 sizeof(address)),
		0);
	assert_int_equal(listen(fixture.qmgr, 5), 0);
	fixture.loop = event_base_new();
	fixture.retry = retry_queue_new(fixture.loop, fixture.spool);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	retry_queue_free(&fixture->retry);
	event_base_free(fixture->loop);
	close(fixture->qmgr);
	return fs_remove_tree(fixture->spool, NULL);
}

/* What the queue manager was told by now. */
static const char *
told(struct fixture *fixture)
{
	static char text[20];
	ssize_t length = 0;
	int fd;

	event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
	fd = accept(fixture->qmgr, NULL, NULL);
	if (fd >= 0) {
		length = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static void
test_what_counts(void **state)
{
	struct fixture *fixture = *state;

	static const struct {
		const char *name;
		bool was_ok;
		bool ok;
	} rows[] = {
		{ "disk.mail", true, true },
		{ "disk.mail", true, false },
		{ "disk.mail", false, false },
		{ "disk.index", true, false },
		{ "disk.log", false, true },
		{ "dkim", false, true },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		retry_queue_on_fact(fixture->retry, rows[i].name,
			rows[i].was_ok, rows[i].ok);
		assert_string_equal(told(fixture), "");
	}
	retry_queue_on_fact(fixture->retry, "disk.mail", false, true);
	assert_string_equal(told(fixture), "FAD");
}

static void
test_not_again_at_once(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 3; i++) {
		retry_queue_on_fact(fixture->retry, "resolver", false, true);
		assert_string_equal(told(fixture), i == 0 ? "FAD" : "");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_what_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_not_again_at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
