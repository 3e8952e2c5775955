/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reading one engine.conf into a struct engine: keys, placeholders and
 * what each service must say. For engine.c, which knows all engines.
 */
#ifndef MODEL_ENGINE_READ_H
#define MODEL_ENGINE_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "model/engine.h"
#include "model/instance.h"

struct engine_reader {
	const struct paths *paths;
	const struct instance *instance;
	const char *etc; /* the tree that {rendered} and {etc} mean */
	struct arena *arena;
	struct engine *engine;
};

/* Fills r->engine; the file must be about the engine of that name. */
MUST_CHECK int engine_read(struct engine_reader *r, const char *path,
	const char *name, struct err *err);

#endif
