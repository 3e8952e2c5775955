/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Service directories that the instance's profile no longer has, in a tree
 * that runs: they leave the scan directory, s6 stops their services, and
 * what is left of them is removed. A tree that does not run is cleaned by
 * mailherd-prepare (tree.h).
 */
#ifndef AGENT_STRANGERS_H
#define AGENT_STRANGERS_H

#include <stdbool.h>

#include "agent/sequencer.h"

/* Names of what is on its way out begin with it; s6 does not look at them. */
#define STRANGERS_PREFIX ".gone-"

bool strangers_present(const char *scan, struct sequencer *sequencer);
/*
 * Tells s6 to stop what is not the sequencer's, removes what has stopped.
 * True while something is left.
 */
bool strangers_turn(const char *scan, struct sequencer *sequencer);

#endif
