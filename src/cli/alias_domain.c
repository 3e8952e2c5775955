/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd alias-domain ... */
#include "model/alias_domain.h"

#include <stdio.h>

#include "cli/object.h"

static int
run_add(struct command_call *call)
{
	struct alias_domain alias;
	struct model model;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	resource_defaults(&alias_domain_resource, &alias);
	alias.name = command_argument(call, 0);
	alias.target = command_argument(call, 1);
	if (object_fill(call, &alias, &given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = alias_domain_add(&model, &alias, &alias, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_changed(call, &alias_domain_resource, &alias,
		"added; mailherd dns shows the records to publish");
	return 0;
}

static int
load(struct model *model, const char *key, void *object_out, struct err *err)
{
	return alias_domain_load(model, key, object_out, err);
}

static int
edit(struct model *model, const char *key, void *object, uint64_t given,
	struct err *err)
{
	return alias_domain_edit(model, key, object, given, object, err);
}

static const struct object_kind KIND = {
	.resource = &alias_domain_resource,
	.load = load,
	.edit = edit,
	.remove = alias_domain_remove,
};

static const struct command_option LIST_OPTIONS[] = {
	{ .name = "domain",
		.value = "DOMAIN",
		.sentence = "Only alias domains of this domain" },
	OBJECT_LIST_OPTIONS,
	{ .name = NULL },
};

/* clang-format off */
const struct command alias_domain_commands[] = {
	{ .name = "alias-domain add", .usage = "NAME TARGET",
	  .summary = "Let a domain be another name of one that is here",
	  .privilege = COMMAND_DATABASE, .run = run_add,
	  .arguments_min = 2, .arguments_max = 2,
	  .resource = &alias_domain_resource, .resource_flags = FIELD_EDIT,
	  .description = "Every mailbox of the target gets mail under the new name too." },
	{ .name = "alias-domain list", .usage = "",
	  .summary = "List alias domains",
	  .privilege = COMMAND_DATABASE, .run = object_run_list,
	  .object = &KIND, .options = LIST_OPTIONS },
	{ .name = "alias-domain show", .usage = "NAME",
	  .summary = "Show everything about an alias domain",
	  .privilege = COMMAND_DATABASE, .run = object_run_show,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "alias-domain edit", .usage = "NAME",
	  .summary = "Change an alias domain",
	  .privilege = COMMAND_DATABASE, .run = object_run_edit,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &alias_domain_resource, .resource_flags = FIELD_EDIT },
	{ .name = "alias-domain remove", .usage = "NAME",
	  .summary = "Remove an alias domain and its aliases",
	  .privilege = COMMAND_DATABASE, .run = object_run_remove,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = NULL },
};
/* clang-format on */
