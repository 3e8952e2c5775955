/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the doctor begins to warn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli/doctor.h"
#include "cli/listener.h"

#define MIB (UINT64_C(1024) * 1024)
#define GIB (1024 * MIB)
#define DAY INT64_C(86400)

static void
test_space(void **state UNUSED)
{
	static const struct {
		const char *name;
		uint64_t free;
		uint64_t total;
		enum doctor_level want;
	} cases[] = {
		{ "nothing left", 0, 10 * GIB, DOCTOR_BAD },
		{ "a little left", 199 * MIB, 10 * GIB, DOCTOR_BAD },
		{ "little left", 200 * MIB, 10 * GIB, DOCTOR_WARNING },
		{ "a small part", 50 * GIB, 1000 * GIB, DOCTOR_WARNING },
		{ "enough", 2 * GIB, 10 * GIB, DOCTOR_GOOD },
		{ "no size known", 2 * GIB, 0, DOCTOR_GOOD },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		enum doctor_level got =
			doctor_judge_space(cases[i].free, cases[i].total);

		if (got != cases[i].want)
			fail_msg("%s: got %d, want %d", cases[i].name, got,
				cases[i].want);
	}
}

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
		cmocka_unit_test(test_space),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
