/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the lifecycle commands share; nobody else's. */
#ifndef CLI_LIFECYCLE_H
#define CLI_LIFECYCLE_H

#include <jansson.h>

#include "cli/command.h"

int lifecycle_up(struct command_call *call);
int lifecycle_down(struct command_call *call);
int lifecycle_restart(struct command_call *call);
/* restart --changed, once the suite is known to run. */
int lifecycle_restart_changed(const struct command_call *call);
int lifecycle_status(struct command_call *call);
/* status: its member mail_at_rest, which the agent does not know. */
void lifecycle_add_mail(struct command_call *call, json_t *report);
void lifecycle_print_mail(const json_t *report);
int lifecycle_logs(struct command_call *call);
int lifecycle_exec(struct command_call *call);

/* Until the suite is healthy or failed; says the result. Exit status. */
int lifecycle_wait_healthy(struct command_call *call);
/*
 * Before and after the preparation of a container's first start or any
 * later one. The first is an exit status, 0 to go on; the second warns of
 * what it can not do.
 */
int lifecycle_container_begin(struct command_call *call);
void lifecycle_container_resolver(const struct command_call *call);

#endif
