/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd alias ... */
#include "model/alias.h"

#include <stdio.h>

#include "cli/object.h"

/* Further arguments are targets too. */
static int
take_targets(struct command_call *call, struct alias *alias, uint64_t *given,
	struct err *err)
{
	const struct field *field = resource_field(&alias_resource, "targets");

	for (size_t i = 1; i < call->argument_count; i++) {
		if (resource_set(&alias_resource, field, call->arguments[i],
			    alias, given, call->arena, err) != 0)
			return -1;
	}
	return 0;
}

static int
run_add(struct command_call *call)
{
	struct alias alias;
	struct model model;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	resource_defaults(&alias_resource, &alias);
	alias.address = command_argument(call, 0);
	if (object_fill(call, &alias, &given, &err) != 0 ||
		take_targets(call, &alias, &given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = alias_add(&model, &alias, &alias, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_changed(call, &alias_resource, &alias, "added");
	return 0;
}

static int
load(struct model *model, const char *key, void *object_out, struct err *err)
{
	return alias_load(model, key, object_out, err);
}

static int
edit(struct model *model, const char *key, void *object, uint64_t given,
	struct err *err)
{
	return alias_edit(model, key, object, given, object, err);
}

static const struct object_kind KIND = {
	.resource = &alias_resource,
	.load = load,
	.edit = edit,
	.remove = alias_remove,
};

static const struct command_option LIST_OPTIONS[] = {
	{ .name = "domain",
		.value = "DOMAIN",
		.sentence = "Only aliases of this domain" },
	OBJECT_LIST_OPTIONS,
	{ .name = NULL },
};

#define TARGETS_TEXT                                                                    \
	"Targets are mailboxes, other aliases or addresses elsewhere. The word null\n"  \
	"as only target discards the mail. The address @example.org is the catch-all\n" \
	"of a domain: it gets what no mailbox and no other alias gets."

/* clang-format off */
const struct command alias_commands[] = {
	{ .name = "alias add", .usage = "ADDRESS [TARGET...]",
	  .summary = "Let an address lead to others",
	  .privilege = COMMAND_DATABASE, .run = run_add,
	  .arguments_min = 1, .arguments_max = COMMAND_ANY_COUNT,
	  .resource = &alias_resource, .resource_flags = FIELD_ADD,
	  .description = TARGETS_TEXT },
	{ .name = "alias list", .usage = "",
	  .summary = "List aliases",
	  .privilege = COMMAND_DATABASE, .run = object_run_list,
	  .object = &KIND, .options = LIST_OPTIONS },
	{ .name = "alias show", .usage = "ADDRESS",
	  .summary = "Show everything about an alias",
	  .privilege = COMMAND_DATABASE, .run = object_run_show,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "alias edit", .usage = "ADDRESS",
	  .summary = "Change an alias",
	  .privilege = COMMAND_DATABASE, .run = object_run_edit,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &alias_resource, .resource_flags = FIELD_EDIT,
	  .description = "Targets that are given replace those that are there." },
	{ .name = "alias remove", .usage = "ADDRESS",
	  .summary = "Remove an alias",
	  .privilege = COMMAND_DATABASE, .run = object_run_remove,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = NULL },
};
/* clang-format on */
