/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mailherd-log does at the turns of its life (io/service.h): as root,
 * in the jail, at the end; and the verbs of its socket:
 *
 *	status {}           -> services: [{name, lines, bytes, dropped}]
 *	rotate {service?}   -> {}
 */
#ifndef LOG_PROGRAM_H
#define LOG_PROGRAM_H

#include "io/service.h"

/* Makes the directories, takes the FIFOs over, reads the time zone. */
MUST_CHECK int program_prepare(struct service_state *state, struct err *err);
MUST_CHECK int program_start(struct service_state *state, struct err *err);
void program_drain(struct service_state *state);

#endif
