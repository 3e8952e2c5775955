/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What commands do to the running suite: start its supervisor, ask its
 * agent, wait for it, have it renew what is stale. Commands themselves
 * (and what they say to people) are in lifecycle.h and beside it.
 */
#ifndef CLI_SUITE_H
#define CLI_SUITE_H

#include <jansson.h>

#include "cli/command.h"

#define SUITE_AGENT "agent" /* its service */

/*
 * Sends a verb to the agent (service may be NULL) and prints progress for
 * people. *reply_out may be NULL; else a new reference.
 */
MUST_CHECK int suite_ask(const struct command_call *call, const char *verb,
	const char *service, int deadline_ms, json_t **reply_out,
	struct err *err);
/* Members of what the agent answered; "" and 0 when they are not there. */
const char *suite_text(const json_t *object, const char *name);
json_int_t suite_number(const json_t *object, const char *name);
/* Until the suite is healthy or failed. The answer is a new reference. */
MUST_CHECK int suite_wait(
	const struct command_call *call, json_t **reply_out, struct err *err);
/*
 * `restart --changed`: the agent first; the agent's answer is a new
 * reference. May be asked for again after any failure.
 */
MUST_CHECK int suite_roll(
	const struct command_call *call, json_t **reply_out, struct err *err);
/* All that comes before the supervisor: configuration, run tree. */
MUST_CHECK int suite_prepare(const struct command_call *call, struct err *err);
/* Becomes the supervisor; returns only on failure. */
int suite_become(const struct command_call *call, struct err *err);
/* Has the supervisor started; option is one of systemctl's, or NULL. */
MUST_CHECK int suite_begin(
	const struct command_call *call, const char *option, struct err *err);
/* Starts what is down and waits for the agent's verdict; ERR_* when failed. */
MUST_CHECK int suite_start(struct command_call *call, struct err *err);
/* True when systemd is the one that starts and stops this instance. */
bool suite_is_systemds(const struct command_call *call);
/* Runs systemctl (option may be NULL); its exit status. */
MUST_CHECK int suite_systemctl(
	const char *verb, const char *option, int *status_out, struct err *err);
/*
 * Commands s6-supervise of each service (letters may be NULL) and lets no
 * finish program hold it up; returns how many there are.
 */
int suite_each_supervisor(const char *scan, const char *letters);
void suite_pause(int ms);

#endif
