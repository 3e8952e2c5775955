/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Finds in what an engine's checker said the line of the administrator's
 * own file that is to blame. Checkers name the rendered tree: a copy of an
 * override, a file to which an override was appended, or only the setting
 * that they dislike; people know their file below etc/mailherd/engines.
 *
 * It guesses only as the last way: when no file is named, the line of an
 * override that stands in the checker's words, or whose first word does.
 */
#ifndef AGENT_BLAME_H
#define AGENT_BLAME_H

#include "base/arena.h"

struct blame_scope {
	const char *engine;
	const char *tree; /* rendered: TREE/<engine>/... */
	const char *overrides; /* paths.overrides */
};

struct fault {
	const char *engine;
	const char *file; /* the administrator's; NULL: none of his */
	int line; /* 0: not known */
	const char *text; /* what the checker said, with his paths */
};

/* output: of a checker that refused. Everything lives in arena. */
void blame_find(const struct blame_scope *scope, const char *output,
	struct arena *arena, struct fault *fault_out);
/* "FILE line N: TEXT", or TEXT alone. */
const char *blame_text(const struct fault *fault, struct arena *arena);

#endif
