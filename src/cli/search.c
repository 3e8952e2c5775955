/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd search: the index for searching in mail. The agent is asked for
 * one mailbox at a time, so that an interruption ends after it and the
 * next call may begin again; what is indexed already costs little then.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json_write.h"
#include "cli/command.h"
#include "cli/mail_work.h"
#include "cli/object.h"
#include "model/address.h"
#include "store/db.h"

#define STATE_MAX (4 * 1024 * 1024)
#define COMPLAINT_MAX 400

/* clang-format off */
static const struct db_statement SQL_NEXT = { "search-next",
	"SELECT address FROM mailbox WHERE address > ?1 AND active IN (1, 2)"
	" ORDER BY address LIMIT 1", NULL };
static const struct db_statement SQL_FIND = { "search-find",
	"SELECT address FROM mailbox WHERE address = ?1 AND active IN (1, 2)",
	NULL };
static const struct db_statement SQL_COUNT = { "search-count",
	"SELECT count(*) FROM mailbox WHERE active IN (1, 2)",
	"progress of a command on all mailboxes" };

/* clang-format on */

/* What a command asks the agent for, in this order. */
struct task {
	const char *name; /* of the command */
	const char *commands[3];
};

static const struct task TASKS[] = {
	{ "search index", { "index", NULL } },
	{ "search rescan", { "fts-rescan", NULL } },
	{ "search optimize", { "fts-optimize", NULL } },
	{ "search rebuild", { "fts-rescan", "index", NULL } },
};

struct round {
	struct command_call *call;
	struct db *core;
	const struct task *task;
	size_t number, total;
	size_t failed;
	char complaint[COMPLAINT_MAX]; /* of one mailbox */
};

static void
on_progress(json_t *packet, void *context)
{
	struct round *round = context;
	size_t index;
	json_t *line;

	json_array_foreach(json_object_get(packet, "lines"), index, line)
	{
		const char *text = json_string_value(line);
		const char *error = text ? strstr(text, "Error: ") : NULL;

		if (error != NULL && round->complaint[0] == '\0')
			snprintf(round->complaint, COMPLAINT_MAX, "%s",
				error + strlen("Error: "));
	}
}

static int
ask(struct round *round, const char *command, const char *address,
	struct err *err)
{
	int status;

	if (mail_work_ask(round->call, command, json_pack("[s]", address), NULL,
		    on_progress, round, &status, err) < 0)
		return -1;
	if (status != 0 && round->complaint[0] == '\0')
		snprintf(round->complaint, COMPLAINT_MAX,
			"doveadm ended with status %d", status);
	return 0;
}

static void
tell(const struct round *round, const char *address)
{
	bool failed = round->complaint[0] != '\0';
	struct strbuf line;
	struct json_writer w;

	if (!round->call->json) {
		printf("%zu of %zu: %s%s%s\n", round->number, round->total,
			address, failed ? ": " : "", round->complaint);
		fflush(stdout);
		return;
	}
	strbuf_init(&line, 4096);
	json_writer_init(&w, &line);
	json_object_open(&w, NULL);
	json_text(&w, "mailbox", address);
	json_number(&w, "number", (int64_t)round->number);
	json_number(&w, "total", (int64_t)round->total);
	json_bool(&w, "ok", !failed);
	if (failed)
		json_text(&w, "text", round->complaint);
	json_object_close(&w);
	puts(line.data);
	fflush(stdout);
	strbuf_deinit(&line);
}

static int
do_mailbox(struct round *round, const char *address, struct err *err)
{
	round->number++;
	round->complaint[0] = '\0';
	for (const char *const *c = round->task->commands;
		*c != NULL && round->complaint[0] == '\0'; c++)
		if (ask(round, *c, address, err) < 0)
			return -1;
	round->failed += round->complaint[0] != '\0';
	tell(round, address);
	return 0;
}

static int
do_all(struct round *round, struct err *err)
{
	struct db_query q = db_query(round->core, &SQL_COUNT);
	char address[ADDRESS_MAX] = "";
	int got = db_step(&q, err);

	round->total = got == 1 ? (size_t)db_number(&q, 0) : 0;
	db_finish(&q);
	while (got == 1) {
		q = db_query(round->core, &SQL_NEXT);
		db_bind_text(&q, 1, address);
		got = db_step(&q, err);
		if (got == 1)
			snprintf(
				address, sizeof(address), "%s", db_text(&q, 0));
		db_finish(&q);
		if (got == 1 && do_mailbox(round, address, err) < 0)
			return -1;
	}
	return got;
}

static int
do_named(struct round *round, struct err *err)
{
	round->total = round->call->argument_count;
	for (size_t i = 0; i < round->total; i++) {
		const char *given = command_argument(round->call, i);
		char address[ADDRESS_MAX];
		struct db_query q;
		int got;

		if (address_canonical(given, false, "ADDRESS", address, err) <
			0)
			return -1;
		q = db_query(round->core, &SQL_FIND);
		db_bind_text(&q, 1, address);
		got = db_step(&q, err);
		db_finish(&q);
		if (got < 0)
			return -1;
		if (got == 0)
			return err_field(err, ERR_NOT_FOUND, "ADDRESS",
				"there is no mailbox %s", address);
		if (do_mailbox(round, address, err) < 0)
			return -1;
	}
	return 0;
}

static int
run_round(struct round *round, bool is_all, struct err *err)
{
	struct model model;
	int result;

	if (is_all == (round->call->argument_count > 0)) {
		(void)err_field(err, ERR_INVALID, "ADDRESS",
			"name mailboxes, or give --all");
		return err_remedy(err, "mailherd %s --all", round->task->name);
	}
	if (object_open(round->call, &model, err) < 0)
		return -1;
	round->core = model.core;
	result = is_all ? do_all(round, err) : do_named(round, err);
	model_close(&model);
	return result;
}

static int
run_task(struct command_call *call)
{
	struct round round = { .call = call };
	struct err err = { 0 };

	for (size_t i = 0; i < ARRAY_LENGTH(TASKS); i++)
		if (strcmp(TASKS[i].name, call->command->name) == 0)
			round.task = &TASKS[i];
	BUG_ON(round.task == NULL);
	if (run_round(&round, command_option(call, "all") != NULL, &err) < 0)
		return command_fail(call, &err);
	if (round.failed == 0)
		return 0;
	(void)err_set(&err, ERR_SYSTEM, "%zu of %zu mailboxes failed",
		round.failed, round.total);
	(void)err_remedy(
		&err, "mailherd search rebuild ADDRESS; mailherd logs dovecot");
	return command_fail(call, &err);
}

static int
read_state(const struct command_call *call, struct strbuf *text,
	json_t **state_out, struct err *err)
{
	char path[PATHS_MAX + 32];

	snprintf(path, sizeof(path), "%s/core/search.json",
		call->paths.database);
	if (fs_read(path, STATE_MAX - 1, text, err) < 0) {
		if (err->code != ERR_NOT_FOUND)
			return -1;
		*state_out = NULL; /* nothing was indexed yet */
		return 0;
	}
	*state_out = json_loads(text->data, JSON_REJECT_DUPLICATES, NULL);
	if (*state_out != NULL)
		return 0;
	(void)err_set(err, ERR_CORRUPT, "%s is damaged", path);
	return err_remedy(err,
		"mailherd restart jobs writes it anew, within some minutes");
}

static void
print_state(const json_t *state)
{
	const json_t *failing = json_object_get(state, "failing");
	size_t index;
	json_t *item;

	if (state == NULL) {
		puts("nothing was indexed in the background yet");
		return;
	}
	printf("%lld mailboxes wait, %zu cannot be indexed\n",
		(long long)json_integer_value(
			json_object_get(state, "waiting")),
		json_array_size(failing));
	json_array_foreach(failing, index, item)
	{
		const char *address =
			json_string_value(json_object_get(item, "address"));
		const char *text =
			json_string_value(json_object_get(item, "text"));

		printf("  %s: %s (%lld times)\n", address ? address : "",
			text ? text : "",
			(long long)json_integer_value(
				json_object_get(item, "failures")));
	}
}

static int
run_status(struct command_call *call)
{
	struct err err = { 0 };
	json_t *state = NULL;
	struct strbuf text;
	int result;

	strbuf_init(&text, STATE_MAX);
	result = read_state(call, &text, &state, &err);
	if (result == 0 && call->json)
		puts(state != NULL ? text.data
				   : "{\"failing\":[],\"waiting\":0}");
	else if (result == 0)
		print_state(state);
	json_decref(state);
	strbuf_deinit(&text);
	return result == 0 ? 0 : command_fail(call, &err);
}

static const struct command_option ALL_OPTIONS[] = {
	{ .name = "all", .sentence = "All mailboxes" },
	{ .name = NULL },
};

/* clang-format off */
#define ON_MAILBOXES(command, sentence, text)                                  \
	{ .name = command, .usage = "[ADDRESS...]", .summary = sentence,       \
	  .privilege = COMMAND_DATABASE, .run = run_task,                      \
	  .arguments_max = COMMAND_ANY_COUNT, .options = ALL_OPTIONS,          \
	  .description = text }

const struct command search_commands[] = {
	{ .name = "search status", .usage = "",
	  .summary = "Which mailboxes wait to be indexed for searching, and which fail",
	  .privilege = COMMAND_DATABASE, .run = run_status,
	  .description = "As it was after the last batch that was indexed in the background." },
	ON_MAILBOXES("search index", "Index mailboxes for searching now",
	  "What is indexed already costs little. May be interrupted and repeated."),
	ON_MAILBOXES("search rescan", "Drop the search index of mailboxes",
	  "The next search, or the next mail, makes it anew; until then that takes longer."),
	ON_MAILBOXES("search optimize", "Clean up the search index of mailboxes",
	  "Forgets mail that was removed. Happens by itself, see search.optimize_days."),
	ON_MAILBOXES("search rebuild", "Drop the search index of mailboxes and make it anew",
	  "For all after a change of search.part_length. Searches go on meanwhile."),
	{ .name = NULL },
};
/* clang-format on */
