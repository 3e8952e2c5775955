/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The verb `roll`: has mailherd-prepare bring the configuration up to date
 * (engines whose programs were replaced check theirs first), then carries
 * a roll (roll.h) out on s6 and real processes. One at a time; who asks
 * meanwhile gets the next one, which finds what is left.
 */
#ifndef AGENT_ROLLER_H
#define AGENT_ROLLER_H

#include "agent/roll.h"
#include "io/ipc.h"

struct agent;
struct roller;

struct roller *roller_new(struct agent *agent);
void roller_free(struct roller **roller);
/* Takes the call over; it is answered when all is done. */
void roller_ask(struct roller *roller, struct ipc_call *call);
/* One turn; to be called after the sequencer's step. */
void roller_turn(struct roller *roller, int64_t now_ms);
/* Who asked is told; the roll ends where it is. */
void roller_fail(struct roller *roller, const struct err *err);
/* A roll that nobody asked for, with the generation in force. */
void roller_restore(struct roller *roller);
bool roller_is_busy(const struct roller *roller);
/* Progress for who waits. */
void roller_tell(const struct roller *roller, const struct unit *unit);

#endif
