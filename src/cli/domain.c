/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd domain ... */
#include "model/domain.h"

#include <stdio.h>

#include "cli/confirm.h"
#include "cli/object.h"

static int
run_add(struct command_call *call)
{
	struct domain domain;
	struct model model;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	resource_defaults(&domain_resource, &domain);
	domain.name = command_argument(call, 0);
	if (object_fill(call, &domain, &given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = domain_add(&model, &domain, &domain, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_changed(call, &domain_resource, &domain,
		"added; mailherd dns shows the records to publish");
	return 0;
}

static int
remove_all(struct command_call *call, struct model *model, struct err *err)
{
	const char *name = command_argument(call, 0);
	int64_t count;

	if (confirm(call, err, "All mailboxes of %s are removed with it.",
		    name) != 0 ||
		domain_remove_all(model, name, &count, err) != 0)
		return -1;
	if (!call->json)
		(void)printf("%lld mailboxes removed\n", (long long)count);
	return 0;
}

static int
run_remove(struct command_call *call)
{
	const char *name = command_argument(call, 0);
	bool all = command_option(call, "with-mailboxes") != NULL;
	struct model model;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = all ? remove_all(call, &model, &err)
		     : domain_remove(&model, name, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_removed(call, name);
	return 0;
}

static int
load(struct model *model, const char *key, void *object_out, struct err *err)
{
	return domain_load(model, key, object_out, err);
}

static int
edit(struct model *model, const char *key, void *object, uint64_t given,
	struct err *err)
{
	return domain_edit(model, key, object, given, object, err);
}

static const struct object_kind KIND = {
	.resource = &domain_resource,
	.load = load,
	.edit = edit,
};

static const struct command_option LIST_OPTIONS[] = {
	OBJECT_LIST_OPTIONS,
	{ .name = NULL },
};

static const struct command_option REMOVE_OPTIONS[] = {
	{ .name = "with-mailboxes", .sentence = "Remove its mailboxes, too" },
	{ .name = "yes",
		.sentence = "Do not ask before mailboxes are removed" },
	{ .name = NULL },
};

/* clang-format off */
const struct command domain_commands[] = {
	{ .name = "domain add", .usage = "DOMAIN",
	  .summary = "Accept mail for a domain",
	  .privilege = COMMAND_DATABASE, .run = run_add,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &domain_resource, .resource_flags = FIELD_ADD,
	  .description = "Makes a DKIM key for it too. mailherd dns prints the records to publish." },
	{ .name = "domain list", .usage = "",
	  .summary = "List domains",
	  .privilege = COMMAND_DATABASE, .run = object_run_list,
	  .object = &KIND, .options = LIST_OPTIONS },
	{ .name = "domain show", .usage = "DOMAIN",
	  .summary = "Show everything about a domain",
	  .privilege = COMMAND_DATABASE, .run = object_run_show,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "domain edit", .usage = "DOMAIN",
	  .summary = "Change a domain",
	  .privilege = COMMAND_DATABASE, .run = object_run_edit,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &domain_resource, .resource_flags = FIELD_EDIT },
	{ .name = "domain remove", .usage = "DOMAIN",
	  .summary = "Remove a domain",
	  .privilege = COMMAND_DATABASE, .run = run_remove,
	  .arguments_min = 1, .arguments_max = 1, .options = REMOVE_OPTIONS,
	  .description = "Its alias domains and aliases go with it. The DKIM key is kept and used again\n"
	    "when the domain is added again. Mailboxes that were removed with it can be brought\n"
	    "back then: mailherd mailbox undelete." },
	{ .name = NULL },
};
/* clang-format on */
