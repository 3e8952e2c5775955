/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an engine's process, and all that it starts, can have at most:
 * capabilities by name (NAME.capabilities of engine.conf). Our own programs
 * have jails instead (io/jail.h).
 */
#ifndef AGENT_BOUNDS_H
#define AGENT_BOUNDS_H

#include "base/err.h"

/* The only word for no capability at all. */
#define BOUNDS_NONE "none"

/*
 * Cuts the bounding set down to names (NULL-ended: "net_bind_service");
 * an empty list leaves it as it is. Takes effect with the next exec. A
 * name that is no capability is an error.
 */
MUST_CHECK int bounds_cut(const char *const *names, struct err *err);

#endif
