/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Both changes of daylight saving, and what is no stamp. */
#include "cli/log_stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
	const char *line;
	int64_t at_ms; /* -1: it has no stamp */
} CASES[] = {
	{ "1970-01-01T00:00:00.000+00:00 x", 0 },
	{ "2026-11-23T13:11:12.345+00:00 x", 1795439472345 },
	{ "2026-11-23T09:41:12.345-03:30", 1795439472345 },
	{ "2026-11-23T18:56:12.001+05:45 x", 1795439472001 },
	/* Spring: an hour is left out. */
	{ "2026-03-08T01:59:59.999-03:30 x", 1772947799999 },
	{ "2026-03-08T03:00:00.000-02:30 x", 1772947800000 },
	/* Autumn: an hour comes twice. */
	{ "2026-10-25T02:59:59.000+02:00 x", 1792889999000 },
	{ "2026-10-25T02:00:00.000+01:00 x", 1792890000000 },
	{ "2026-10-25T02:00:00.000 01:00 x", -1 },
	{ "2026-10-25T02:00:00.000+01:0", -1 },
	{ "no stamp", -1 },
	{ "", -1 },
};

static void
test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		int64_t at_ms = -1;
		bool found = log_stamp_parse(span_from(CASES[i].line), &at_ms);

		if (at_ms != CASES[i].at_ms || found != (at_ms != -1))
			fail_msg("\"%s\": got %lld", CASES[i].line,
				(long long)at_ms);
	}
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_cases),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
