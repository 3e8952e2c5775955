/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Brings stale services up to date, one at a time, each ready again before
 * the next: programs of ours first, then databases, then who needs them,
 * public listeners last. Like the sequencer it decides and acts through a
 * table of operations, so it is tested without processes and clocks. What
 * is stale is found elsewhere (stale.h).
 *
 * It keeps nothing that matters: killed in the middle and begun again, it
 * finds less to do.
 */
#ifndef AGENT_ROLL_H
#define AGENT_ROLL_H

#include "agent/sequencer.h"
#include "agent/stale.h"
#include "supervise/process.h"

#define ROLL_FAILURES_MAX 4 /* ends in a row: 0, 0, 1 s between them */

enum roll_state {
	ROLL_UNTOUCHED,
	ROLL_WAITING, /* it is stale */
	ROLL_RELOADING,
	ROLL_RESTARTING,
	ROLL_RELOADED,
	ROLL_RESTARTED,
	ROLL_FAILED
};

struct roll_item {
	struct unit *unit;
	struct stale stale;
	enum roll_state state;
	struct process process; /* that was stale */
	int64_t failures; /* that the unit had before */
	int64_t began_ms;
	int64_t waited_ms; /* since when it waits for what it prefers */
	int64_t took_ms;
};

enum roll_reload {
	ROLL_RELOAD_BUSY,
	ROLL_RELOAD_TAKEN,
	ROLL_RELOAD_REFUSED /* not in time: a restart will show */
};

struct roll_operations {
	/* False: its supervisor or process is not there. */
	bool (*restart)(struct roll_item *item, void *context);
	bool (*reload)(struct roll_item *item, void *context);
	enum roll_reload (*reloaded)(
		struct roll_item *item, int64_t now_ms, void *context);
	/* Fills who runs (pid 0: nobody) and how often it failed so far. */
	void (*look)(const struct unit *unit, struct process *process_out,
		int64_t *failures_out);
	void (*tell)(const struct roll_item *item, void *context);
};

struct roll {
	const struct roll_operations *operations;
	void *context; /* of the operations */
	struct sequencer *sequencer;
	struct roll_item items[SEQUENCER_UNITS_MAX]; /* in order */
	size_t count;
};

/* stale is in the sequencer's order. */
void roll_init(struct roll *roll, struct sequencer *sequencer,
	const struct stale *stale, const struct roll_operations *operations,
	void *context);
/* 1 all is done, 0 call again when something changes or in a while, -1. */
MUST_CHECK int roll_step(struct roll *roll, int64_t now_ms, struct err *err);
/* How many are stale, or were. */
size_t roll_work(const struct roll *roll);
const char *roll_state_name(enum roll_state state);

#endif
