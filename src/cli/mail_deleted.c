/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd mail deleted, undelete: messages that a user deleted, from the
 * folders below ".deleted/" (engines/dovecot) back to where they were.
 * doveadm works for us by the agent's verb `mail`; what it prints are lines
 * of fields with tabs between them, the user name first.
 *
 * A move that was killed in the middle leaves a message in both places; it
 * is told by its GUID, and only taken out of the deleted ones then.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/strbuf.h"
#include "cli/command.h"
#include "cli/mail_work.h"
#include "cli/table.h"
#include "model/address.h"
#include "model/resource.h"

#define PREFIX ".deleted/"
#define UIDS_MAX 500 /* of one move */
#define UIDS_TEXT_MAX 8192
#define FIELDS 9 /* user guid uid saved size mailbox its-guid from subject */
#define MESSAGES_MAX 200000
#define JSON_MAX (1024 * 1024)
#define KIB 1024
#define OUTPUT_MAX 2000
#define DOVEADM_IS_THERE 65 /* folder, at its creation */

struct message {
	const char *guid;
	const char *uid;
	const char *folder; /* without the prefix */
	const char *folder_guid; /* of the folder of deleted messages */
	const char *from;
	const char *subject;
	int64_t saved; /* when it was deleted */
	int64_t size;
	bool back;
};

/* What the lines are that come back. */
enum wanted {
	WANTED_MESSAGES,
	WANTED_GUIDS,
	WANTED_QUOTA
};

struct deleted {
	struct command_call *call;
	char address[ADDRESS_MAX];
	struct message *messages;
	size_t count;
	size_t room;
	struct map *guids; /* in the folder that messages go back to */
	const char *folder; /* whose messages are listed; NULL: all */
	enum wanted wanted;
	int64_t used_kib; /* of the quota */
	int64_t limit_kib; /* 0: none */
	struct strbuf output; /* what is not a line of fields */
};

static char *
unescape(char *text)
{
	char *out = text;

	for (const char *in = text; *in != '\0'; in++) {
		if (in[0] == '\\' && in[1] != '\0') {
			in++;
			*out++ = *in == 't' ? ' ' : *in == 'n' ? ' ' : *in;
		} else {
			*out++ = *in;
		}
	}
	*out = '\0';
	return text;
}

/* How many fields there were, at most FIELDS. */
static size_t
split(struct arena *arena, const char *line, char *fields[FIELDS])
{
	char *rest = arena_strdup(arena, line);
	size_t count = 0;

	while (rest != NULL && count < FIELDS) {
		char *tab = strchr(rest, '\t');

		if (tab != NULL)
			*tab++ = '\0';
		fields[count++] = unescape(rest);
		rest = tab;
	}
	return count;
}

static struct message *
add_message(struct deleted *deleted)
{
	struct arena *arena = deleted->call->arena;

	if (deleted->count == MESSAGES_MAX)
		return NULL;
	if (deleted->count == deleted->room) {
		size_t room = deleted->room == 0 ? 64 : 2 * deleted->room;
		struct message *grown =
			arena_alloc(arena, room * sizeof(*grown));

		if (deleted->count > 0)
			memcpy(grown, deleted->messages,
				deleted->count * sizeof(*grown));
		deleted->messages = grown;
		deleted->room = room;
	}
	return &deleted->messages[deleted->count++];
}

static void
take_message(struct deleted *deleted, char *fields[FIELDS])
{
	struct message *message;
	uint64_t saved, size;

	if (strncmp(fields[5], PREFIX, strlen(PREFIX)) != 0 ||
		(deleted->folder != NULL && strcmp(fields[5] + strlen(PREFIX),
						    deleted->folder) != 0) ||
		span_parse_uint64(span_from(fields[3]), INT64_MAX, &saved) !=
			0 ||
		span_parse_uint64(span_from(fields[4]), INT64_MAX, &size) != 0)
		return;
	message = add_message(deleted);
	if (message != NULL)
		*message = (struct message){ .guid = fields[1],
			.uid = fields[2],
			.folder = fields[5] + strlen(PREFIX),
			.folder_guid = fields[6],
			.from = fields[7],
			.subject = fields[8],
			.saved = (int64_t)saved,
			.size = (int64_t)size };
}

static void
take_guid(struct deleted *deleted, char *fields[FIELDS])
{
	if (strcmp(fields[2], deleted->folder) == 0)
		map_set(deleted->guids, fields[1], fields[1]);
}

/* name, STORAGE, KiB used, KiB allowed or "-" */
static void
take_quota(struct deleted *deleted, char *fields[FIELDS])
{
	uint64_t used, limit;

	if (strcmp(fields[2], "STORAGE") != 0 ||
		span_parse_uint64(span_from(fields[3]), INT64_MAX, &used) !=
			0 ||
		span_parse_uint64(span_from(fields[4]), INT64_MAX, &limit) != 0)
		return;
	deleted->used_kib = (int64_t)used;
	deleted->limit_kib = (int64_t)limit;
}

static void
take_line(struct deleted *deleted, const char *line)
{
	char *fields[FIELDS];
	size_t count = split(deleted->call->arena, line, fields);
	bool ours = count > 1 && strcmp(fields[0], deleted->address) == 0;

	if (ours && deleted->wanted == WANTED_GUIDS && count == 3)
		take_guid(deleted, fields);
	else if (ours && deleted->wanted == WANTED_QUOTA && count > 4)
		take_quota(deleted, fields);
	else if (ours && deleted->wanted == WANTED_MESSAGES && count == FIELDS)
		take_message(deleted, fields);
	else if (strncmp(line, "Username\t", strlen("Username\t")) != 0 &&
		 deleted->output.length + strlen(line) + 2 < OUTPUT_MAX)
		strbuf_printf(&deleted->output, "%s\n", line);
}

static void
on_packet(json_t *packet, void *context)
{
	const json_t *lines = json_object_get(packet, "lines");

	for (size_t i = 0; i < json_array_size(lines); i++)
		if (json_is_string(json_array_get(lines, i)))
			take_line(context,
				json_string_value(json_array_get(lines, i)));
}

/* parameters is taken. The exit status of doveadm, or -1. */
static int
run(struct deleted *deleted, const char *command, json_t *parameters,
	struct err *err)
{
	int status;

	strbuf_reset(&deleted->output);
	return mail_work_ask(deleted->call, command,
		       json_pack("[s]", deleted->address), parameters,
		       on_packet, deleted, &status, err) < 0
		       ? -1
		       : status;
}

/* What doveadm said, in words of ours where there are any. */
static int
failed(struct deleted *deleted, const char *what, int status, struct err *err)
{
	const char *said = deleted->output.data;

	if (status < 0)
		return -1;
	if (strstr(said, "User doesn't exist") != NULL) {
		(void)err_field(err, ERR_NOT_FOUND, "address",
			"there is no mailbox %s", deleted->address);
		return err_remedy(err,
			"was the mailbox itself removed? mailherd mailbox undelete %s",
			deleted->address);
	}
	if (strstr(said, strerror(ENOSPC)) != NULL) {
		(void)err_set(err, ERR_SYSTEM,
			"%s: the disk of the mail is full: %s", what,
			deleted->call->paths.vmail);
		return err_remedy(err,
			"free or add space, then run it again; nothing is lost");
	}
	(void)err_set(err, ERR_SYSTEM, "%s: doveadm ended with %d: %.300s",
		what, status, said);
	return err_remedy(err,
		"mailherd logs dovecot; what is back already does not come twice");
}

static void
give(json_t *parameters, const char *name, const char *value)
{
	if (value != NULL)
		BUG_ON(json_object_set_new(
			       parameters, name, json_string(value)) < 0);
}

static int
by_folder(const void *left, const void *right)
{
	const struct message *a = left, *b = right;
	int order = strcmp(a->folder, b->folder);

	if (order != 0)
		return order;
	return (a->saved > b->saved) - (a->saved < b->saved);
}

/* doveadm takes a folder's name for a pattern: more than it may come. */
static int
load(struct deleted *deleted, struct err *err)
{
	struct command_call *call = deleted->call;
	const char *folder = command_option(call, "folder");
	json_t *parameters = json_object();
	int status;

	deleted->folder = folder;
	give(parameters, "folder",
		arena_printf(call->arena, PREFIX "%s",
			folder == NULL ? "*" : folder));
	give(parameters, "since", command_option(call, "since"));
	give(parameters, "subject", command_option(call, "subject"));
	status = run(deleted, "deleted-list", parameters, err);
	if (status != 0)
		return failed(deleted, "listing deleted messages", status, err);
	if (deleted->count > 0)
		qsort(deleted->messages, deleted->count,
			sizeof(*deleted->messages), by_folder);
	return 0;
}

static int
load_guids(struct deleted *deleted, const char *folder, struct err *err)
{
	json_t *parameters = json_object();
	int status;

	deleted->folder = folder;
	give(parameters, "folder", folder);
	map_free(&deleted->guids);
	deleted->guids = map_new();
	deleted->wanted = WANTED_GUIDS;
	status = run(deleted, "deleted-guids", parameters, err);
	return status == 0 ? 0
			   : failed(deleted, "looking into the folder", status,
				     err);
}

static int
act(struct deleted *deleted, const char *command, const struct message *first,
	const char *uids, struct err *err)
{
	json_t *parameters = json_object();
	int status;

	if (strcmp(command, "deleted-move") == 0)
		give(parameters, "folder", first->folder);
	give(parameters, "from", first->folder_guid);
	give(parameters, "uids", uids);
	status = run(deleted, command, parameters, err);
	return status == 0
		       ? 0
		       : failed(deleted, "bringing messages back", status, err);
}

/* Those of the slice that are there already, or those that are not. */
static int
act_on_slice(struct deleted *deleted, const char *command, bool there,
	struct message *slice, size_t count, struct err *err)
{
	struct strbuf uids;
	int status = 0;

	strbuf_init(&uids, UIDS_TEXT_MAX);
	for (size_t i = 0; i < count; i++) {
		if ((map_find(deleted->guids, slice[i].guid) != NULL) != there)
			continue;
		strbuf_printf(&uids, "%s%s", uids.length > 0 ? "," : "",
			slice[i].uid);
		slice[i].back = !there;
		/* Its twin, deleted again after a killed move, is not wanted. */
		map_set(deleted->guids, slice[i].guid, &slice[i]);
	}
	if (uids.length > 0)
		status = act(deleted, command, slice, uids.data, err);
	strbuf_deinit(&uids);
	return status;
}

static int
return_folder(struct deleted *deleted, struct message *first, size_t count,
	struct err *err)
{
	json_t *parameters = json_object();
	int status;

	give(parameters, "folder", first->folder);
	status = run(deleted, "deleted-create", parameters, err);
	if (status != 0 && status != DOVEADM_IS_THERE)
		return failed(deleted, "making the folder", status, err);
	if (load_guids(deleted, first->folder, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i += UIDS_MAX) {
		size_t slice = count - i < UIDS_MAX ? count - i : UIDS_MAX;

		if (act_on_slice(deleted, "deleted-drop", true, first + i,
			    slice, err) != 0 ||
			act_on_slice(deleted, "deleted-move", false, first + i,
				slice, err) != 0)
			return -1;
	}
	return 0;
}

static size_t
length_of_folder(const struct deleted *deleted, size_t first)
{
	size_t end = first;

	while (end < deleted->count &&
		strcmp(deleted->messages[end].folder,
			deleted->messages[first].folder) == 0)
		end++;
	return end - first;
}

/*
 * A move is not held up by the quota (tried), so that is asked before, and
 * nothing comes back when not all of it fits.
 */
static int
check_quota(struct deleted *deleted, struct err *err)
{
	int64_t bytes = 0;
	int64_t left;
	int status;

	deleted->wanted = WANTED_QUOTA;
	status = run(deleted, "quota-get", json_object(), err);
	if (status != 0)
		return failed(deleted, "asking for the quota", status, err);
	for (size_t i = 0; i < deleted->count; i++)
		bytes += deleted->messages[i].size;
	left = (deleted->limit_kib - deleted->used_kib) * KIB;
	if (deleted->limit_kib == 0 || bytes <= left)
		return 0;
	(void)err_field(err, ERR_LIMIT, "quota",
		"%s has room for %s, the messages have %s", deleted->address,
		resource_size_text(left > 0 ? left : 0, deleted->call->arena),
		resource_size_text(bytes, deleted->call->arena));
	return err_remedy(err,
		"choose fewer (--since, --folder, --subject), or give it more space: mailherd mailbox edit %s --quota SIZE",
		deleted->address);
}

static int
return_all(struct deleted *deleted, struct err *err)
{
	size_t count;

	for (size_t i = 0; i < deleted->count; i += count) {
		struct message *first = &deleted->messages[i];

		count = length_of_folder(deleted, i);
		if (return_folder(deleted, first, count, err) != 0)
			return -1;
		if (!deleted->call->json)
			(void)printf(
				"%s: %zu messages\n", first->folder, count);
	}
	return 0;
}

static void
print_table(const struct deleted *deleted)
{
	static const char *const HEADS[] = { "deleted", "folder", "size",
		"from", "subject" };
	struct arena *arena = deleted->call->arena;
	struct table *table = table_new();

	for (size_t i = 0; i < ARRAY_LENGTH(HEADS); i++)
		table_cell(table, HEADS[i]);
	table_row_end(table);
	for (size_t i = 0; i < deleted->count; i++) {
		const struct message *m = &deleted->messages[i];

		table_cell(table, resource_time_text(m->saved, arena));
		table_cell(table, m->folder);
		table_cell(table, resource_size_text(m->size, arena));
		table_cell(table, m->from);
		table_cell(table, m->subject);
		table_row_end(table);
	}
	table_flush(table);
	table_free(&table);
}

static void
print_json(const struct deleted *deleted)
{
	struct strbuf text;
	struct json_writer w;

	strbuf_init(&text, JSON_MAX);
	json_writer_init(&w, &text);
	json_array_open(&w, NULL);
	for (size_t i = 0; i < deleted->count; i++) {
		const struct message *m = &deleted->messages[i];

		json_object_open(&w, NULL);
		json_text(&w, "folder", m->folder);
		json_number(&w, "deleted", m->saved);
		json_number(&w, "size", m->size);
		json_text(&w, "from", m->from);
		json_text(&w, "subject", m->subject);
		json_bool(&w, "back", m->back);
		json_object_close(&w);
		(void)fwrite(text.data, 1, text.length, stdout);
		strbuf_reset(&text);
	}
	json_array_close(&w);
	(void)printf("%s\n", text.data);
	strbuf_deinit(&text);
}

static int
begin(struct deleted *deleted, struct command_call *call, struct err *err)
{
	*deleted = (struct deleted){ .call = call };
	strbuf_init(&deleted->output, OUTPUT_MAX);
	return address_canonical(command_argument(call, 0), false, "address",
		deleted->address, err);
}

static int
end(struct deleted *deleted, int status, const struct err *err)
{
	struct command_call *call = deleted->call;

	map_free(&deleted->guids);
	strbuf_deinit(&deleted->output);
	return status == 0 ? 0 : command_fail(call, err);
}

static int
run_deleted(struct command_call *call)
{
	struct deleted deleted;
	struct err err = { 0 };
	int status = begin(&deleted, call, &err);

	if (status == 0)
		status = load(&deleted, &err);
	if (status == 0 && call->json)
		print_json(&deleted);
	else if (status == 0)
		print_table(&deleted);
	return end(&deleted, status, &err);
}

static int
run_undelete(struct command_call *call)
{
	bool dry = command_option(call, "dry-run") != NULL;
	struct deleted deleted;
	struct err err = { 0 };
	int status = begin(&deleted, call, &err);

	if (status == 0)
		status = load(&deleted, &err);
	if (status == 0 && !dry && deleted.count > 0)
		status = check_quota(&deleted, &err);
	if (status == 0 && !dry)
		status = return_all(&deleted, &err);
	if (status == 0 && call->json)
		print_json(&deleted);
	else if (status == 0 && dry)
		print_table(&deleted);
	else if (status == 0)
		(void)printf("%zu messages brought back\n", deleted.count);
	return end(&deleted, status, &err);
}

#define FILTERS                                                                \
	{ .name = "since",                                                     \
		.value = "WHEN",                                               \
		.sentence = "Deleted since then: 2026-01-31, or 3d, 12h" },    \
		{ .name = "folder",                                            \
			.value = "NAME",                                       \
			.sentence = "Of this folder, as Work/2026" },          \
	{                                                                      \
		.name = "subject", .value = "TEXT",                            \
		.sentence = "Whose subject contains this text"                 \
	}

static const struct command_option DELETED_OPTIONS[] = {
	FILTERS,
	{ .name = NULL },
};

static const struct command_option UNDELETE_OPTIONS[] = {
	FILTERS,
	{ .name = "dry-run", .sentence = "Show them, bring nothing back" },
	{ .name = NULL },
};

/* clang-format off */
const struct command mail_commands[] = {
	{ .name = "mail deleted", .usage = "ADDRESS",
	  .summary = "List deleted messages of a mailbox that can be brought back",
	  .privilege = COMMAND_ROOT, .run = run_deleted,
	  .arguments_min = 1, .arguments_max = 1, .options = DELETED_OPTIONS },
	{ .name = "mail undelete", .usage = "ADDRESS",
	  .summary = "Bring deleted messages back to their folders",
	  .privilege = COMMAND_ROOT, .run = run_undelete,
	  .arguments_min = 1, .arguments_max = 1, .options = UNDELETE_OPTIONS,
	  .description = "Messages that a user deleted are kept for some days (mail.undelete_days). They come\n"
	    "back as they were; folders that are gone are made again. May be run again." },
	{ .name = NULL },
};
/* clang-format on */
