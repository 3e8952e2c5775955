/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What would come into force if it were prepared now: rendered into a
 * scratch tree, shown to every engine's own checker or compared with the
 * tree in force. Prints to standard output; changes nothing.
 */
#ifndef AGENT_REHEARSAL_H
#define AGENT_REHEARSAL_H

#include "agent/tree.h"

struct rehearsal {
	const struct tree_input *input;
	struct arena *arena;
	bool json;
};

/* Every engine, whether its files changed or not. 0: right; 1: faults. */
MUST_CHECK int rehearsal_check(
	const struct rehearsal *rehearsal, struct err *err);
/* A unified diff. 0: the same; 1: different. */
MUST_CHECK int rehearsal_diff(
	const struct rehearsal *rehearsal, struct err *err);

#endif
