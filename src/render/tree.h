/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A generation: every engine's files in one directory, DIR/<engine>/<file>.
 * The directories and empty files are made first, by root, and stay open;
 * the templates are rendered into the open files by a process that may do
 * nothing else; then owners and modes are set through the same descriptors.
 * So what renders can neither make a file nor choose where one goes.
 */
#ifndef RENDER_TREE_H
#define RENDER_TREE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "model/engine.h"
#include "model/instance.h"

#define TREE_FILE_SIZE_MAX (1024 * 1024)

struct tree_file {
	const struct engine *engine;
	const struct engine_template *template;
	const char *path; /* absolute */
	int fd;
};

struct tree {
	struct arena *arena; /* borrowed */
	const struct paths *paths;
	const struct instance *instance;
	const char *etc; /* what {{etc}}'s parent is in the files */
	struct tree_file *files;
	size_t count;
};

/* Makes directory (which must not hold one of the files) and the files. */
MUST_CHECK int tree_create(struct tree *tree, const char *directory,
	const struct engine *engines, size_t engine_count, struct err *err);
/* Renders all; an error names template, line and setting. */
MUST_CHECK int tree_render(struct tree *tree, struct err *err);
/*
 * Owners and modes; files that were rendered to nothing are removed.
 * Closes the files.
 */
MUST_CHECK int tree_finish(struct tree *tree, struct err *err);

#endif
