/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When a place counts as having what a private mount would put there. */
#include "supervise/mounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cap-ng.h>

#include "base/compiler.h"
#include "base/fs.h"

static char directory[32];

static int
set_up(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/mh-mo-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return fs_remove_tree(directory, NULL);
}

static const char *
place(const char *name)
{
	static char paths[4][64];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static void
put(const char *name, const char *text)
{
	assert_int_equal(fs_write_atomic(place(name), text, strlen(text), 0644,
				 (uid_t)-1, (gid_t)-1, NULL),
		0);
}

static const char *
pair(const char *source, const char *target)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s %s", place(source), place(target));
	return text;
}

#define OURS "# Rendered\nnameserver 127.0.53.1\noptions edns0 trust-ad\n"

static void
lines_count_and_comments_do_not(void **state)
{
	static const struct {
		const char *text;
		bool same;
	} CASES[] = {
		{ OURS, true },
		{ "nameserver 127.0.53.1\n\noptions edns0 trust-ad", true },
		{ "nameserver 127.0.53.1\n", false },
		{ "nameserver 127.0.53.1\noptions edns0 trust-ad\nsearch x\n",
			false },
		{ "nameserver 192.0.2.53\noptions edns0 trust-ad\n", false },
		{ "", false },
	};

	(void)state;
	put("ours", OURS);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		put("theirs", CASES[i].text);
		if (mounts_in_place(pair("ours", "theirs")) != CASES[i].same)
			fail_msg("case %zu, want %d", i, CASES[i].same);
	}
	assert_false(mounts_in_place(pair("ours", "absent")));
	assert_false(mounts_in_place(pair("absent", "ours")));
}

static void
a_link_to_it_is_it(void **state)
{
	(void)state;
	assert_int_equal(fs_make_directory(place("host"), 0755, (uid_t)-1,
				 (gid_t)-1, NULL),
		0);
	assert_int_equal(symlink(place("host"), place("postfix")), 0);
	assert_true(mounts_in_place(pair("host", "postfix")));
	assert_int_equal(fs_make_directory(place("other"), 0755, (uid_t)-1,
				 (gid_t)-1, NULL),
		0);
	assert_false(mounts_in_place(pair("host", "other")));
}

/* In a child that may not mount: 0, or 1 for the error it should be. */
static int
make_without_rights(const char *const *pairs)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct err err = { 0 };

		capng_get_caps_process();
		(void)capng_update(CAPNG_DROP,
			CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_SYS_ADMIN);
		if (capng_apply(CAPNG_SELECT_CAPS) < 0)
			_exit(3);
		if (mounts_make(pairs, &err) == 0)
			_exit(0);
		_exit(strstr(err.text, "other") ? 1 : 2);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void
what_is_in_place_need_not_be_mounted(void **state)
{
	char first[128], second[128];
	const char *pairs[] = { first, NULL, NULL };

	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root has a right to lose\n");
		skip();
	}
	put("ours", OURS);
	put("same", OURS);
	put("other", "nameserver 192.0.2.53\n");
	snprintf(first, sizeof(first), "%s", pair("ours", "same"));
	snprintf(second, sizeof(second), "%s", pair("ours", "other"));
	assert_int_equal(make_without_rights(pairs), 0);
	pairs[1] = second;
	assert_int_equal(make_without_rights(pairs), 1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(lines_count_and_comments_do_not),
		TEST(a_link_to_it_is_it),
		TEST(what_is_in_place_need_not_be_mounted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
