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
run_list(struct command_call *call)
{
	return object_list(call, &app_password_resource);
}

static int
run_show(struct command_call *call)
{
	struct app_password app;
	struct model model;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = model_load(&model, &app_password_resource,
		command_argument(call, 0), &app, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print(call, &app_password_resource, &app, NULL, NULL);
	return 0;
}

static int
run_edit(struct command_call *call)
{
	struct app_password app = { 0 };
	struct model model;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	if (object_fill(call, &app, &given, &err) != 0 ||
		object_given_some(call, given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = app_password_edit(
		&model, command_argument(call, 0), &app, given, &app, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_changed(call, &app_password_resource, &app, "changed");
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
	status = app_password_remove(&model, command_argument(call, 0), &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_removed(call, command_argument(call, 0));
	return 0;
}

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
	  .privilege = COMMAND_DATABASE, .run = run_list,
	  .arguments_max = 1, .options = LIST_OPTIONS },
	{ .name = "app-password show", .usage = "ID",
	  .summary = "Show everything about an app password",
	  .privilege = COMMAND_DATABASE, .run = run_show,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "app-password edit", .usage = "ID",
	  .summary = "Change an app password",
	  .privilege = COMMAND_DATABASE, .run = run_edit,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &app_password_resource, .resource_flags = FIELD_EDIT },
	{ .name = "app-password remove", .usage = "ID",
	  .summary = "Remove an app password; open sessions end",
	  .privilege = COMMAND_DATABASE, .run = run_remove,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = NULL },
};
/* clang-format on */
