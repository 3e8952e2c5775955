/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Golden log lines: programs parse them, so they are an interface. */
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
keep_line(const char *line, void *context)
{
	char *kept = context;
	strncpy(kept, line, PIPE_BUF);
}

struct value_case {
	const char *value;
	const char *want;
};

static const struct value_case CASES[] = {
	{ "plain", "info: seen v=plain" },
	{ "u@example.org", "info: seen v=u@example.org" },
	{ "2001:db8::1", "info: seen v=2001:db8::1" },
	{ "", "info: seen v=\"\"" },
	{ NULL, "info: seen v=\"\"" },
	{ "two words", "info: seen v=\"two words\"" },
	{ "a=b", "info: seen v=\"a=b\"" },
	{ "say \"x\"", "info: seen v=\"say \\\"x\\\"\"" },
	{ "back\\slash", "info: seen v=\"back\\\\slash\"" },
	{ "x\nerror: forged", "info: seen v=\"x\\nerror: forged\"" },
	{ "\r\t\x01\x7f", "info: seen v=\"\\r\\t\\x01\\x7f\"" },
	{ "\xc3\xa4", "info: seen v=\"\xc3\xa4\"" },
	{ "\xc2\x85", "info: seen v=\"\\xc2\\x85\"" },
	{ "\xff\xc3", "info: seen v=\"\\xff\\xc3\"" },
};

static void
values_are_quoted_and_escaped(void **state)
{
	(void)state;
	char line[PIPE_BUF + 1] = "";
	log_set_sink(keep_line, line);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		log_info("seen", LOG_TEXT("v", CASES[i].value));
		assert_string_equal(line, CASES[i].want);
	}
	log_set_sink(NULL, NULL);
}

static void
a_sentence_may_stand_alone(void **state)
{
	(void)state;
	struct err err = { .text = "no disk" };
	char line[PIPE_BUF + 1] = "";
	log_set_sink(keep_line, line);
	log_info("started");
	assert_string_equal(line, "info: started");
	log_warn("two fields", LOG_NUMBER("n", -5), LOG_ERR(&err));
	assert_string_equal(line, "warn: two fields n=-5 cause=\"no disk\"");
	log_error("bad");
	assert_string_equal(line, "error: bad");
	log_set_sink(NULL, NULL);
}

static void
levels_below_the_threshold_are_silent(void **state)
{
	(void)state;
	char line[PIPE_BUF + 1] = "";
	log_set_sink(keep_line, line);
	log_debug("hidden");
	assert_string_equal(line, "");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("shown");
	assert_string_equal(line, "debug: shown");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("hidden");
	assert_string_equal(line, "debug: shown");
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL, NULL);
}

/* Standard error is a pipe for the time of one line. */
static size_t
line_through_pipe(const char *value, char *line, size_t size)
{
	int ends[2];
	assert_int_equal(pipe(ends), 0);
	int saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	log_info("long", LOG_TEXT("v", value));
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	ssize_t got = read(ends[0], line, size);
	close(ends[0]);
	return got > 0 ? (size_t)got : 0;
}

static void
a_long_line_is_one_write(void **state)
{
	(void)state;
	char value[9000], line[9000];
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = '\0';
	size_t length = line_through_pipe(value, line, sizeof(line));
	assert_in_range(length, 1, PIPE_BUF);
	assert_memory_equal(line + length - 4, "...\n", 4);
	length = line_through_pipe("short", line, sizeof(line));
	assert_memory_equal(line, "info: long v=short\n", length);
}

/* Nobody reads: what does not fit is dropped, and said when there is room. */
static void
a_full_fifo_blocks_nobody(void **state)
{
	char text[4096], last[256];
	int fifo[2], before = dup(STDERR_FILENO);
	ssize_t length = 0, part;

	(void)state;
	assert_int_equal(pipe(fifo), 0);
	memset(text, 'x', 2000);
	text[2000] = '\0';
	assert_int_equal(dup2(fifo[1], STDERR_FILENO), STDERR_FILENO);
	close(fifo[1]);
	log_never_block();
	for (int i = 0; i < 100; i++)
		log_info("long", LOG_TEXT("v", text));
	assert_int_equal(fcntl(fifo[0], F_SETFL, O_NONBLOCK), 0);
	while ((part = read(fifo[0], text, sizeof(text))) > 0)
		length += part;
	assert_true(length > 60000);
	log_info("room again");
	part = read(fifo[0], last, sizeof(last) - 1);
	dup2(before, STDERR_FILENO);
	close(before);
	close(fifo[0]);
	assert_true(part > 0);
	last[part] = '\0';
	assert_non_null(strstr(last, "warn: log lines were dropped count="));
	assert_non_null(strstr(last, "\ninfo: room again\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_quoted_and_escaped),
		cmocka_unit_test(a_sentence_may_stand_alone),
		cmocka_unit_test(levels_below_the_threshold_are_silent),
		cmocka_unit_test(a_long_line_is_one_write),
		cmocka_unit_test(a_full_fifo_blocks_nobody),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
