/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The run tree: directories with their owners, FIFOs for output, one s6
 * service directory per service, the scan directory. Made from the engine
 * tables before s6-svscan starts and brought up to date before a restart;
 * what runs is never disturbed by it. It renders nothing (generation.h).
 */
#ifndef AGENT_TREE_H
#define AGENT_TREE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "model/engine.h"
#include "model/instance.h"

#define TREE_AGENT "agent" /* our own service */

struct tree_input {
	const struct paths *paths;
	const struct instance *instance;
	const struct engine *engines;
	size_t engine_count;
};

MUST_CHECK int tree_prepare(const struct tree_input *input, struct err *err);
/* The files `launch` of all services, below a rendered tree. */
MUST_CHECK int tree_write_launches(
	const struct tree_input *input, const char *tree, struct err *err);
/*
 * Services that s6 starts by itself, because the agent is one of them or
 * needs them: they have no `down` file and are stopped last.
 */
bool tree_starts_alone(
	const struct engine *engines, size_t count, const char *service);

#endif
