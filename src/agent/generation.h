/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rendered configuration: gen/<n> is written once by mailherd-render and
 * never changed; `etc` is a link to the one in force. A new one is made
 * only when it differs, and comes into force by one rename after each
 * engine whose files changed has approved of its own. The last three are
 * kept.
 */
#ifndef AGENT_GENERATION_H
#define AGENT_GENERATION_H

#include <stdbool.h>

#include "agent/tree.h"

#define GENERATION_ENGINES_MAX 32

struct generation {
	int number; /* in force now */
	int previous; /* in force before; 0: none */
	bool changed; /* it is a new one */
	const char *engines[GENERATION_ENGINES_MAX]; /* with changed files */
};

/*
 * Renders, compares, checks, swaps; checks those of also_check (names of
 * engines, NULL-ended) in any case. On failure the error holds what the
 * renderer or the engine's checker said and all stays as it was. Texts
 * live in arena.
 */
MUST_CHECK int generation_make(const struct tree_input *input,
	const char *const *also_check, struct arena *arena,
	struct generation *out, struct err *err);

/*
 * Renders into the directory tree, as it will be read from etc; puts
 * nothing in force.
 */
MUST_CHECK int generation_render(const struct tree_input *input,
	struct arena *arena, const char *tree, const char *etc,
	struct err *err);
/* Removes such a tree; what can not be removed now is pruned later. */
void generation_discard(const char *tree);
/* Puts an earlier generation into force again. ERR_NOT_FOUND: it is gone. */
MUST_CHECK int generation_use(
	const struct paths *paths, int number, struct err *err);
/* 0: there is none. */
int generation_current(const struct paths *paths);

#endif
