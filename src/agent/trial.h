/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which generation is on trial, and which one comes back when what starts
 * with it does not become ready. Kept in a file of the run directory, so
 * that it survives the agent; whether it passes is judged in probation.h.
 */
#ifndef AGENT_TRIAL_H
#define AGENT_TRIAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"

struct trial {
	int previous;
	int current;
};

/*
 * False when none is, or not the one that is in force by now
 * (generation_current()).
 */
bool trial_read(const struct paths *paths, int in_force, struct trial *out);
MUST_CHECK int trial_write(
	const struct paths *paths, const struct trial *trial, struct err *err);
/* It has passed, or is given up. */
MUST_CHECK int trial_end(const struct paths *paths, struct err *err);

#endif
