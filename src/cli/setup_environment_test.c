/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Environments, and the options that they stand for. */
#include "cli/setup_environment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/strbuf.h"

static const struct {
	const char *environment[6];
	const char *want; /* "name=value" of each; or the error's field */
	bool refused;
} CASES[] = {
	{ { NULL }, "" },
	{ { "PATH=/bin", "HOME=/", NULL }, "" },
	{ { "MAILHERD_DOMAIN=example.org", "MAILHERD_HOSTNAME=mail.example.org",
		  "PATH=/bin", NULL },
		"hostname=mail.example.org domain=example.org " },
	{ { "MAILHERD_PROFILE=", "MAILHERD_TZ=Etc/UTC", NULL }, "tz=Etc/UTC " },
	{ { "MAILHERD_FORWARDERS=192.0.2.53, 192.0.2.54,", NULL },
		"forwarder=192.0.2.53 forwarder=192.0.2.54 " },
	{ { "MAILHERD_LISTEN= http=*:8080  pop3=off", NULL },
		"listen=http=*:8080 listen=pop3=off " },
	{ { "MAILHERD_FORWARDERS= ,", NULL }, "" },
	{ { "MAILHERD_ROOT=/data", NULL }, "" },
	{ { "MAILHERD_HOST=mail.example.org", NULL }, "environment", true },
	{ { "MAILHERD_=x", NULL }, "environment", true },
	{ { "MAILHERD_HOSTNAME", NULL }, "" },
};

static void
test_environments(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct arena *arena = arena_new();
		struct command_given *given;
		struct err err = { 0 };
		struct strbuf got;
		size_t count = 0;
		int result = setup_environment_read(
			CASES[i].environment, arena, &given, &count, &err);

		strbuf_init(&got, 1024);
		for (size_t j = 0; result == 0 && j < count; j++)
			strbuf_printf(
				&got, "%s=%s ", given[j].name, given[j].value);
		if (result != (CASES[i].refused ? -1 : 0) ||
			strcmp(CASES[i].refused ? err.field : got.data,
				CASES[i].want) != 0)
			fail_msg("case %zu: %d \"%s\" \"%s\", want \"%s\"", i,
				result, got.data, err.text, CASES[i].want);
		strbuf_deinit(&got);
		arena_free(&arena);
	}
}

static void
test_too_many(void **state)
{
	static char text[2000] = "MAILHERD_FORWARDERS=";
	const char *environment[] = { text, NULL };
	struct arena *arena = arena_new();
	struct command_given *given;
	struct err err = { 0 };
	size_t count;

	(void)state;
	for (size_t at = strlen(text); at + 2 < sizeof(text); at += 2)
		memcpy(text + at, "1,", 2);
	assert_int_equal(setup_environment_read(
				 environment, arena, &given, &count, &err),
		-1);
	assert_int_equal(err.code, ERR_TOO_BIG);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environments),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
