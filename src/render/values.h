/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What templates may name: one table for the whole instance (host name,
 * paths, public ports, networks), one on top for each engine ({{etc}},
 * {{state}}, {{overrides}}). The names are described in values.c, where
 * they are set; docs/architecture.md points there.
 */
#ifndef RENDER_VALUES_H
#define RENDER_VALUES_H

#include "base/arena.h"
#include "base/paths.h"
#include "base/template.h"
#include "model/instance.h"

/* Lives in arena, as does what it points to. */
struct template_scope *values_instance(struct arena *arena,
	const struct paths *paths, const struct instance *instance);
/* etc: the directory that holds the engines' rendered folders. */
struct template_scope *values_engine(struct arena *arena,
	const struct template_scope *instance_values, const struct paths *paths,
	const char *engine, const char *etc);

#endif
