/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs an engine's own checks (engine.conf: check, check_if, check_refuse)
 * on a rendered tree and says what they found, in terms of the
 * administrator's files. Changes nothing.
 */
#ifndef AGENT_CHECKER_H
#define AGENT_CHECKER_H

#include "agent/blame.h"
#include "base/err.h"
#include "base/paths.h"
#include "model/engine.h"

/*
 * The engine must have been loaded for the tree. 0: nothing is wrong; 1:
 * something is; -1: a check could not be run or did not end.
 */
MUST_CHECK int checker_run(const struct paths *paths,
	const struct engine *engine, const char *tree, struct arena *arena,
	struct fault *fault_out, struct err *err);
/* Runs a program; what it printed becomes the error. */
MUST_CHECK int checker_tool(const char *const *argv, int deadline_ms,
	const char *what, struct err *err);

#endif
