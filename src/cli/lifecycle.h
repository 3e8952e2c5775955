/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the lifecycle commands share; nobody else's. */
#ifndef CLI_LIFECYCLE_H
#define CLI_LIFECYCLE_H

#include <jansson.h>

#include "cli/command.h"

#define LIFECYCLE_AGENT "agent" /* its service */

int lifecycle_up(struct command_call *call);
int lifecycle_down(struct command_call *call);
int lifecycle_restart(struct command_call *call);
/* restart --changed, once the suite is known to run. */
int lifecycle_restart_changed(const struct command_call *call);
int lifecycle_status(struct command_call *call);
int lifecycle_logs(struct command_call *call);
int lifecycle_exec(struct command_call *call);

/*
 * Sends a verb to the agent (service may be NULL) and prints progress for
 * people. *reply_out may be NULL; else a new reference.
 */
MUST_CHECK int lifecycle_ask(const struct command_call *call, const char *verb,
	const char *service, int deadline_ms, json_t **reply_out,
	struct err *err);
/* Members of what the agent answered; "" and 0 when they are not there. */
const char *lifecycle_text(const json_t *object, const char *name);
json_int_t lifecycle_number(const json_t *object, const char *name);
/* Starts what is down and waits for the agent's verdict; ERR_* when failed. */
MUST_CHECK int lifecycle_start(struct command_call *call, struct err *err);
/*
 * `restart --changed`: the agent first; the agent's answer is a new
 * reference. May be asked for again after any failure.
 */
MUST_CHECK int lifecycle_roll(
	const struct command_call *call, json_t **reply_out, struct err *err);
/* Until the suite is healthy or failed. The answer is a new reference. */
MUST_CHECK int lifecycle_wait(
	const struct command_call *call, json_t **reply_out, struct err *err);
/* The same; says the result. Exit status. */
int lifecycle_wait_healthy(struct command_call *call);
/*
 * Before and after the preparation of a container's first start or any
 * later one. The first is an exit status, 0 to go on; the second warns of
 * what it can not do.
 */
int lifecycle_container_begin(struct command_call *call);
void lifecycle_container_resolver(const struct command_call *call);
/* True when systemd is the one that starts and stops this instance. */
bool lifecycle_is_systemds(const struct command_call *call);
/* Runs systemctl (option may be NULL); its exit status. */
MUST_CHECK int lifecycle_systemctl(
	const char *verb, const char *option, int *status_out, struct err *err);
/*
 * Commands s6-supervise of each service (letters may be NULL) and lets no
 * finish program hold it up; returns how many there are.
 */
int lifecycle_each_supervisor(const char *scan, const char *letters);
void lifecycle_pause(int ms);

#endif
