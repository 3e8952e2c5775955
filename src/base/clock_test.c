/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The units agree with each other. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
units_agree(void **state)
{
	(void)state;
	int64_t us = clock_monotonic_us(), ms = clock_monotonic_ms();
	assert_in_range(ms - us / 1000, 0, 1000);
	int64_t seconds = clock_wall_seconds(), wall = clock_wall_ms();
	assert_in_range(wall / 1000 - seconds, 0, 1);
	assert_true(seconds > 1700000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
