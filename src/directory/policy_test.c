/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests as Postfix sends them, and what is said about the room. */
#include "directory/policy.h"

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
#include "directory/usage.h"

#define DUNNO "action=DUNNO\n\n"
#define FULL "action=452 4.2.2 Mailbox full\n\n"
#define NEVER                                                                  \
	"action=552 5.2.2 Message is larger than the mailbox may ever hold\n\n"
#define TEMPORARY "action=451 4.3.0 Temporary lookup failure\n\n"

struct fixture {
	struct test_core core;
	struct directory directory;
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
	fixture.directory.usage = fixture.core.usage;
	fixture.directory.loop = event_base_new();
	fixture.directory.usage_writer =
		usage_new(fixture.directory.loop, &fixture.directory.usage);
	fixture.directory.lookup = lookup_new();
	lookup_set_database(fixture.directory.lookup, fixture.core.core);
	strbuf_init(&fixture.output, 65536);
	*state = &fixture;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *fixture = *state;

	lookup_free(&fixture->directory.lookup);
	usage_free(&fixture->directory.usage_writer);
	event_base_free(fixture->directory.loop);
	strbuf_deinit(&fixture->output);
	test_core_deinit(&fixture->core);
	log_set_sink(NULL, NULL);
	return 0;
}

static const char *
judge(struct fixture *fixture, const char *recipient, const char *size,
	const char *protocol_state)
{
	char request[512];
	int length = snprintf(request, sizeof(request),
		"request=smtpd_access_policy\nprotocol_state=%s\n"
		"protocol_name=ESMTP\nhelo_name=a=b\nsender=\nrecipient=%s\n"
		"size=%s\nccert_subject=\n\n",
		protocol_state, recipient, size);

	strbuf_reset(&fixture->output);
	assert_int_equal(policy_input(&fixture->directory, span_from(request),
				 &fixture->output),
		length);
	lookup_end(fixture->directory.lookup);
	return fixture->output.data;
}

struct row {
	const char *name;
	const char *recipient;
	int used; /* bytes in anna's and nologin's mailboxes */
	const char *size;
	const char *action;
};

/* clang-format off */
/* anna may hold 1,000,000 bytes, nologin 1,000, bert what he likes. */
static const struct row rows[] = {
	{ "empty", "anna@example.org", 0, "5000", DUNNO },
	{ "just fits", "anna@example.org", 995000, "5000", DUNNO },
	{ "one byte too many", "anna@example.org", 995001, "5000", FULL },
	{ "full, no size", "anna@example.org", 1000000, "0", FULL },
	{ "over", "anna@example.org", 2000000, "", FULL },
	{ "nearly full, no size", "anna@example.org", 999999, "0", DUNNO },
	{ "as large as the limit", "anna@example.org", 0, "1000000", DUNNO },
	{ "never fits", "anna@example.org", 0, "1000001", NEVER },
	{ "never fits, even when full", "anna@example.org", 1000000, "1000001", NEVER },
	{ "absurd size", "anna@example.org", 0, "99999999999999999999999", DUNNO },
	{ "with detail", "Anna+x@Example.org", 1000000, "", FULL },
	{ "state 2", "nologin@example.org", 1000, "", FULL },
	{ "no limit", "bert@example.org", 0, "900000000000", DUNNO },
	{ "catch-all to one", "nobody@example.org", 1000000, "", FULL },
	{ "alias domain", "anna@alias.example", 1000000, "", FULL },
	{ "alias to two", "both@example.org", 1000000, "", DUNNO },
	{ "alias to outside too", "outside@example.org", 1000000, "", DUNNO },
	{ "off", "off@example.org", 1000000, "", DUNNO },
	{ "foreign", "x@elsewhere.example", 1000000, "", DUNNO },
	{ "nobody", "", 1000000, "", DUNNO },
	{ "loop", "loop-a@example.org", 0, "", TEMPORARY },
};

/* clang-format on */

static void
set_used(struct fixture *fixture, int bytes)
{
	char sql[200];
	struct err err;

	(void)snprintf(sql, sizeof(sql),
		"REPLACE INTO quota (mailbox_id, bytes, updated)"
		" VALUES (1, %d, 0), (4, %d, 0), (2, 9999999, 0)",
		bytes, bytes);
	assert_int_equal(db_script(fixture->core.usage, sql, &err), 0);
}

static void
test_room(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		const char *action;

		set_used(fixture, rows[i].used);
		action =
			judge(fixture, rows[i].recipient, rows[i].size, "RCPT");
		if (strcmp(action, rows[i].action) != 0)
			fail_msg("%s: got %s want %s", rows[i].name, action,
				rows[i].action);
	}
}

static void
test_other_states(void **state)
{
	struct fixture *fixture = *state;

	set_used(fixture, 1000000);
	assert_string_equal(
		judge(fixture, "anna@example.org", "", "DATA"), DUNNO);
	assert_string_equal(judge(fixture, "anna@example.org", "", ""), DUNNO);
}

/* Nothing was reported yet: nothing is used. */
static void
test_no_usage_yet(void **state)
{
	assert_string_equal(
		judge(*state, "anna@example.org", "5", "RCPT"), DUNNO);
}

static void
test_databases_away(void **state)
{
	struct fixture *fixture = *state;

	fixture->directory.usage = NULL;
	assert_string_equal(
		judge(fixture, "anna@example.org", "5", "RCPT"), TEMPORARY);
	assert_string_equal(
		judge(fixture, "bert@example.org", "5", "RCPT"), DUNNO);
	lookup_set_database(fixture->directory.lookup, NULL);
	assert_string_equal(
		judge(fixture, "bert@example.org", "5", "RCPT"), TEMPORARY);
}

static void
test_usage_error(void **state)
{
	struct fixture *fixture = *state;
	struct err err;

	assert_int_equal(
		db_script(fixture->core.usage, "DROP TABLE quota", &err), 0);
	assert_string_equal(
		judge(fixture, "anna@example.org", "5", "RCPT"), TEMPORARY);
}

static void
test_frames(void **state)
{
	static const struct {
		const char *input;
		ptrdiff_t used;
	} cases[] = {
		{ "", 0 },
		{ "request=x", 0 },
		{ "request=x\nrecipient=a@b\n", 0 },
		{ "\n", 1 },
		{ "request=x\n\nrequest=y\n\n", 11 },
		{ "no equals sign\n", -1 },
		{ "=\n\n", 3 },
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		if (policy_input(&fixture->directory, span_from(cases[i].input),
			    &fixture->output) != cases[i].used)
			fail_msg("\"%s\"", cases[i].input);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(test_room),
		CASE(test_other_states),
		CASE(test_no_usage_yet),
		CASE(test_databases_away),
		CASE(test_usage_error),
		CASE(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
