/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who may be at work at a time: one upgrade; and either an upgrade or
 * commands that write the database, so that nothing is written that the
 * upgrade's copies lack. Locks live as long as the process; an upgrade
 * that was killed leaves its state file, which keeps commands out until it
 * is finished or undone.
 */
#ifndef CLI_UPGRADE_GUARD_H
#define CLI_UPGRADE_GUARD_H

#include "base/err.h"
#include "base/paths.h"

#define UPGRADE_DIRECTORY "upgrade" /* below the state directory */
#define UPGRADE_STATE_FILE "state.json"

/* ERR_BUSY while an upgrade is under way or waits to be finished. */
MUST_CHECK int upgrade_guard_command(
	const struct paths *paths, struct err *err);
/* Makes the directory, too. ERR_BUSY when another upgrade does not end. */
MUST_CHECK int upgrade_guard_start(
	const struct paths *paths, int deadline_ms, struct err *err);
/* Waits for commands that are at work; ERR_BUSY when one does not end. */
MUST_CHECK int upgrade_guard_writers(
	const struct paths *paths, int deadline_ms, struct err *err);

#endif
