/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The time in front of each log line: ISO 8601 with milliseconds and the
 * offset that the instance's time zone has at that moment, so that a line
 * is unambiguous across a change of daylight saving. The moment is when
 * the line was read; stamps that a service writes itself are just text.
 */
#ifndef LOG_STAMP_H
#define LOG_STAMP_H

#include <stdint.h>

#include "base/err.h"

#define STAMP_SIZE 40 /* with NUL */

/*
 * Sets the zone of the whole process ("America/St_Johns"); reads its file
 * from /usr/share/zoneinfo now, not later. ERR_INVALID: no such zone, UTC
 * is in force then.
 */
MUST_CHECK int stamp_zone_set(const char *zone, struct err *err);
/* "2026-11-23T09:31:12.345-03:30" */
void stamp_format(int64_t wall_ms, char out[STAMP_SIZE]);
/* For file names, in UTC, sorting by time: "2026-11-23T13-01-12.345Z" */
void stamp_file_name(int64_t wall_ms, char out[STAMP_SIZE]);

#endif
