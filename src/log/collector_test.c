/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of collector.c with real FIFOs in a directory of its own. */
#include "log/collector.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define STAMP_LENGTH (sizeof("2026-11-23T13:11:12.345+00:00 ") - 1)

struct fixture {
	char directory[32];
	char fifos[64];
	char logs[64];
	struct event_base *loop;
	struct collector *collector;
};

static void
make_fifo(const struct fixture *fixture, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", fixture->fifos, name);
	assert_int_equal(mkfifo(path, 0600), 0);
}

static int
open_writer(const struct fixture *fixture, const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fixture->fifos, name);
	fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static void
start(struct fixture *fixture)
{
	struct collector_options options = { fixture->fifos, fixture->logs,
		{ 1000 * 1000, 3 } };
	struct err err;

	if (collector_new(fixture->loop, &options, &fixture->collector, &err) <
		0)
		fail_msg("%s", err.text);
}

static int
setup(void **state)
{
	static struct fixture fixture;

	snprintf(fixture.directory, sizeof(fixture.directory),
		"/tmp/mh-collector-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(fixture.fifos, sizeof(fixture.fifos), "%s/fifos",
		fixture.directory);
	snprintf(fixture.logs, sizeof(fixture.logs), "%s/logs",
		fixture.directory);
	assert_int_equal(mkdir(fixture.fifos, 0700), 0);
	assert_int_equal(mkdir(fixture.logs, 0700), 0);
	fixture.loop = event_base_new();
	setenv("TZ", "UTC0", 1);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	collector_free(&fixture->collector);
	event_base_free(fixture->loop);
	return fs_remove_tree(fixture->directory, NULL);
}

static void
turn(struct fixture *fixture)
{
	for (int i = 0; i < 4; i++)
		event_base_loop(fixture->loop, EVLOOP_NONBLOCK);
}

static void
expect_lines(
	const struct fixture *fixture, const char *service, const char *want)
{
	struct strbuf got;
	struct strbuf bare;
	struct span rest;
	struct span line;
	struct err err;
	char path[128];

	strbuf_init(&got, 64 * 1024);
	strbuf_init(&bare, 64 * 1024);
	snprintf(path, sizeof(path), "%s/%s/current", fixture->logs, service);
	if (fs_read(path, 64 * 1024, &got, &err) < 0)
		fail_msg("%s: %s", service, err.text);
	rest = strbuf_span(&got);
	while (span_split(&rest, '\n', &line) && line.length > STAMP_LENGTH) {
		strbuf_add(&bare, line.data + STAMP_LENGTH,
			line.length - STAMP_LENGTH);
		strbuf_add_char(&bare, '|');
	}
	if (strcmp(bare.data, want) != 0)
		fail_msg("%s: got \"%s\", want \"%s\"", service, bare.data,
			want);
	strbuf_deinit(&got);
	strbuf_deinit(&bare);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void
test_collects(void **state)
{
	struct fixture *fixture = *state;
	int imap;
	int smtp;

	make_fifo(fixture, "imap");
	make_fifo(fixture, "smtp");
	make_fifo(fixture, "Not.A.Service");
	start(fixture);
	imap = open_writer(fixture, "imap");
	smtp = open_writer(fixture, "smtp");
	say(imap, "one\nha");
	say(smtp, "two\n");
	turn(fixture);
	say(imap, "lf\n");
	turn(fixture);
	expect_lines(fixture, "imap", "one|half|");
	expect_lines(fixture, "smtp", "two|");
	close(imap);
	close(smtp);
}

static void
test_finds_new_services(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	start(fixture);
	make_fifo(fixture, "late");
	turn(fixture);
	fd = open_writer(fixture, "late");
	say(fd, "here\n");
	turn(fixture);
	expect_lines(fixture, "late", "here|");
	close(fd);
}

static void
test_fifo_made_anew(void **state)
{
	struct fixture *fixture = *state;
	char path[128];
	int fd;

	make_fifo(fixture, "imap");
	start(fixture);
	fd = open_writer(fixture, "imap");
	say(fd, "old\n");
	snprintf(path, sizeof(path), "%s/imap", fixture->fifos);
	assert_int_equal(unlink(path), 0);
	make_fifo(fixture, "imap");
	turn(fixture);
	close(fd);
	fd = open_writer(fixture, "imap");
	say(fd, "new\n");
	turn(fixture);
	expect_lines(fixture, "imap", "old|new|");
	close(fd);
}

/* What is written while the logger is away waits in the FIFO. */
static void
test_restart_loses_nothing(void **state)
{
	struct fixture *fixture = *state;
	int fd;

	make_fifo(fixture, "imap");
	start(fixture);
	fd = open_writer(fixture, "imap");
	say(fd, "before\n");
	collector_free(&fixture->collector);
	say(fd, "between\n");
	start(fixture);
	say(fd, "after\n");
	turn(fixture);
	expect_lines(fixture, "imap", "before|between|after|");
	close(fd);
}

static void
test_own_line(void **state)
{
	struct fixture *fixture = *state;

	start(fixture);
	collector_own_line("info: hello\n", fixture->collector);
	expect_lines(fixture, "log", "info: hello|");
}

static void
test_status(void **state)
{
	struct fixture *fixture = *state;
	struct json_writer writer;
	struct strbuf out;
	struct err err;
	int fd;

	make_fifo(fixture, "imap");
	start(fixture);
	fd = open_writer(fixture, "imap");
	say(fd, "one\ntwo\n");
	turn(fixture);
	close(fd);
	strbuf_init(&out, 4096);
	json_writer_init(&writer, &out);
	json_object_open(&writer, NULL);
	collector_status(fixture->collector, &writer);
	json_object_close(&writer);
	assert_string_equal(out.data,
		"{\"services\":[{\"name\":\"log\",\"lines\":0,\"bytes\":0,"
		"\"dropped\":0},{\"name\":\"imap\",\"lines\":2,\"bytes\":68,"
		"\"dropped\":0}]}");
	strbuf_deinit(&out);
	assert_int_equal(
		collector_rotate(fixture->collector, "pop3", &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(collector_rotate(fixture->collector, "imap", &err), 0);
	expect_lines(fixture, "imap", "");
}

static int64_t
lines_of(const struct fixture *fixture, const char *service)
{
	struct json_writer writer;
	struct strbuf out;
	char want[64];
	char *found;
	int64_t lines = -1;

	strbuf_init(&out, 4096);
	json_writer_init(&writer, &out);
	json_object_open(&writer, NULL);
	collector_status(fixture->collector, &writer);
	json_object_close(&writer);
	snprintf(want, sizeof(want), "\"%s\",\"lines\":", service);
	found = strstr(out.data, want);
	if (found)
		lines = strtoll(found + strlen(want), NULL, 10);
	strbuf_deinit(&out);
	return lines;
}

/* Each byte becomes a line, and each line gets a stamp. */
static void
test_nothing_but_newlines(void **state)
{
	struct fixture *fixture = *state;
	static char newlines[60000];
	int fd;

	memset(newlines, '\n', sizeof(newlines));
	make_fifo(fixture, "imap");
	start(fixture);
	fd = open_writer(fixture, "imap");
	assert_int_equal(
		write(fd, newlines, sizeof(newlines)), sizeof(newlines));
	for (int i = 0; i < 10; i++)
		turn(fixture);
	assert_int_equal(lines_of(fixture, "imap"), sizeof(newlines));
	close(fd);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(test_collects, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_finds_new_services, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_fifo_made_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_restart_loses_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_line, setup, teardown),
		cmocka_unit_test_setup_teardown(test_status, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_nothing_but_newlines, setup, teardown),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
