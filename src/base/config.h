/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one text format of ours: "key = value" lines, "#" comments, no
 * sections, no continuation. Keys may stand more than once when the table
 * says so. mailherd.conf and engines' engine.conf are written in it.
 * Errors name file, line and key.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define CONFIG_FILE_SIZE_MAX (256 * 1024)
#define CONFIG_LINE_MAX 4096

/* Called per line; value is trimmed. A -1 with err set ends the parse. */
typedef int config_line_fn(void *context, const char *key, const char *value,
	int line, struct err *err);
/* text need not be NUL-terminated; name is used in errors. */
MUST_CHECK int config_parse(struct span text, const char *name,
	config_line_fn *line_fn, void *context, struct err *err);
MUST_CHECK int config_parse_file(const char *path, config_line_fn *line_fn,
	void *context, struct err *err);
/* yes/y/true/on/1 and no/n/false/off/0 in any case: 1, 0, else -1. */
int config_bool(const char *value);

#endif
