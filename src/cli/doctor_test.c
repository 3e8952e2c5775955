/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the doctor begins to warn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/doctor.h"
#include "cli/listener.h"

#define DAY INT64_C(86400)

static void
test_expiry(void **state UNUSED)
{
	assert_int_equal(doctor_judge_expiry(-1), DOCTOR_BAD);
	assert_int_equal(doctor_judge_expiry(0), DOCTOR_BAD);
	assert_int_equal(doctor_judge_expiry(1), DOCTOR_WARNING);
	assert_int_equal(doctor_judge_expiry(14 * DAY - 1), DOCTOR_WARNING);
	assert_int_equal(doctor_judge_expiry(14 * DAY), DOCTOR_GOOD);
}

static void
test_garbage(void **state UNUSED)
{
	static const struct {
		const char *name;
		int64_t count, overdue;
	} cases[] = {
		{ "990000_ab000000000000000000000000000001", 1, 1 },
		{ "1000000_ab000000000000000000000000000001", 1, 1 },
		{ "1000001_ab000000000000000000000000000001", 1, 0 },
		{ "ab000000000000000000000000000001", 0, 0 },
		{ "1000_stranger", 0, 0 },
	};

	/* Its days and three hours. */
	assert_int_equal(
		doctor_garbage_overdue_before(1000000 + 2 * DAY + 10800, 2),
		1000000);
	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct doctor_earlier earlier = { 0 };

		doctor_garbage_count(cases[i].name, 1000000, &earlier);
		assert_int_equal(earlier.count, cases[i].count);
		assert_int_equal(earlier.overdue, cases[i].overdue);
	}
}

static void
test_covers(void **state UNUSED)
{
	static const struct {
		struct listener listener;
		const char *address;
		bool want;
	} cases[] = {
		{ { .is_v4 = true, .any = true }, "192.0.2.1", true },
		{ { .is_v4 = true, .any = true }, "2001:db8::1", false },
		{ { .any = true }, "2001:db8::1", true },
		{ { .any = true }, "192.0.2.1", false },
		{ { .address = { [10] = 0xff, 0xff, 192, 0, 2, 1 },
			  .is_v4 = true },
			"192.0.2.1", true },
		{ { .address = { [10] = 0xff, 0xff, 192, 0, 2, 1 },
			  .is_v4 = true },
			"192.0.2.2", false },
		{ { .address = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
			"2001:db8::1", true },
		{ { .any = true }, "no address", false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++)
		if (listener_covers(&cases[i].listener, cases[i].address) !=
			cases[i].want)
			fail_msg("case %zu: %s", i, cases[i].address);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
