/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Judges the generation that is on trial (trial.h) by the services that
 * were started with it: one that is not ready within its deadline, or ends
 * again and again, brings the previous generation back. It passes when nothing is under way any more. Whoever
 * started it (restart, roll, up; this agent or one before it) does not
 * matter.
 */
#ifndef AGENT_PROBATION_H
#define AGENT_PROBATION_H

#include <stdbool.h>

#include "base/err.h"

struct agent;
struct probation;

struct probation *probation_new(struct agent *agent);
void probation_free(struct probation **probation);
/* After the sequencer's step, before anybody else judges failures. */
void probation_turn(struct probation *probation);
/* Nothing is on its way up and no call waits for services: it has passed. */
void probation_settle(struct probation *probation);
/* The way back is under way: nobody else judges or restarts meanwhile. */
bool probation_goes_back(const struct probation *probation);
/*
 * Services are about to be started with the generation in force; before is
 * the one that they had. Nothing happens when one is on trial already.
 */
void probation_begin(struct probation *probation, int before);

#endif
