/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses are looked up first: a misspelt one stops nothing half-way. */
#include "cli/mailbox_recount.h"

#include <stdio.h>

#include "base/json_write.h"
#include "cli/mail_work.h"
#include "cli/object.h"
#include "model/mailbox.h"

#define SLICE 100 /* mailboxes, of one request and one line of progress */
#define SAID_MAX 1000
#define JSON_MAX 1024
#define NO_ACTIVE 0 /* of mailbox.active: Dovecot does not know it */

struct recount {
	struct command_call *call;
	json_t *addresses; /* all that are to be counted */
	struct strbuf said; /* by doveadm, about faults */
};

static void
add(struct recount *recount, const char *address)
{
	BUG_ON(json_array_append_new(recount->addresses, json_string(address)) <
		0);
}

static int
take_row(void *context, const void *object, struct arena *arena UNUSED,
	struct err *err UNUSED)
{
	const struct mailbox *mailbox = object;

	if (mailbox->active != NO_ACTIVE)
		add(context, mailbox->address);
	return 0;
}

static int
take_named(struct recount *recount, struct model *model, struct err *err)
{
	const char *name;

	for (size_t i = 0; (name = command_argument(recount->call, i)) != NULL;
		i++) {
		struct mailbox mailbox;

		if (mailbox_load(model, name, &mailbox, err) != 0)
			return -1;
		if (mailbox.active == NO_ACTIVE) {
			(void)err_field(err, ERR_INVALID, "address",
				"%s is off, its mail does not change",
				mailbox.address);
			return err_remedy(err,
				"mailherd mailbox edit %s --active on",
				mailbox.address);
		}
		add(recount, mailbox.address);
	}
	return 0;
}

static int
find_addresses(struct recount *recount, struct err *err)
{
	struct command_call *call = recount->call;
	bool all = command_option(call, "all") != NULL;
	struct model model;
	int status;

	if (all == (call->argument_count > 0)) {
		(void)err_field(err, ERR_INVALID, "address",
			all ? "--all takes no address" : "no mailbox is named");
		return err_remedy(
			err, "mailherd mailbox recount ADDRESS..., or --all");
	}
	if (object_open(call, &model, err) != 0)
		return -1;
	status =
		all ? model_list(&model, &mailbox_resource,
			      &(struct model_list){ 0 }, take_row, recount, err)
		    : take_named(recount, &model, err);
	model_close(&model);
	return status;
}

static void
on_packet(json_t *packet, void *context)
{
	struct recount *recount = context;
	const json_t *lines = json_object_get(packet, "lines");

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *line = json_string_value(json_array_get(lines, i));

		if (line != NULL)
			strbuf_printf(&recount->said, "%s\n", line);
	}
}

static int
count_slice(struct recount *recount, size_t first, struct err *err)
{
	json_t *slice = json_array();
	int status;

	for (size_t i = first; i < first + SLICE; i++)
		(void)json_array_append(/* none beyond the end */
			slice, json_array_get(recount->addresses, i));
	if (mail_work_ask(recount->call, "recount", slice, NULL, on_packet,
		    recount, &status, err) < 0)
		return -1;
	if (status == 0)
		return 0;
	(void)err_set(err, ERR_SYSTEM, "doveadm ended with %d: %.300s", status,
		recount->said.data);
	return err_remedy(err, "mailherd logs dovecot");
}

static int
count_all(struct recount *recount, struct err *err)
{
	size_t count = json_array_size(recount->addresses);

	for (size_t first = 0; first < count; first += SLICE) {
		size_t done = first + SLICE < count ? first + SLICE : count;

		if (count_slice(recount, first, err) != 0)
			return err_prefix(err, "after %zu of %zu mailboxes",
				first, count);
		if (!recount->call->json && count > SLICE)
			(void)fprintf(stderr, "%zu of %zu\n", done, count);
	}
	return 0;
}

static void
print(const struct recount *recount)
{
	size_t count = json_array_size(recount->addresses);
	struct strbuf text;
	struct json_writer w;

	if (!recount->call->json) {
		(void)printf("%zu mailbox%s counted anew\n", count,
			count == 1 ? "" : "es");
		return;
	}
	strbuf_init(&text, JSON_MAX);
	json_writer_init(&w, &text);
	json_object_open(&w, NULL);
	json_number(&w, "counted", (int64_t)count);
	json_object_close(&w);
	(void)puts(text.data);
	strbuf_deinit(&text);
}

int
mailbox_recount_run(struct command_call *call)
{
	struct recount recount = { .call = call, .addresses = json_array() };
	struct err err = { 0 };
	int status;

	strbuf_init(&recount.said, SAID_MAX);
	status = find_addresses(&recount, &err);
	if (status == 0)
		status = count_all(&recount, &err);
	if (status == 0)
		print(&recount);
	json_decref(recount.addresses);
	strbuf_deinit(&recount.said);
	return status == 0 ? 0 : command_fail(call, &err);
}

const struct command_option mailbox_recount_options[] = {
	{ .name = "all", .sentence = "Every mailbox that is not off" },
	{ .name = NULL },
};
