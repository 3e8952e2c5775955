/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A row is changed here; the mail follows it within moments when the suite
 * runs, else as soon as it does (jobs/store_keeper.h).
 */
#include "cli/mailbox_removed.h"

#include <stdio.h>

#include "base/clock.h"
#include "cli/confirm.h"
#include "cli/object.h"
#include "cli/table.h"
#include "model/removed_mailbox.h"
#include "model/setting.h"

#define JSON_MAX (1024 * 1024)
#define HOUR_SECONDS 3600

const struct command_option mailbox_removed_remove_options[] = {
	{ .name = "now",
		.sentence = "Delete it for good, it can not be brought back" },
	{ .name = "yes", .sentence = "Do not ask before it is deleted" },
	{ .name = NULL },
};

const struct command_option mailbox_removed_list_options[] = {
	{ .name = "search",
		.value = "TEXT",
		.sentence = "Only addresses that contain this text" },
	{ .name = NULL },
};

const struct command_option mailbox_removed_return_options[] = {
	{ .name = "as",
		.value = "ADDRESS",
		.sentence = "Bring it back under another address" },
	{ .name = NULL },
};

const struct command_option mailbox_removed_purge_options[] = {
	{ .name = "yes", .sentence = "Do not ask before it is deleted" },
	{ .name = NULL },
};

/* {"removed":"x","days":7} or the sentence that says how to take it back. */
static void
print_kept(struct command_call *call, const char *address, int64_t days)
{
	if (call->json || days == 0) {
		object_print_removed(call, address);
		return;
	}
	(void)printf("%s removed\nfor %lld days it can be brought back:"
		     " mailherd mailbox undelete %s\n",
		address, (long long)days, address);
}

static int
remove_now(struct command_call *call, struct model *model, struct err *err)
{
	const char *address = command_argument(call, 0);
	struct mailbox mailbox;

	if (mailbox_load(model, address, &mailbox, err) != 0 ||
		confirm(call, err, "%s and its mail are deleted for good.",
			mailbox.address) != 0)
		return -1;
	return mailbox_remove_now(model, address, err);
}

int
mailbox_removed_remove(struct command_call *call)
{
	const char *address = command_argument(call, 0);
	bool now = command_option(call, "now") != NULL;
	struct model model;
	struct err err = { 0 };
	int64_t days = 0;
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	if (now)
		status = remove_now(call, &model, &err);
	else
		status = mailbox_remove(&model, address, &err);
	if (status == 0 && !now)
		status = setting_number(
			model.core, SETTING_GARBAGE_DAYS, &days, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	print_kept(call, address, days);
	return 0;
}

/* The list. */

struct listing {
	struct command_call *call;
	struct model *model;
	struct table *table;
	struct strbuf text;
	struct json_writer w;
};

static const char *const STATES[] = {
	[REMOVED_KEPT] = "kept",
	[REMOVED_RETURNING] = "returning",
	[REMOVED_PURGED] = "being deleted",
};

/* "6 d 23 h" */
static const char *
time_left(int64_t seconds, struct arena *arena)
{
	int64_t hours = seconds > 0 ? seconds / HOUR_SECONDS : 0;

	return arena_printf(arena, "%lld d %lld h", (long long)(hours / 24),
		(long long)(hours % 24));
}

static void
write_row(
	struct listing *list, const struct removed_mailbox *row, int64_t until)
{
	json_object_open(&list->w, NULL);
	json_text(&list->w, "address", row->address);
	json_text(&list->w, "store_id", row->store_id);
	json_text(&list->w, "state", STATES[row->state]);
	json_bool(&list->w, "settled", row->settled);
	json_number(&list->w, "removed", row->removed);
	json_number(&list->w, "until", until);
	if (row->bytes >= 0)
		json_number(&list->w, "bytes", row->bytes);
	else
		json_write_null(&list->w, "bytes");
	json_object_close(&list->w);
	(void)fwrite(list->text.data, 1, list->text.length, stdout);
	strbuf_reset(&list->text);
}

static void
print_row(struct listing *list, const struct removed_mailbox *row,
	int64_t until, struct arena *arena)
{
	bool kept = row->state == REMOVED_KEPT;

	table_cell(list->table, row->address);
	table_cell(list->table, resource_time_text(row->removed, arena));
	table_cell(list->table,
		kept ? time_left(until - clock_wall_seconds(), arena)
		     : STATES[row->state]);
	table_cell(list->table,
		row->bytes < 0 ? "?" : resource_size_text(row->bytes, arena));
	table_cell(list->table, row->store_id);
	table_row_end(list->table);
}

static int
list_row(void *context, const struct removed_mailbox *row, struct arena *arena,
	struct err *err)
{
	struct listing *list = context;
	int64_t until;

	if (removed_mailbox_until(list->model, row, &until, err) != 0)
		return -1;
	if (list->call->json)
		write_row(list, row, until);
	else
		print_row(list, row, until, arena);
	return 0;
}

static void
begin_list(struct listing *list)
{
	static const char *const HEADS[] = { "address", "removed", "time left",
		"size", "store id" };

	strbuf_init(&list->text, JSON_MAX);
	json_writer_init(&list->w, &list->text);
	list->table = table_new();
	if (list->call->json) {
		json_array_open(&list->w, NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(HEADS); i++)
		table_cell(list->table, HEADS[i]);
	table_row_end(list->table);
}

static void
end_list(struct listing *list, bool complete)
{
	if (list->call->json && complete) {
		json_array_close(&list->w);
		(void)printf("%s\n", list->text.data);
	}
	table_flush(list->table);
	table_free(&list->table);
	strbuf_deinit(&list->text);
}

static void
print_total(const struct removed_total *total, struct arena *arena)
{
	(void)printf("%lld mailboxes, %s\n", (long long)total->mailboxes,
		resource_size_text(total->bytes, arena));
}

int
mailbox_removed_list(struct command_call *call)
{
	struct model model;
	struct listing list = { .call = call, .model = &model };
	struct removed_total total;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	begin_list(&list);
	status = removed_mailbox_list(
		&model, command_option(call, "search"), list_row, &list, &err);
	end_list(&list, status == 0);
	if (status == 0)
		status = removed_mailbox_total(
			model.core, /* overdue_before */ 0, &total, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	if (!call->json)
		print_total(&total, call->arena);
	return 0;
}

/* Bringing back. */

static void
write_texts(struct json_writer *w, const char *name, const char *const *texts)
{
	json_array_open(w, name);
	for (size_t i = 0; texts[i] != NULL; i++)
		json_text(w, NULL, texts[i]);
	json_array_close(w);
}

static void
write_returned(struct json_writer *w, void *context)
{
	const struct removed_return *returned = context;

	json_number(w, "app_passwords", returned->app_passwords);
	write_texts(w, "aliases", returned->aliases);
	write_texts(w, "aliases_refused", returned->refused);
}

static void
print_returned(struct command_call *call, struct removed_return *returned)
{
	if (call->json) {
		object_print(call, &mailbox_resource, &returned->mailbox,
			write_returned, returned);
		return;
	}
	object_print_changed(call, &mailbox_resource, &returned->mailbox,
		"is back; its mail follows within moments");
	if (returned->app_passwords > 0)
		(void)printf("app passwords  %lld\n",
			(long long)returned->app_passwords);
	for (size_t i = 0; returned->aliases[i] != NULL; i++)
		(void)printf("alias          %s\n", returned->aliases[i]);
	for (size_t i = 0; returned->refused[i] != NULL; i++)
		(void)printf("alias not back %s\n", returned->refused[i]);
}

int
mailbox_removed_return(struct command_call *call)
{
	struct removed_return returned;
	struct model model;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = removed_mailbox_return(&model, command_argument(call, 0),
		command_option(call, "as"), &returned, &err);
	model_close(&model);
	if (status != 0) {
		if (err.code == ERR_EXISTS)
			(void)err_remedy(&err,
				"give another address: mailherd mailbox undelete %s --as ADDRESS",
				command_argument(call, 0));
		return command_fail(call, &err);
	}
	print_returned(call, &returned);
	return 0;
}

static int
purge(struct command_call *call, struct model *model, int64_t *count_out,
	struct err *err)
{
	const char *key = command_argument(call, 0);
	struct removed_mailbox row;

	if (removed_mailbox_load(model, key, &row, err) != 0 ||
		confirm(call, err,
			"The removed mailboxes %s and their mail are deleted for good.",
			key) != 0)
		return -1;
	return removed_mailbox_purge(model, key, count_out, err);
}

int
mailbox_removed_purge(struct command_call *call)
{
	struct model model;
	struct err err = { 0 };
	int64_t count;
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = purge(call, &model, &count, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	if (call->json)
		(void)printf("{\"purged\":%lld}\n", (long long)count);
	else
		(void)printf("%lld removed mailboxes are being deleted\n",
			(long long)count);
	return 0;
}
