/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "2026-10-25T02:59:59.999+02:00 ...": every part has its place. */
#include "cli/log_stamp.h"

#include <string.h>
#include <time.h>

#define SHAPE "0000-00-00T00:00:00.000+00:00"

static bool
has_shape(struct span line)
{
	static const char shape[] = SHAPE;

	if (line.length < sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i] != '\0'; i++) {
		char byte = line.data[i];

		if (shape[i] == '0'       ? byte < '0' || byte > '9'
			: shape[i] == '+' ? byte != '+' && byte != '-'
					  : byte != shape[i])
			return false;
	}
	return true;
}

static int
number(struct span line, size_t at, size_t digits)
{
	int value = 0;

	for (size_t i = at; i < at + digits; i++)
		value = value * 10 + (line.data[i] - '0');
	return value;
}

bool
log_stamp_parse(struct span line, int64_t *at_ms_out)
{
	struct tm tm = { 0 };
	int offset_minutes;
	time_t local;

	if (!has_shape(line))
		return false;
	tm.tm_year = number(line, 0, 4) - 1900;
	tm.tm_mon = number(line, 5, 2) - 1;
	tm.tm_mday = number(line, 8, 2);
	tm.tm_hour = number(line, 11, 2);
	tm.tm_min = number(line, 14, 2);
	tm.tm_sec = number(line, 17, 2);
	offset_minutes = number(line, 24, 2) * 60 + number(line, 27, 2);
	if (line.data[23] == '-')
		offset_minutes = -offset_minutes;
	local = timegm(&tm);
	*at_ms_out = ((int64_t)local - offset_minutes * 60) * 1000 +
		     number(line, 20, 3);
	return true;
}
