/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time: monotonic for durations and deadlines, wall clock for records. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
int64_t clock_wall_seconds(void); /* Unix time */
int64_t clock_wall_ms(void);

#endif
