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
run_list(struct command_call *call)
{
	return object_list(call, &alias_resource);
}

static int
run_show(struct command_call *call)
{
	struct alias alias;
	struct model model;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = alias_load(&model, command_argument(call, 0), &alias, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print(call, &alias_resource, &alias, NULL, NULL);
	return 0;
}

static int
run_edit(struct command_call *call)
{
	struct alias alias = { 0 };
	struct model model;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	if (object_fill(call, &alias, &given, &err) != 0 ||
		object_given_some(call, given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = alias_edit(
		&model, command_argument(call, 0), &alias, given, &alias, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_changed(call, &alias_resource, &alias, "changed");
	return 0;
}

static int
run_remove(struct command_call *call)
{
	struct model model;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = alias_remove(&model, command_argument(call, 0), &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_removed(call, command_argument(call, 0));
	return 0;
}

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
	  .privilege = COMMAND_DATABASE, .run = run_list,
	  .options = LIST_OPTIONS },
	{ .name = "alias show", .usage = "ADDRESS",
	  .summary = "Show everything about an alias",
	  .privilege = COMMAND_DATABASE, .run = run_show,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "alias edit", .usage = "ADDRESS",
	  .summary = "Change an alias",
	  .privilege = COMMAND_DATABASE, .run = run_edit,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &alias_resource, .resource_flags = FIELD_EDIT,
	  .description = "Targets that are given replace those that are there." },
	{ .name = "alias remove", .usage = "ADDRESS",
	  .summary = "Remove an alias",
	  .privilege = COMMAND_DATABASE, .run = run_remove,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = NULL },
};
/* clang-format on */
