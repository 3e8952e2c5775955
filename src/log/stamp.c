/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The C library knows one zone per process: TZ and tzset(3). localtime_r
 * does not look at the file again once tzset has read it, so the zone
 * keeps working behind a jail that hides /usr/share/zoneinfo.
 */
#include "log/stamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"

#define ZONE_MAX 64

MUST_CHECK int
stamp_zone_set(const char *zone, struct err *err)
{
	char path[sizeof("/usr/share/zoneinfo/") + ZONE_MAX];
	int found = -1;

	if (zone[0] != '\0' && zone[0] != '/' && !strstr(zone, "..") &&
		strlen(zone) < ZONE_MAX) {
		snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", zone);
		found = fs_exists(path) ? 0 : -1;
	}
	setenv("TZ", found == 0 ? zone : "UTC0", 1);
	tzset();
	if (found < 0)
		return err_field(err, ERR_INVALID, "timezone",
			"time zone \"%s\" is not known here", zone);
	return 0;
}

void
stamp_format(int64_t wall_ms, char out[STAMP_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char date[sizeof("2026-11-23T13:01:12")] = "";
	int minutes;
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	localtime_r(&seconds, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	minutes = (int)(tm.tm_gmtoff / 60);
	snprintf(out, STAMP_SIZE, "%s.%03u%c%02u:%02u", date,
		(unsigned)(wall_ms % 1000) % 1000, minutes < 0 ? '-' : '+',
		(unsigned)abs(minutes) / 60 % 100, (unsigned)abs(minutes) % 60);
}

void
stamp_file_name(int64_t wall_ms, char out[STAMP_SIZE])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char date[sizeof("2026-11-23T13-01-12")] = "";
	struct tm tm;

	memset(&tm, 0, sizeof(tm));
	gmtime_r(&seconds, &tm);
	(void)strftime(date, sizeof(date), "%Y-%m-%dT%H-%M-%S", &tm);
	snprintf(out, STAMP_SIZE, "%s.%03uZ", date,
		(unsigned)(wall_ms % 1000) % 1000);
}
