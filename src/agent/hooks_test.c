/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which hooks run, in what order, with what, and what is said of the rest. */
#include "agent/hooks.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/strbuf.h"

struct fixture {
	char root[32];
	char hooks[64];
	char output[64];
	struct strbuf log;
};

static void
keep_line(const char *line, void *context)
{
	struct fixture *f = context;

	strbuf_add_text(&f->log, line);
}

static int
set_up(void **state)
{
	static struct fixture f;

	(void)snprintf(f.root, sizeof(f.root), "/tmp/mh-hooks-XXXXXX");
	assert_non_null(mkdtemp(f.root));
	(void)snprintf(f.hooks, sizeof(f.hooks), "%s/hooks", f.root);
	(void)snprintf(f.output, sizeof(f.output), "%s/output", f.root);
	assert_int_equal(mkdir(f.hooks, 0755), 0);
	strbuf_init(&f.log, 64 * 1024);
	log_set_sink(keep_line, &f);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	log_set_sink(NULL, NULL);
	strbuf_deinit(&f->log);
	return fs_remove_tree(f->root, NULL);
}

/* A program that adds a line to the output. */
static void
put(const struct fixture *f, const char *name, mode_t mode, const char *text)
{
	char path[128], script[512];
	int length = snprintf(script, sizeof(script),
		"#!/bin/sh\n{ %s; } >>%s\n", text, f->output);

	(void)snprintf(path, sizeof(path), "%s/%s", f->hooks, name);
	assert_int_equal(fs_write_atomic(path, script, (size_t)length, mode,
				 (uid_t)-1, (gid_t)-1, NULL),
		0);
	assert_int_equal(chmod(path, mode), 0);
}

static void
run(const struct fixture *f, int deadline_ms)
{
	static const char *const environment[] = { "TZ=Europe/Berlin", NULL };
	const struct hooks hooks = { f->hooks, "redis", "/tmp/x/", environment,
		deadline_ms };

	hooks_run(&hooks);
}

static void
expect_output(const struct fixture *f, const char *want)
{
	struct strbuf got;

	strbuf_init(&got, 4096);
	if (fs_read(f->output, 4096, &got, NULL) == -1)
		strbuf_reset(&got);
	assert_string_equal(got.data, want);
	strbuf_deinit(&got);
}

static void
expect_log(const struct fixture *f, const char *part)
{
	if (strstr(f->log.data, part) == NULL)
		fail_msg("no \"%s\" in: %s", part, f->log.data);
}

static void
test_order_and_environment(void **state)
{
	struct fixture *f = *state;

	put(f, "20-b", 0755, "echo b");
	put(f, "10-z", 0700, "echo \"$MAILHERD_SERVICE $MAILHERD_ROOT $TZ\"");
	put(f, "9", 0755, "echo nine; ls /proc/self/fd | grep -c '^3$' || :");
	put(f, "Z", 0755, "echo Z");
	run(f, 10000);
	/* The one descriptor above 2 is that of ls itself. */
	expect_output(f, "redis /tmp/x/ Europe/Berlin\nb\nnine\n1\nZ\n");
	expect_log(f, "hook done");
}

static void
test_no_directory_is_no_event(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rmdir(f->hooks), 0);
	run(f, 1000);
	assert_int_equal(f->log.length, 0);
}

static void
test_a_failing_one_is_named_and_the_next_runs(void **state)
{
	struct fixture *f = *state;

	put(f, "1-bad", 0755, "echo bad; exit 7");
	put(f, "2-good", 0755, "echo good");
	run(f, 10000);
	expect_output(f, "bad\ngood\n");
	expect_log(f, "hook failed");
	expect_log(f, "1-bad");
	expect_log(f, "status=7");
}

static void
test_an_overdue_one_is_ended(void **state)
{
	struct fixture *f = *state;
	int64_t began_ms = clock_monotonic_ms();

	put(f, "1-slow", 0755, "echo slow; sleep 60 & wait");
	put(f, "2-late", 0755, "echo late");
	run(f, 300);
	assert_true(clock_monotonic_ms() - began_ms < 10000);
	expect_output(f, "slow\n");
	expect_log(f, "took too long");
	expect_log(f, "1-slow");
	expect_log(f, "2-late");
}

static void
test_what_root_must_not_run(void **state)
{
	struct fixture *f = *state;
	char path[128];

	put(f, "1-others", 0757, "echo others");
	put(f, "2-group", 0775, "echo group");
	put(f, "3-plain", 0644, "echo plain");
	put(f, "4-old~", 0755, "echo old");
	put(f, ".5-hidden", 0755, "echo hidden");
	put(f, "6.dpkg-old", 0755, "echo package");
	(void)snprintf(path, sizeof(path), "%s/7-link", f->hooks);
	assert_int_equal(symlink("/bin/echo", path), 0);
	(void)snprintf(path, sizeof(path), "%s/8-directory", f->hooks);
	assert_int_equal(mkdir(path, 0755), 0);
	put(f, "9-good", 0755, "echo good");
	run(f, 10000);
	expect_output(f, "good\n");
	expect_log(f, "1-others");
	expect_log(f, "2-group");
	expect_log(f, "not executable");
	expect_log(f, "7-link");
	expect_log(f, "8-directory");
	assert_null(strstr(f->log.data, "4-old"));
	assert_null(strstr(f->log.data, "hidden"));
}

static void
test_a_directory_that_others_write(void **state)
{
	struct fixture *f = *state;

	put(f, "1-good", 0755, "echo good");
	assert_int_equal(chmod(f->hooks, 0777), 0);
	run(f, 10000);
	expect_output(f, "");
	expect_log(f, "the directory must belong to root");
}

static void
test_a_file_that_can_not_be_run(void **state)
{
	struct fixture *f = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/1-broken", f->hooks);
	assert_int_equal(fs_write_atomic(path, "#!/no/such/program\n", 19, 0755,
				 (uid_t)-1, (gid_t)-1, NULL),
		0);
	assert_int_equal(chmod(path, 0755), 0);
	put(f, "2-good", 0755, "echo good");
	run(f, 10000);
	expect_output(f, "good\n");
	expect_log(f, "1-broken");
}

static void
test_a_program_of_ours_gets_its_words(void **state)
{
	static const char *const environment[] = { "TZ=UTC", NULL };
	struct fixture *f = *state;
	const struct hooks hooks = { f->hooks, "mta", "/", environment, 10000 };
	char path[128];
	const char *const argv[] = { path, "one", "two", NULL };

	put(f, "tidy", 0755, "echo \"$MAILHERD_SERVICE $TZ $2\"");
	(void)snprintf(path, sizeof(path), "%s/tidy", f->hooks);
	hooks_run_program(&hooks, argv);
	expect_output(f, "mta UTC two\n");
	expect_log(f, "done");
}

#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		TEST(test_order_and_environment),
		TEST(test_no_directory_is_no_event),
		TEST(test_a_failing_one_is_named_and_the_next_runs),
		TEST(test_an_overdue_one_is_ended),
		TEST(test_what_root_must_not_run),
		TEST(test_a_directory_that_others_write),
		TEST(test_a_file_that_can_not_be_run),
		TEST(test_a_program_of_ours_gets_its_words),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
