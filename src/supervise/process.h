/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Processes by number and start time, which together are never used
 * twice, and the end of what a service leaves behind. s6-supervise makes
 * each service the leader of a session; whoever is still in that session
 * when the leader is gone is a leftover that may hold ports and sockets.
 * Nothing is ever found by name.
 */
#ifndef SUPERVISE_PROCESS_H
#define SUPERVISE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	uint64_t start_ticks; /* since boot, /proc/<pid>/stat field 22 */
};

/* False when there is no such process (a zombie is none either). */
bool process_identify(pid_t pid, struct process *out);
bool process_is_alive(const struct process *process);
/*
 * Ends leader (if it lives) and every member of its session: SIGTERM, and
 * SIGKILL to what is left after grace_ms. Returns how many there were.
 */
int process_end_session(const struct process *leader, int grace_ms);

/* Calls visit for each process that lives. */
typedef void process_visit_fn(pid_t pid, pid_t session, void *context);
void process_each(process_visit_fn *visit, void *context);

#endif
