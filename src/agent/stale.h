/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which services do not run what they would run if they were started now:
 * a program or library was replaced below them, their run line or their
 * rendered files changed. Found from /proc and from what mailherd-run
 * wrote down; nothing is remembered here. What is done about it is the
 * roll's business (roll.h).
 */
#ifndef AGENT_STALE_H
#define AGENT_STALE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/sequencer.h"
#include "base/span.h"

#define STALE_REASON_SIZE 256

enum stale_action {
	STALE_NOT,
	STALE_RELOAD, /* a signal is enough */
	STALE_RESTART
};

struct stale {
	enum stale_action action;
	bool replaced; /* a program or library */
	char reason[STALE_REASON_SIZE]; /* "" when it is not */
};

/*
 * A line of /proc/<pid>/maps says that code of the system was replaced:
 * its name, without what the kernel puts behind it.
 */
bool stale_mapping(struct span line, struct span *name_out);
/* One for each unit of the sequencer, in its order. */
void stale_find(const struct paths *paths, const struct sequencer *sequencer,
	struct stale out[SEQUENCER_UNITS_MAX]);
/*
 * What the unit starts with is not the same in two generations, or one is
 * gone. mailherd.conf, which our own programs read, does not count.
 */
bool stale_differs(const struct paths *paths, const struct unit *unit,
	int before, int now);

#endif
