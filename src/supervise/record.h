/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mailherd-run and mailherd-finish write down in a service directory,
 * for each other and for the agent, which has no memory of its own: which
 * process was started last, and how the runs before it ended. The files
 * live as long as the run tree and are never synced to disk.
 */
#ifndef SUPERVISE_RECORD_H
#define SUPERVISE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "supervise/process.h"

#define RECORD_STARTED "started" /* file names in the service directory */
#define RECORD_ENDED "ended"
#define RECORD_LOADED "loaded"
#define RECORD_REFUSED "refused"
#define RECORD_REFUSAL_MAX 1024 /* with NUL */

struct record_started {
	/* Also the leader of its session. Pid 0: it and all that it left are
	 * gone, or it was in another life of the machine (or container). */
	struct process process;
	int64_t at_ms; /* wall clock */
	int64_t count; /* starts, this one included */
	int generation; /* of the rendered tree then; 0: not known */
};

struct record_ended {
	int64_t at_ms; /* wall clock; 0: it never ended */
	int exit_code;
	int exit_signal;
	int64_t count; /* failures that nobody asked for */
	int64_t row; /* ends in a row without a long run between them */
	pid_t finish_pid; /* who wrote it: from then on SIGTERM hurries it */
};

/* Written by the agent after a reload. */
struct record_loaded {
	struct process process; /* that was told */
	int generation; /* of the rendered tree that it reads since */
};

/*
 * What this end adds to the record: at_ms, exit code and signal are set.
 * A run of 15 s starts the row anew, as does an end that was asked for; every
 * other end, also one with status 0, makes the row longer. One that renews
 * itself does not, when it ran for a second or more, and is no failure.
 */
enum record_end {
	RECORD_ENDED_BY_ITSELF,
	RECORD_ENDED_ASKED,
	RECORD_ENDED_RENEWS
};

void record_count_end(struct record_ended *ended,
	const struct record_started *started, enum record_end how);
/* How long s6 is to wait after this end: 0, 0, 1, 2, 4 ... 60 s. */
int record_delay_s(const struct record_ended *ended);
/* Files that are missing or damaged read as zeroes. */
void record_read_started(const char *service, struct record_started *out);
void record_read_loaded(const char *service, struct record_loaded *out);
void record_read_ended(const char *service, struct record_ended *out);
MUST_CHECK int record_write_started(const char *service,
	const struct record_started *record, struct err *err);
/* The generation that the service's process reads; 0: not known. */
int record_generation(const char *service);
MUST_CHECK int record_write_loaded(const char *service,
	const struct record_loaded *record, struct err *err);
MUST_CHECK int record_write_ended(const char *service,
	const struct record_ended *record, struct err *err);
/*
 * Why the service's gate does not let it start, one line; "" when it does.
 * Written by mailherd-run at each start.
 */
void record_read_refusal(
	const char *service, char text_out[RECORD_REFUSAL_MAX]);
MUST_CHECK int record_write_refusal(
	const char *service, const char *text, struct err *err);
/* A new file in place of the old one, not synced: for the run tree only. */
MUST_CHECK int record_replace(
	const char *path, const char *text, mode_t mode, struct err *err);

#endif
