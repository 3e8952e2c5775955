/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child cuts its bounding set, and looks at what is left. */
#include "agent/bounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "io/test_jail.h"

#define CAPABILITIES_MAX 64

/* The bits that are left; -1: bounds_cut() failed. */
static int64_t
left_after(const char *const *names)
{
	int64_t left = -1;
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		struct err err;

		if (bounds_cut(names, &err) == 0)
			left = 0;
		for (int c = 0; left >= 0 && c < CAPABILITIES_MAX - 1; c++)
			if (prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1)
				left |= 1LL << c;
		_exit(write(ends[1], &left, sizeof(left)) != sizeof(left));
	}
	assert_int_equal(read(ends[0], &left, sizeof(left)), sizeof(left));
	waitpid(pid, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	return left;
}

static void
only_what_is_named_is_left(void **state)
{
	static const char *const TWO[] = { "net_bind_service", "kill", NULL };
	static const char *const NONE[] = { BOUNDS_NONE, NULL };
	static const char *const EMPTY[] = { NULL };
	static const char *const WRONG[] = { "kill", "everything", NULL };

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(
		left_after(TWO), 1LL << CAP_NET_BIND_SERVICE | 1LL << CAP_KILL);
	assert_int_equal(left_after(NONE), 0);
	assert_true(left_after(EMPTY) > 0);
	assert_int_equal(left_after(WRONG), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_named_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
