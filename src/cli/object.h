/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What commands on objects have in common: opening the model, reading
 * fields from options, printing one object or a list, for people or JSON.
 */
#ifndef CLI_OBJECT_H
#define CLI_OBJECT_H

#include "base/json_write.h"
#include "cli/command.h"
#include "model/model.h"
#include "model/resource.h"

/* Writes more members into the object of one row, or NULL. */
typedef void object_extra_fn(struct json_writer *w, void *context);

/* Opens the core database; the caller closes it with model_close(). */
MUST_CHECK int object_open(
	struct command_call *call, struct model *model_out, struct err *err);
/* Puts the options that are fields of the command's resource into object. */
MUST_CHECK int object_fill(struct command_call *call, void *object,
	uint64_t *given, struct err *err);
/* ERR_INVALID when an edit names nothing to change. */
MUST_CHECK int object_given_some(
	const struct command_call *call, uint64_t given, struct err *err);

/* One object: a JSON object, or a line per field. */
void object_print(struct command_call *call, const struct resource *resource,
	const void *object, object_extra_fn *extra, void *context);
/* What a change says: the object as JSON, or the sentence. */
void object_print_changed(struct command_call *call,
	const struct resource *resource, const void *object, const char *done);
/* {"removed":"name"} or the sentence. */
void object_print_removed(struct command_call *call, const char *name);
/* The whole command `list`; owner comes from the option of that name. */
int object_list(struct command_call *call, const struct resource *resource);

/* Options of every list; another table adds the owner. */
#define OBJECT_LIST_OPTIONS                                                    \
	{ .name = "search",                                                    \
		.value = "TEXT",                                               \
		.sentence = "Only those that contain this text" },             \
	{                                                                      \
		.name = "limit", .value = "NUMBER",                            \
		.sentence = "At most so many"                                  \
	}

#endif
