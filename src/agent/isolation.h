/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The isolation of an instance: a static nftables table of its own that
 * keeps packets from other hosts away from loopback addresses and from
 * the internal ports that engine.conf names (internal_port), should an
 * engine open one by mistake. It is put in force by mailherd-prepare,
 * before anything listens, and taken away when all is down.
 *
 * Nothing that is not ours is touched: no rule of another table, no port
 * of another program. Ports are bound to the instance's control group
 * where it has one of its own (systemd), else to the engine's user.
 * Without nft or the right to use it the suite runs on, and says so.
 */
#ifndef AGENT_ISOLATION_H
#define AGENT_ISOLATION_H

#include "agent/tree.h"
#include "base/strbuf.h"

#define ISOLATION_TABLE_SIZE 32
#define ISOLATION_TEXT_SIZE 200

/* What the last mailherd-prepare achieved, for `mailherd status`. */
struct isolation_state {
	bool ok;
	char text[ISOLATION_TEXT_SIZE];
};

/* "mailherd" for the machine's own instance, else with a hash of the root. */
void isolation_table(
	const struct paths *paths, char name_out[ISOLATION_TABLE_SIZE]);
/*
 * The table, as nft reads it; it replaces the one before in one step.
 * cgroup: path of the control group that is the instance's alone, below
 * the root of the hierarchy and without a first slash; NULL: none.
 */
MUST_CHECK int isolation_print(struct strbuf *out,
	const struct tree_input *input, const char *cgroup, struct err *err);
/*
 * The part of a line of /proc/self/cgroup that names a control group of
 * ours ("system.slice/mailherd.service"), into path_out; false: none.
 */
bool isolation_cgroup(const char *text, char path_out[PATHS_MAX]);

/* Puts the table in force, or takes it away (isolation = no), and keeps
 * the outcome. A failure is the outcome, not an error. */
void isolation_apply(
	const struct tree_input *input, struct isolation_state *state_out);
/* Somebody else took it away: that is the outcome until it is back. */
void isolation_lost(const struct paths *paths);
/* All is down: no table, no outcome. */
void isolation_remove(const struct paths *paths);
/* It was in force, so that it is missed when it is not there. */
bool isolation_is_missed(const struct isolation_state *state);
/* The outcome that was kept; false: there is none. */
bool isolation_read(
	const struct paths *paths, struct isolation_state *state_out);

#endif
