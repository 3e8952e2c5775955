/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent's state and its one turn: read what s6 says, let the sequencer
 * act, tell those who wait. Verbs (verbs.h) change the state and ask for a
 * turn; nothing else drives the service tree.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/garbage_runner.h"
#include "agent/holder.h"
#include "agent/mail_command.h"
#include "agent/retry_queue.h"
#include "agent/sequencer.h"
#include "agent/watcher.h"
#include "base/arena.h"
#include "io/ipc.h"
#include "io/service.h"
#include "supervise/record.h"

#define AGENT_SERVERS 3

enum agent_wait {
	AGENT_WAIT_HEALTHY, /* until there is a verdict */
	AGENT_WAIT_UNIT, /* until the restarted unit is ready */
	AGENT_WAIT_DOWN /* until all is down */
};

struct agent;
struct agent_waiter;
struct probation;
struct roller;

struct agent_waiter {
	struct agent_waiter *next;
	struct ipc_call *call;
	enum agent_wait kind;
	struct unit *unit; /* of AGENT_WAIT_UNIT */
	int64_t failures; /* that the unit had before; of AGENT_WAIT_UNIT */
};

/* What was told last about a unit, to tell changes only. */
struct agent_told {
	enum unit_state state;
	char note[sizeof(((struct unit *)0)->note)];
};

struct agent {
	struct service_state *service;
	struct arena *arena; /* engines and what belongs to them */
	struct instance instance;
	struct engine *engines;
	size_t engine_count;
	struct sequencer sequencer;
	struct watcher *watcher;
	struct retry_queue *retry_queue;
	struct isolation_watch *isolation_watch; /* NULL: not possible */
	struct mail_runner *mail_runner;
	struct garbage_runner *garbage_runner;
	char dovecot_conf[PATHS_MAX + 32]; /* of mail_runner */
	struct holder holder;
	struct event *timer;
	struct ipc_server *servers[AGENT_SERVERS];
	struct agent_waiter *waiters;
	struct roller *roller;
	struct probation *probation;
	struct agent_told told[SEQUENCER_UNITS_MAX];
	bool has_strangers; /* services that are on their way out */
	bool restart_all; /* down, then a new agent brings all up */
	enum sequencer_verdict verdict; /* told last to systemd */
	bool verdict_told;
	int64_t began_ms;
};

/* As root, before the jail: nothing of it needs the loop. */
MUST_CHECK int agent_load(struct service_state *state, struct err *err);
MUST_CHECK int agent_start(struct agent *agent, struct err *err);
void agent_free(struct agent **agent);

/* Acts and tells; harmless at any time. */
void agent_turn(struct agent *agent);
/*
 * The call (call, kind and so on as in the waiter, which is copied) is
 * answered when what it waits for is there.
 */
void agent_wait(struct agent *agent, const struct agent_waiter *waiter);
/* Why a unit is not ready, and where to look. Returns -1. */
int agent_unit_error(const struct unit *unit, struct err *err);
/* The same for one that ends as soon as it is started. */
int agent_end_error(const struct unit *unit, const struct record_ended *ended,
	struct err *err);
/* Who waits for services to become ready is told why they will not. */
void agent_fail_waiting(struct agent *agent, const struct err *err);
/* Stops everything in order; with restart a new agent starts it again. */
void agent_stop_all(struct agent *agent, bool restart);

#endif
