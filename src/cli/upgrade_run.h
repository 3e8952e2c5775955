/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An upgrade or rollback from its first step to its last, by a table of
 * steps: each is written down before it begins and may be done again, so
 * that whoever comes after a kill goes on. A step that fails leads back:
 * previous package, data of before where the schema was moved, previous
 * configuration. Commands stand in upgrade.c.
 */
#ifndef CLI_UPGRADE_RUN_H
#define CLI_UPGRADE_RUN_H

#include "cli/command.h"
#include "cli/upgrade_state.h"

struct upgrade {
	struct command_call *call;
	struct upgrade_state state;
	bool detached; /* nobody looks: wait for apt, and for the start */
	json_t *rolled; /* what the agent did; NULL: nothing yet */
	struct err unwell; /* after the way back; text "": as well as before */
	int64_t began_ms;
};

/*
 * All steps that are left. -1: it was undone, or is left where it is; the
 * error says which, and what is in force now.
 */
MUST_CHECK int upgrade_run(struct upgrade *upgrade, struct err *err);
/* Only the copies, when they are the next step: before a start. */
MUST_CHECK int upgrade_run_copy(struct upgrade *upgrade, struct err *err);

#endif
