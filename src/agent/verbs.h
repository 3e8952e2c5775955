/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What others may ask of the agent. No verb carries file content, a path
 * or a command: names of services, addresses and store ids are checked
 * here, programs and their arguments stand in tables.
 */
#ifndef AGENT_VERBS_H
#define AGENT_VERBS_H

#include "io/ipc.h"

/* Context is a struct agent. */
extern const struct ipc_verb AGENT_VERBS[];

#endif
