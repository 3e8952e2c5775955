/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of stamp.c: offsets, and both changes of daylight saving (T-S5). */
#include "log/stamp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name;
	const char *zone;
	int64_t wall_ms;
	const char *want;
} CASES[] = {
	{ "utc", "Etc/UTC", 1795439472345, "2026-11-23T13:11:12.345+00:00" },
	{ "half hours west", "America/St_Johns", 1795439472345,
		"2026-11-23T09:41:12.345-03:30" },
	{ "quarter hours east", "Asia/Kathmandu", 1795439472001,
		"2026-11-23T18:56:12.001+05:45" },
	{ "before spring", "America/St_Johns", 1772947799999,
		"2026-03-08T01:59:59.999-03:30" },
	{ "after spring", "America/St_Johns", 1772947800000,
		"2026-03-08T03:00:00.000-02:30" },
	{ "before autumn", "Europe/Berlin", 1792889999000,
		"2026-10-25T02:59:59.000+02:00" },
	{ "after autumn", "Europe/Berlin", 1792890000000,
		"2026-10-25T02:00:00.000+01:00" },
};

static void
test_zones(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		char got[STAMP_SIZE];
		struct err err;

		assert_int_equal(stamp_zone_set(CASES[i].zone, &err), 0);
		stamp_format(CASES[i].wall_ms, got);
		if (strcmp(got, CASES[i].want) != 0)
			fail_msg("%s: got %s, want %s", CASES[i].name, got,
				CASES[i].want);
	}
}

static void
test_unknown_zones(void **state)
{
	static const char *const ZONES[] = { "", "Moon/Base", "/etc/passwd",
		"../../../etc/passwd" };

	(void)state;
	for (size_t i = 0; i < sizeof(ZONES) / sizeof(ZONES[0]); i++) {
		char got[STAMP_SIZE];
		struct err err;

		assert_int_equal(stamp_zone_set(ZONES[i], &err), -1);
		assert_int_equal(err.code, ERR_INVALID);
		stamp_format(0, got);
		assert_string_equal(got, "1970-01-01T00:00:00.000+00:00");
	}
}

static void
test_file_name_is_utc(void **state)
{
	char got[STAMP_SIZE];
	struct err err;

	(void)state;
	assert_int_equal(stamp_zone_set("Europe/Berlin", &err), 0);
	stamp_file_name(1795439472345, got);
	assert_string_equal(got, "2026-11-23T13-11-12.345Z");
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_unknown_zones),
		cmocka_unit_test(test_file_name_is_utc),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
