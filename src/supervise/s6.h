/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What s6 says about a service and how it is told what to do: the status
 * file and the control FIFO of s6-supervise, the control FIFO of
 * s6-svscan. They are read and written here, without starting s6-svstat or
 * s6-svc, because the sequencer does it a hundred times in a start. A test
 * compares with s6-svstat, so that another format of another release of s6
 * is found there. Paths are service directories or scan directories.
 */
#ifndef SUPERVISE_S6_H
#define SUPERVISE_S6_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct s6_status {
	bool supervised; /* an s6-supervise is there; else the rest is zero */
	pid_t pid; /* of the run or finish program; 0: down */
	bool finishing; /* pid is that of the finish program */
	bool wanted_up;
	bool ready; /* the program said so on its descriptor */
	int exit_code; /* of the last run, when it is over */
	int exit_signal; /* 0: it exited by itself */
};

/* True while the service itself runs (not its finish program). */
bool s6_status_running(const struct s6_status *status);
/* Always fills *out: what can not be read is a service not supervised. */
void s6_status_read(const char *service, struct s6_status *out);
/* The s6-supervise that holds the service's lock, or 0. */
pid_t s6_supervisor_pid(const char *service);
/*
 * Commands as s6-svc(8) has them, a letter each: "u" up, "d" down, "x"
 * exit when down. False when nobody supervises the service.
 */
bool s6_command(const char *service, const char *letters);
/*
 * Ends the wait of mailherd-finish before the next start, when it waits.
 * Its other work is not cut short.
 */
void s6_hurry_finish(const char *service);
/* The same as s6_command() for s6-svscan: "a" look for new services, "t" end everything. */
bool s6_scan_command(const char *scan, const char *letters);
bool s6_scan_running(const char *scan);

#endif
