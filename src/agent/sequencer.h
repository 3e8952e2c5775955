/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which service is started or stopped next. The sequencer is given what
 * s6 says about each service, decides, and acts through a table of
 * operations, so that it is tested without processes and clocks. It has
 * no memory that matters: a new one that looks at a running tree adopts
 * it and changes nothing.
 *
 * Readiness is a condition of start only. When a service dies later, s6
 * starts it again and nobody else is touched.
 */
#ifndef AGENT_SEQUENCER_H
#define AGENT_SEQUENCER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/paths.h"
#include "model/engine.h"
#include "supervise/s6.h"

#define SEQUENCER_UNITS_MAX 64
#define SEQUENCER_FACTS_MAX 16
#define SEQUENCER_NEVER INT64_MAX

enum unit_state {
	UNIT_DOWN, /* not started yet, or stopped */
	UNIT_OFF, /* its condition is not met */
	UNIT_WAITING, /* for what it needs or prefers */
	UNIT_STARTING, /* within its deadline */
	UNIT_READY,
	UNIT_RESTARTING, /* it ended by itself; s6 starts it again */
	UNIT_OVERDUE, /* not ready within its deadline; still tried */
	UNIT_BLOCKED, /* what it needs is overdue */
	UNIT_STOPPING,
	UNIT_STATE_COUNT
};

struct unit {
	const struct engine *engine;
	const struct engine_service *service;
	char directory[PATHS_MAX]; /* of s6 */
	bool starts_alone; /* by s6, before us; stopped after us */
	struct s6_status status; /* filled in before each step */
	enum unit_state state;
	bool settled; /* it was ready once: its `down` file is gone */
	bool stop_sent;
	bool restarting; /* a person asked: down, then up */
	bool ran_before; /* so it does not wait for what it prefers */
	int64_t began_ms; /* to be brought up; 0: not yet */
	int64_t started_ms; /* 0: not begun */
	int64_t ready_ms; /* since when it is ready; 0: it is not */
	int64_t took_ms; /* from start to readiness; -1 unknown (adopted) */
	char note[160]; /* what it waits for, or why it is degraded */
	bool degraded; /* it runs without what it prefers */
};

/* What others found out: "resolver" by mailherd-watch. */
struct sequencer_fact {
	char name[33];
	bool ok;
	char text[201];
};

enum sequencer_goal {
	SEQUENCER_UP,
	SEQUENCER_DOWN
};

struct sequencer_operations {
	/* Letters of s6-svc; false: no supervisor there (yet). */
	bool (*command)(const struct unit *unit, const char *letters);
	/* The service may (not) come back by itself: its `down` file. */
	void (*set_down_file)(const struct unit *unit, bool present);
	/* Cuts the wait of mailherd-finish short. */
	void (*hurry)(const struct unit *unit);
	bool (*path_exists)(const char *path);
};

struct sequencer {
	const struct sequencer_operations *operations;
	enum sequencer_goal goal;
	struct unit units[SEQUENCER_UNITS_MAX];
	size_t unit_count;
	struct sequencer_fact facts[SEQUENCER_FACTS_MAX];
	size_t fact_count;
	bool all_down; /* with SEQUENCER_DOWN: nothing is left to stop */
};

/* Fills units from the engines; scan is the directory of s6-svscan. */
void sequencer_init(struct sequencer *sequencer, const struct engine *engines,
	size_t engine_count, const char *scan,
	const struct sequencer_operations *operations);
/*
 * Looks at each unit's status and acts. Returns when to call again at the
 * latest, though no status changes: a time on now_ms's clock.
 */
int64_t sequencer_step(struct sequencer *sequencer, int64_t now_ms);
struct unit *sequencer_find(struct sequencer *sequencer, const char *service);
void sequencer_restart(struct unit *unit);
/*
 * Ready, and not only for the moment in which a program that will end at
 * once already takes a probe's connection.
 */
bool sequencer_stays_ready(const struct unit *unit, int64_t now_ms);
/* It prefers something of which is known that it is not there. */
bool sequencer_misses_known(
	struct sequencer *sequencer, const struct unit *unit);
/* Whether it was ok before; one that is new was. */
bool sequencer_set_fact(struct sequencer *sequencer, const char *name, bool ok,
	const char *text);

enum sequencer_verdict {
	SEQUENCER_PENDING,
	SEQUENCER_HEALTHY,
	SEQUENCER_DEGRADED, /* all essential services are ready */
	SEQUENCER_FAILED /* an essential one is not, after its deadline */
};

/* culprit_out (may be NULL): a unit that decided it, or NULL. */
enum sequencer_verdict sequencer_judge(
	const struct sequencer *sequencer, const struct unit **culprit_out);
const char *sequencer_verdict_name(enum sequencer_verdict verdict);
const char *unit_state_name(enum unit_state state);

#endif
