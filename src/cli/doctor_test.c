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
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
