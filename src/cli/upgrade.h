/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `mailherd up` does about upgrades: a build that was unpacked while
 * the suite was down comes into force with the same safety as with
 * `mailherd upgrade`, and an upgrade that was killed is finished.
 */
#ifndef CLI_UPGRADE_H
#define CLI_UPGRADE_H

#include <stdbool.h>

#include "cli/command.h"

/* True when an upgrade is to be begun or finished before all is well. */
bool upgrade_is_due(const struct command_call *call);
/* Starts what is down, brings the build into force; the exit status. */
int upgrade_up(struct command_call *call);
/*
 * For the one that becomes the supervisor: copies what has to be copied,
 * then leaves the rest to a process of its own that waits for the start.
 * What fails here is said there.
 */
void upgrade_before_start(struct command_call *call);
/* The suite is healthy: the first build of a machine has proven itself. */
void upgrade_note_healthy(struct command_call *call);

#endif
