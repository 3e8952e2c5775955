/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Has doveadm work on mailboxes: asks the running suite's agent for a row
 * of its table of mail commands (verb `mail`, src/agent/mail_command.h).
 * What doveadm's exit status means is the caller's to know.
 */
#ifndef CLI_MAIL_WORK_H
#define CLI_MAIL_WORK_H

#include <jansson.h>

#include "cli/command.h"
#include "io/ipc.h"

/*
 * Waits until it is done. addresses is a list, parameters an object; both
 * are taken, and parameters may be NULL. progress gets packets with lines
 * of doveadm's output, "lines". -1: it was not done, err says why, and what
 * to do when the suite does not run.
 */
MUST_CHECK int mail_work_ask(const struct command_call *call,
	const char *command, json_t *addresses, json_t *parameters,
	ipc_progress_fn *progress, void *context, int *status_out,
	struct err *err);

#endif
