/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd mailbox ... */
#include "model/mailbox.h"

#include <stdio.h>

#include "cli/mailbox_import.h"
#include "cli/mailbox_recount.h"
#include "cli/mailbox_removed.h"
#include "cli/mailbox_usage.h"
#include "cli/object.h"
#include "cli/password_input.h"

struct extra {
	struct command_call *call;
	const struct mailbox *mailbox;
	const struct mailbox_usage *usage; /* or NULL */
	const char *generated; /* or NULL */
};

static void
write_extra(struct json_writer *w, void *context)
{
	const struct extra *extra = context;

	json_text(w, "path",
		mailbox_home(&extra->call->paths, extra->mailbox->store_id,
			extra->call->arena));
	if (extra->usage != NULL)
		mailbox_usage_write(extra->usage, w);
	if (extra->generated != NULL)
		json_text(w, "password", extra->generated);
}

static void
print_changed(struct command_call *call, const struct mailbox *mailbox,
	const char *done, const char *generated)
{
	struct extra extra = { call, mailbox, NULL, generated };

	if (call->json) {
		object_print(
			call, &mailbox_resource, mailbox, write_extra, &extra);
		return;
	}
	object_print_changed(call, &mailbox_resource, mailbox, done);
	if (generated != NULL)
		(void)printf("password %s\n", generated);
}

static int
run_add(struct command_call *call)
{
	struct mailbox mailbox;
	struct model model;
	struct password_input password;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	resource_defaults(&mailbox_resource, &mailbox);
	mailbox.address = command_argument(call, 0);
	if (object_fill(call, &mailbox, &given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	/* Before a person types a password twice for nothing. */
	status = mailbox_add_check(&model, &mailbox, given, &err);
	if (status == 0)
		status = password_input_read(call, &model, &password, &err);
	if (status == 0) {
		mailbox.password = password.hash;
		status = mailbox_add(&model, &mailbox, given, &mailbox, &err);
	}
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	print_changed(call, &mailbox, "added", password.generated);
	return 0;
}

static int
run_path(struct command_call *call)
{
	struct mailbox mailbox;
	struct err err = { 0 };
	const char *path;

	if (object_load(call, &mailbox, &err) != 0)
		return command_fail(call, &err);
	path = mailbox_home(&call->paths, mailbox.store_id, call->arena);
	if (call->json)
		(void)printf("{\"path\":\"%s\"}\n", path);
	else
		(void)puts(path);
	return 0;
}

static int
run_passwd(struct command_call *call)
{
	struct mailbox mailbox = { 0 };
	struct model model;
	struct password_input password;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	/* Before a person types a password twice for nobody. */
	status =
		mailbox_load(&model, command_argument(call, 0), &mailbox, &err);
	if (status == 0)
		status = password_input_read(call, &model, &password, &err);
	if (status == 0) {
		mailbox.password = password.hash;
		status = mailbox_edit(&model, command_argument(call, 0),
			&mailbox, resource_bit(&mailbox_resource, "password"),
			&mailbox, &err);
	}
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	print_changed(call, &mailbox, "has a new password", password.generated);
	return 0;
}

static void
print_with_usage(struct command_call *call, const void *object)
{
	const struct mailbox *mailbox = object;
	struct mailbox_usage usage;
	struct extra extra = { call, mailbox, &usage, NULL };

	mailbox_usage_read(&call->paths, mailbox->id, call->arena, &usage);
	object_print(call, &mailbox_resource, mailbox, write_extra, &extra);
	if (!call->json)
		mailbox_usage_print(&usage, call->arena);
}

static void
print_edited(struct command_call *call, const void *object)
{
	print_changed(call, object, "changed", NULL);
}

static int
load(struct model *model, const char *key, void *object_out, struct err *err)
{
	return mailbox_load(model, key, object_out, err);
}

static int
edit(struct model *model, const char *key, void *object, uint64_t given,
	struct err *err)
{
	return mailbox_edit(model, key, object, given, object, err);
}

static const struct object_kind KIND = {
	.resource = &mailbox_resource,
	.load = load,
	.edit = edit,
	.print = print_with_usage,
	.print_edited = print_edited,
};

static const struct command_option LIST_OPTIONS[] = {
	{ .name = "domain",
		.value = "DOMAIN",
		.sentence = "Only mailboxes of this domain" },
	OBJECT_LIST_OPTIONS,
	{ .name = NULL },
};

static const struct command_option PASSWORD_OPTIONS[] = {
	PASSWORD_INPUT_OPTIONS,
	{ .name = NULL },
};

/* clang-format off */
const struct command mailbox_commands[] = {
	{ .name = "mailbox add", .usage = "ADDRESS",
	  .summary = "Add a mailbox",
	  .privilege = COMMAND_DATABASE, .run = run_add,
	  .arguments_min = 1, .arguments_max = 1, .options = PASSWORD_OPTIONS,
	  .resource = &mailbox_resource, .resource_flags = FIELD_ADD,
	  .description = "Asks for the password on a terminal. The mailbox is in force at once." },
	{ .name = "mailbox list", .usage = "",
	  .summary = "List mailboxes",
	  .privilege = COMMAND_DATABASE, .run = object_run_list,
	  .object = &KIND, .options = LIST_OPTIONS },
	{ .name = "mailbox show", .usage = "ADDRESS",
	  .summary = "Show everything about a mailbox",
	  .privilege = COMMAND_DATABASE, .run = object_run_show,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "mailbox edit", .usage = "ADDRESS",
	  .summary = "Change a mailbox",
	  .privilege = COMMAND_DATABASE, .run = object_run_edit,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1,
	  .resource = &mailbox_resource, .resource_flags = FIELD_EDIT },
	{ .name = "mailbox passwd", .usage = "ADDRESS",
	  .summary = "Set the password of a mailbox; open sessions end",
	  .privilege = COMMAND_DATABASE, .run = run_passwd,
	  .arguments_min = 1, .arguments_max = 1,
	  .options = PASSWORD_OPTIONS },
	{ .name = "mailbox path", .usage = "ADDRESS",
	  .summary = "Print the directory that holds a mailbox",
	  .privilege = COMMAND_DATABASE, .run = run_path,
	  .object = &KIND,
	  .arguments_min = 1, .arguments_max = 1 },
	{ .name = "mailbox remove", .usage = "ADDRESS",
	  .summary = "Remove a mailbox; its mail moves to the garbage area",
	  .privilege = COMMAND_DATABASE, .run = mailbox_removed_remove,
	  .arguments_min = 1, .arguments_max = 1,
	  .options = mailbox_removed_remove_options,
	  .description = "It is taken out of all aliases; aliases that led only there are removed. For some\n"
	    "days (setting garbage_days) mailherd mailbox undelete brings all of it back." },
	{ .name = "mailbox deleted", .usage = "",
	  .summary = "List removed mailboxes that can be brought back",
	  .privilege = COMMAND_DATABASE, .run = mailbox_removed_list,
	  .options = mailbox_removed_list_options },
	{ .name = "mailbox undelete", .usage = "ADDRESS",
	  .summary = "Bring a removed mailbox back, with mail, aliases and app passwords",
	  .privilege = COMMAND_DATABASE, .run = mailbox_removed_return,
	  .arguments_min = 1, .arguments_max = 1,
	  .options = mailbox_removed_return_options,
	  .description = "Of several that had the address the one that was removed last comes back; a store\n"
	    "id (mailherd mailbox deleted) names another one." },
	{ .name = "mailbox purge", .usage = "ADDRESS",
	  .summary = "Delete removed mailboxes of an address for good",
	  .privilege = COMMAND_DATABASE, .run = mailbox_removed_purge,
	  .arguments_min = 1, .arguments_max = 1,
	  .options = mailbox_removed_purge_options,
	  .description = "Their mail, password hashes and all else that was remembered is deleted. The audit\n"
	    "keeps that there was such a mailbox." },
	{ .name = "mailbox recount", .usage = "[ADDRESS]...",
	  .summary = "Count the mail of mailboxes anew",
	  .privilege = COMMAND_DATABASE, .run = mailbox_recount_run,
	  .arguments_max = COMMAND_ANY_COUNT,
	  .options = mailbox_recount_options,
	  .description = "Mends the number of bytes and messages when it is wrong, in Dovecot's index and in\n"
	    "what mailbox show, IMAP and Postfix go by. Works in the background; nobody waits for it." },
	{ .name = "mailbox import", .usage = "FILE",
	  .summary = "Add many mailboxes from a file of JSON lines",
	  .privilege = COMMAND_DATABASE, .run = mailbox_import_run,
	  .arguments_min = 1, .arguments_max = 1, .argument_is_file = true,
	  .options = mailbox_import_options,
	  .description = "Each line is an object with address, password_hash and any option of mailbox add\n"
	    "(name, quota, active, imap ...). Lines are written 500 at a time; a bad line\n"
	    "undoes its 500 and is named. FILE may be - for standard input." },
	{ .name = NULL },
};
/* clang-format on */
