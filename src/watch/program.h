/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mailherd-watch does at the turns of its life (io/service.h). It
 * checks the resolver every 30 seconds, each 5 while it is ill, keeps the
 * last result and reports it to the agent: verb health {name: "resolver",
 * ok, text} on sock/watch/agent. The agent decides what follows from it.
 */
#ifndef WATCH_PROGRAM_H
#define WATCH_PROGRAM_H

#include "io/service.h"

/* Reads the configuration and opens the sockets that need root. */
MUST_CHECK int program_prepare(struct service_state *state, struct err *err);
MUST_CHECK int program_start(struct service_state *state, struct err *err);
void program_drain(struct service_state *state);

#endif
