/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mailherd-jobs does at the turns of its life (io/service.h): it
 * brings core.db to this program's version before anybody reads it, holds
 * it open as long as it lives, because readers without the right to write
 * depend on that, and carries out what the outbox asks for.
 */
#ifndef JOBS_PROGRAM_H
#define JOBS_PROGRAM_H

#include "io/service.h"

MUST_CHECK int program_prepare(struct service_state *state, struct err *err);
MUST_CHECK int program_start(struct service_state *state, struct err *err);
void program_drain(struct service_state *state);

#endif
