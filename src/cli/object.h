/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What commands on objects have in common: opening the model, reading
 * fields from options, printing one object or a list, for people or JSON.
 * The commands list, show, edit and remove are the same for every kind of
 * object and are here whole: an entry of the command table runs
 * object_run_show() and names its kind. Adding is each kind's own.
 */
#ifndef CLI_OBJECT_H
#define CLI_OBJECT_H

#include "base/json_write.h"
#include "cli/command.h"
#include "model/model.h"
#include "model/resource.h"

/* Writes more members into the object of one row, or NULL. */
typedef void object_extra_fn(struct json_writer *w, void *context);

/* How list, show, edit and remove reach the objects of one kind. */
struct object_kind {
	const struct resource *resource;
	/* ERR_NOT_FOUND when there is none; object_out has the resource's
	 * object_size. */
	int (*load)(struct model *model, const char *key, void *object_out,
		struct err *err);
	/* Changes the fields of the mask given; object becomes the result. */
	int (*edit)(struct model *model, const char *key, void *object,
		uint64_t given, struct err *err);
	int (*remove)(struct model *model, const char *key, struct err *err);
	/* What show and edit print; NULL: the fields, and "changed". */
	void (*print)(struct command_call *call, const void *object);
	void (*print_edited)(struct command_call *call, const void *object);
};

/* Whole commands on the kind that the command's entry names. The owner of a
 * list comes from the option of that name or the first argument. */
int object_run_list(struct command_call *call);
int object_run_show(struct command_call *call);
int object_run_edit(struct command_call *call);
int object_run_remove(struct command_call *call);

/* Opens the core database; the caller closes it with model_close(). */
MUST_CHECK int object_open(
	struct command_call *call, struct model *model_out, struct err *err);
/* The object of the command's kind that the first argument names. */
MUST_CHECK int object_load(
	struct command_call *call, void *object_out, struct err *err);
/* Puts the options that are fields of the command's resource into object. */
MUST_CHECK int object_fill(struct command_call *call, void *object,
	uint64_t *given, struct err *err);

/* One object: a JSON object, or a line per field. */
void object_print(struct command_call *call, const struct resource *resource,
	const void *object, object_extra_fn *extra, void *context);
/* What a change says: the object as JSON, or the sentence. */
void object_print_changed(struct command_call *call,
	const struct resource *resource, const void *object, const char *done);
/* {"removed":"name"} or the sentence. */
void object_print_removed(const struct command_call *call, const char *name);

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
