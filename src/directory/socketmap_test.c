/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protocol: frames, pipelining, limits, temporary failures. */
#include "directory/socketmap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/test_core.h"

struct fixture {
	struct test_core core;
	struct directory directory;
	struct strbuf scratch;
	struct strbuf output;
};

static void
ignore_line(const char *line, void *context)
{
	(void)line;
	(void)context;
}

static int
setup(void **state)
{
	static struct fixture fixture;

	memset(&fixture, 0, sizeof(fixture));
	log_set_sink(ignore_line, NULL);
	test_core_init(&fixture.core);
	fixture.directory.core = fixture.core.core;
	fixture.directory.lookup = lookup_new();
	lookup_set_database(fixture.directory.lookup, fixture.core.core);
	strbuf_init(&fixture.scratch, SOCKETMAP_REPLY_MAX);
	strbuf_init(&fixture.output, 1024 * 1024);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	lookup_free(&fixture->directory.lookup);
	strbuf_deinit(&fixture->scratch);
	strbuf_deinit(&fixture->output);
	test_core_deinit(&fixture->core);
	log_set_sink(NULL, NULL);
	return 0;
}

static ptrdiff_t
feed(struct fixture *fixture, struct span input)
{
	return socketmap_input(&fixture->directory, input, &fixture->scratch,
		&fixture->output);
}

struct row {
	const char *name;
	const char *input;
	ptrdiff_t used; /* -2: all of it */
	const char *output;
};

/* clang-format off */
static const struct row rows[] = {
	{ "found", "24:aliases anna@example.org,", -2, "19:OK anna@example.org," },
	{ "not found has its blank", "26:mailboxes none@example.org,", -2, "9:NOTFOUND ," },
	{ "one of two", "19:domains example.org,19:domains", 23, "14:OK example.org," },
	{ "loop", "26:aliases loop-a@example.org,", -2, "37:TEMP alias loop at loop-a@example.org," },
	{ "unknown map", "3:a b,", -2, "15:TEMP no map \"a\"," },
	{ "no key", "7:aliases,", -2, "26:TEMP request without a key," },
	{ "empty key", "8:aliases ,", -2, "9:NOTFOUND ," },
	{ "key with blanks", "17:aliases a b@c.d.e,", -2, "9:NOTFOUND ," },
	{ "empty payload", "0:,", -2, "26:TEMP request without a key," },
	{ "nothing", "", 0, "" },
	{ "half a length", "2", 0, "" },
	{ "half a payload", "24:aliases anna", 0, "" },
	{ "no comma yet", "24:aliases anna@example.org", 0, "" },
	{ "wrong end", "24:aliases anna@example.org;", -1, "" },
	{ "no length", ":aliases x,", -1, "" },
	{ "not a length", "x", -1, "" },
	{ "negative length", "-1:a", -1, "" },
	{ "length too long", "9999999", -1, "" },
	{ "payload too long", "4097:", -1, "" },
	{ "an HTTP request", "GET / HTTP/1.0\r\n\r\n", -1, "" },
};

/* clang-format on */

static void
test_frames(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		ptrdiff_t want = rows[i].used == -2
					 ? (ptrdiff_t)strlen(rows[i].input)
					 : rows[i].used;
		ptrdiff_t used;

		strbuf_reset(&fixture->output);
		used = feed(fixture, span_from(rows[i].input));
		if (used != want ||
			strcmp(fixture->output.data, rows[i].output) != 0)
			fail_msg("%s: got %td \"%s\", want %td \"%s\"",
				rows[i].name, used, fixture->output.data, want,
				rows[i].output);
	}
}

/* A request in any two pieces is answered once, after the second. */
static void
test_every_cut(void **state)
{
	static const char request[] = "24:aliases anna@example.org,";
	struct fixture *fixture = *state;

	for (size_t cut = 0; cut < sizeof(request) - 1; cut++)
		assert_int_equal(
			feed(fixture, (struct span){ request, cut }), 0);
	assert_int_equal(fixture->output.length, 0);
	assert_int_equal(
		feed(fixture, span_from(request)), sizeof(request) - 1);
}

static void
test_longest_request(void **state)
{
	struct fixture *fixture = *state;
	char request[SOCKETMAP_REQUEST_MAX + 16];
	int head = snprintf(
		request, sizeof(request), "%d:aliases ", SOCKETMAP_REQUEST_MAX);
	size_t length = (size_t)head + SOCKETMAP_REQUEST_MAX - 8 + 1;

	memset(request + head, 'a', sizeof(request) - (size_t)head);
	request[length - 1] = ',';
	assert_true(length <= socketmap_protocol.input_max);
	assert_int_equal(
		feed(fixture, (struct span){ request, length }), length);
	assert_string_equal(fixture->output.data, "9:NOTFOUND ,");
}

/* 1,000 targets of the greatest length do not fit into a reply. */
static void
test_reply_too_long(void **state)
{
	struct fixture *fixture = *state;

	test_core_run(&fixture->core,
		"INSERT INTO alias (id, address, domain_id, active,"
		" sender_allowed, internal, created, modified)"
		" VALUES (100, 'list@example.org', 1, 1, 1, 0, 0, 0);"
		"WITH RECURSIVE n (i) AS (VALUES (1)"
		" UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
		" INSERT INTO alias_target SELECT 100, i,"
		" printf('%0200d@elsewhere.example', i) FROM n;");
	assert_true(
		feed(fixture, span_from("24:aliases list@example.org,")) > 0);
	assert_non_null(strstr(fixture->output.data, ":TEMP answer exceeds"));
	assert_true(fixture->output.length < 200);
	assert_int_equal(
		fixture->directory.counters[DIRECTORY_SOCKETMAP_TEMP], 1);
}

static void
test_database_away(void **state)
{
	struct fixture *fixture = *state;

	lookup_set_database(fixture->directory.lookup, NULL);
	assert_true(
		feed(fixture, span_from("24:aliases anna@example.org,")) > 0);
	assert_string_equal(
		fixture->output.data, "34:TEMP the database is not available,");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_frames),
		CASE(test_every_cut),
		CASE(test_longest_request),
		CASE(test_reply_too_long),
		CASE(test_database_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
