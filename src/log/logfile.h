/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One service's log: <directory>/current, and older files named after the
 * time of their rotation. When the disk refuses a write, lines are dropped
 * and counted, never waited for; the first write that works again is
 * preceded by a line that says how many are missing. A file never ends in
 * half a line. A file that an administrator removed is made anew.
 */
#ifndef LOG_LOGFILE_H
#define LOG_LOGFILE_H

#include <stdint.h>

#include "base/err.h"
#include "base/span.h"

struct logfile;

struct logfile_limits {
	int64_t size_max; /* of one file, in bytes */
	int files_max; /* in all, "current" among them */
};

struct logfile_counts {
	uint64_t lines; /* written since the start of the program */
	uint64_t bytes;
	uint64_t dropped;
};

enum logfile_answer {
	LOGFILE_WRITTEN,
	LOGFILE_DROPPED
};

/* Makes the directory (mode 2750) and opens the file at the first write. */
struct logfile *logfile_new(
	const char *directory, const struct logfile_limits *limits);
void logfile_free(struct logfile **file);
/* lines ends with a newline. err says why, when something was dropped. */
enum logfile_answer logfile_write(struct logfile *file, struct span lines,
	int64_t wall_ms, struct err *err);
/* Also when the file is not full; an empty file stays as it is. */
MUST_CHECK int logfile_rotate(
	struct logfile *file, int64_t wall_ms, struct err *err);
const struct logfile_counts *logfile_counts(const struct logfile *file);

#endif
