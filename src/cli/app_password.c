/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd app-password ... */
#include "model/app_password.h"

#include <stdio.h>

#include "cli/object.h"
#include "cli/password_input.h"

static void
write_generated(struct json_writer *w, void *context)
{
	json_text(w, "password", context);
}

static int
run_add(struct command_call *call)
{
	struct app_password app;
	struct model model;
	struct password_input password;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	resource_defaults(&app_password_resource, &app);
	app.mailbox = command_argument(call, 0);
	if (object_fill(call, &app, &given, &err) != 0 ||
		password_input_random(
			call, APP_PASSWORD_LENGTH, &password, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	app.hash = password.hash;
	status = app_password_add(&model, &app, &app, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	if (call->json) {
		object_print(call, &app_password_resource, &app,
			write_generated, (void *)password.generated);
		return 0;
	}
	object_print_changed(call, &app_password_resource, &app, "added");
	(void)printf("password %s\n", password.generated);
	return 0;
}

static int
load(struct model *model, const char *key, void *object_out, struct err *err)
{
	return model_load(model, &app_password_resource, key, object_out, err);
}

static int
edit(struct model *model, const char *key, void *object, uint64_t given,
	struct err *err)
{
	return app_password_edit(model, key, object, given, object, err);
}

static const struct object_kind KIND = {
	.resource = &app_password_resource,
	.load = load,
	.edit = edit,
	.remove = app_password_remove,
};

static const struct command_option LIST_OPTIONS[] = {
	OBJECT_LIST_OPTIONS,
	{ .name = NULL },
};

/* clang-format off */
const struct command app_password_commands[] = {
	{ .name = "app-password add", .usage = "ADDRESS",
	  .summary = "Make a further password of a mailbox, for one device",
	  .privilege = COMMAND_DATABASE, .run = run_add,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &app_password_resource, .resource_flags = FIELD_ADD,
	  .description = "Prints the password once; only its hash is kept. It opens what its own\nrights say, whatever the mailbox's switches say." },
	{ .name = "app-password list", .usage = "[ADDRESS]",
	  .summary = "List app passwords, of one mailbox or all",
	  .privilege = COMMAND_DATABASE, .run = object_run_list,
	  .object = &KIND,
	  .arguments_max = 1, .options = LIST_OPTIONS },
	{ .name = "app-password show", .usage = "ID",
	  .summary = "Show everything about an app password",
	  .privilege = COMMAND_DATABASE, .run = object_run_show,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "app-password edit", .usage = "ID",
	  .summary = "Change an app password",
	  .privilege = COMMAND_DATABASE, .run = object_run_edit,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &app_password_resource, .resource_flags = FIELD_EDIT },
	{ .name = "app-password remove", .usage = "ID",
	  .summary = "Remove an app password; open sessions end",
	  .privilege = COMMAND_DATABASE, .run = object_run_remove,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = NULL },
};
/* clang-format on */
