/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clock_gettime(2) with the units that the callers want. */
#include "base/clock.h"

#include <time.h>

#include "base/compiler.h"

static int64_t
now_us(clockid_t clock)
{
	struct timespec now;
	BUG_ON(clock_gettime(clock, &now) != 0);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_monotonic_ms(void)
{
	return now_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
clock_monotonic_us(void)
{
	return now_us(CLOCK_MONOTONIC);
}

int64_t
clock_wall_seconds(void)
{
	return now_us(CLOCK_REALTIME) / 1000000;
}

int64_t
clock_wall_ms(void)
{
	return now_us(CLOCK_REALTIME) / 1000;
}
