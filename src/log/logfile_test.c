/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tests of logfile.c in a directory of its own. The full disk is real to
 * the code: a limit on file size makes write(2) fall short and then fail.
 */
#include "log/logfile.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define NOW_MS 1795439472345 /* 2026-11-23T13:11:12.345Z */

struct fixture {
	char directory[32];
	struct logfile *file;
};

static int
setup(void **state)
{
	static struct fixture fixture;
	static const struct logfile_limits LIMITS = { 200, 3 };
	char path[64];

	snprintf(fixture.directory, sizeof(fixture.directory),
		"/tmp/mh-logfile-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(path, sizeof(path), "%s/imap", fixture.directory);
	fixture.file = logfile_new(path, &LIMITS);
	*state = &fixture;
	setenv("TZ", "UTC0", 1);
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	logfile_free(&fixture->file);
	return fs_remove_tree(fixture->directory, NULL);
}

static enum logfile_answer
write_text(struct fixture *fixture, const char *text, int64_t wall_ms)
{
	struct err err;

	return logfile_write(fixture->file, span_from(text), wall_ms, &err);
}

static void
expect_file(const struct fixture *fixture, const char *name, const char *want)
{
	struct strbuf got;
	struct err err;
	char path[128];

	strbuf_init(&got, 4096);
	snprintf(path, sizeof(path), "%s/imap/%s", fixture->directory, name);
	if (fs_read(path, 4096, &got, &err) < 0)
		fail_msg("%s: %s", name, err.text);
	if (strcmp(got.data, want) != 0)
		fail_msg("%s: got \"%s\", want \"%s\"", name, got.data, want);
	strbuf_deinit(&got);
}

static int
count_files(const struct fixture *fixture)
{
	char path[64];
	int count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/imap", fixture->directory);
	directory = opendir(path);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			count++;
	closedir(directory);
	return count;
}

static void
test_appends(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(write_text(fixture, "a\n", NOW_MS), LOGFILE_WRITTEN);
	assert_int_equal(
		write_text(fixture, "b\nc\n", NOW_MS), LOGFILE_WRITTEN);
	expect_file(fixture, "current", "a\nb\nc\n");
	assert_int_equal(logfile_counts(fixture->file)->lines, 3);
	assert_int_equal(logfile_counts(fixture->file)->bytes, 6);
	assert_int_equal(logfile_counts(fixture->file)->dropped, 0);
}

static void
test_rotates_by_size(void **state)
{
	struct fixture *fixture = *state;
	char line[122];

	memset(line, 'x', sizeof(line));
	line[120] = '\n';
	line[121] = '\0';
	for (int i = 0; i < 6; i++)
		assert_int_equal(
			write_text(fixture, line, NOW_MS + i), LOGFILE_WRITTEN);
	expect_file(fixture, "current", line);
	expect_file(fixture, "2026-11-23T13-11-12.350Z", line);
	expect_file(fixture, "2026-11-23T13-11-12.349Z", line);
	assert_int_equal(count_files(fixture), 3);
}

static void
test_rotates_twice_in_a_moment(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	assert_int_equal(logfile_rotate(fixture->file, NOW_MS, &err), 0);
	assert_int_equal(count_files(fixture), 1); /* nothing to keep */
	for (int i = 0; i < 2; i++) {
		(void)write_text(fixture, "a\n", NOW_MS);
		assert_int_equal(
			logfile_rotate(fixture->file, NOW_MS, &err), 0);
	}
	expect_file(fixture, "2026-11-23T13-11-12.345Z", "a\n");
	expect_file(fixture, "2026-11-23T13-11-12.346Z", "a\n");
	expect_file(fixture, "current", "");
}

static void
test_removed_file_comes_back(void **state)
{
	struct fixture *fixture = *state;
	char path[64];

	(void)write_text(fixture, "a\n", NOW_MS);
	snprintf(path, sizeof(path), "%s/imap/current", fixture->directory);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write_text(fixture, "b\n", NOW_MS), LOGFILE_WRITTEN);
	expect_file(fixture, "current", "b\n");
}

static void
set_file_size(rlim_t size)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = size;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
test_full_disk(void **state)
{
	struct fixture *fixture = *state;

	(void)write_text(fixture, "before\n", NOW_MS);
	set_file_size(12);
	/* "one" fits, "two" does so in part: it must not stay. */
	assert_int_equal(write_text(fixture, "one\ntwo\nthree\n", NOW_MS),
		LOGFILE_DROPPED);
	assert_int_equal(
		write_text(fixture, "four\n", NOW_MS), LOGFILE_DROPPED);
	expect_file(fixture, "current", "before\none\n");
	assert_int_equal(logfile_counts(fixture->file)->dropped, 3);
	set_file_size(RLIM_INFINITY);
	assert_int_equal(
		write_text(fixture, "five\n", NOW_MS), LOGFILE_WRITTEN);
	expect_file(fixture, "current",
		"before\none\n2026-11-23T13:11:12.345+00:00 warn: lines were"
		" dropped that could not be written count=3\nfive\n");
	assert_int_equal(logfile_counts(fixture->file)->dropped, 3);
}

static void
test_directory_that_cannot_be(void **state)
{
	struct fixture *fixture = *state;
	static const struct logfile_limits LIMITS = { 200, 3 };
	struct logfile *file = logfile_new("/proc/nowhere/imap", &LIMITS);
	struct err err;

	(void)fixture;
	assert_int_equal(logfile_write(file, span_from("a\n"), NOW_MS, &err),
		LOGFILE_DROPPED);
	assert_int_equal(err.code, ERR_SYSTEM);
	assert_int_equal(logfile_counts(file)->dropped, 1);
	logfile_free(&file);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(test_appends, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_rotates_by_size, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_rotates_twice_in_a_moment, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_removed_file_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_full_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_directory_that_cannot_be, setup, teardown),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
