/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses go to doveadm by standard input (-F -), so their number has no
 * limit of argv and none can be taken for an option. Output is gathered
 * for a moment and sent in whole lines: a packet per line would be too
 * many for a slow terminal.
 */
#include "agent/mail_command.h"

#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/child.h"
#include "model/address.h"

#define WAITING_MAX 32 /* calls of one row that wait for their turn */
#define SOCKETS "{sock}"
#define WORDS_MAX 32
#define GATHER_MS 200
#define LINE_LENGTH_MAX 1000
#define LINES_LENGTH_MAX (16 * 1024)
#define HOUR_MS (60 * 60 * 1000)
#define BACKGROUND_NICE 10
#define FOLDER_LENGTH_MAX 1024
#define GUID_LENGTH 32 /* hex digits of a folder's GUID */
#define UIDS_LENGTH_MAX 16384
/* Messages that users deleted: engines/dovecot, namespace deleted. */
#define DELETED ".deleted/*"

static const char *const JOBS[] = { "mailherd", NULL };
static const char *const *const ROOT = NULL; /* a person at the machine */

/*
 * A second root of the quota, for these commands only: it is told what the
 * first one has counted, and passes it on to mailherd-directory. In doubt,
 * that leaves a mailbox alone that changed just now: the change was
 * reported with a number that is newer.
 */
static const char *const RECOUNT[] = { "-o",
	"plugin/quota2=dict:report::proxy:{sock}/vmail/dict:quota", "quota",
	"recalc", NULL };
static const char *const RECOUNT_IN_DOUBT[] = { "-o",
	"plugin/quota2=dict:report::proxy:{sock}/vmail/dict:doubt", "quota",
	"recalc", NULL };
static const char *const INDEX[] = { "index", NULL };
static const char *const FTS_RESCAN[] = { "fts", "rescan", NULL };
static const char *const FTS_OPTIMIZE[] = { "fts", "optimize", NULL };

static const struct mail_word ALL_FOLDERS[] = {
	{ .text = "*" },
	{ .text = NULL },
};

static const char *const EXPUNGE[] = { "expunge", NULL };
/*
 * A killed move leaves files in tmp/. As links they would count as other
 * instances of their messages, and what users delete is kept only with its
 * last instance (lazy_expunge): then it would be gone at once.
 */
static const char *const MOVE[] = { "-o", "maildir_copy_with_hardlinks=no",
	"move", NULL };
static const char *const MAILBOX_CREATE[] = { "mailbox", "create", "-s", NULL };
static const char *const QUOTA_GET[] = { "-f", "tab", "quota", "get", NULL };
static const char *const FETCH[] = { "-f", "tab", "fetch", NULL };

static const struct mail_word EXPUNGE_OLD[] = {
	{ .text = "mailbox" },
	{ .text = DELETED },
	{ .text = "savedbefore" },
	{ .parameter = "age", .length_max = 8, .required = true },
	{ .text = NULL },
};
static const struct mail_word LIST_DELETED[] = {
	{ .text = "guid uid date.saved.unixtime size.physical mailbox mailbox-guid hdr.from hdr.subject" },
	{ .text = "mailbox",
		.parameter = "folder",
		.length_max = FOLDER_LENGTH_MAX,
		.required = true },
	{ .text = "savedsince", .parameter = "since", .length_max = 64 },
	{ .text = "subject", .parameter = "subject", .length_max = 256 },
	{ .text = NULL },
};
static const struct mail_word LIST_GUIDS[] = {
	{ .text = "guid mailbox" },
	{ .text = "mailbox",
		.parameter = "folder",
		.length_max = FOLDER_LENGTH_MAX,
		.required = true },
	{ .text = NULL },
};
static const struct mail_word CREATE_FOLDER[] = {
	{ .parameter = "folder",
		.length_max = FOLDER_LENGTH_MAX,
		.required = true },
	{ .text = NULL },
};
static const struct mail_word MOVE_BACK[] = {
	{ .parameter = "folder",
		.length_max = FOLDER_LENGTH_MAX,
		.required = true },
	{ .text = "mailbox" },
	{ .text = DELETED },
	{ .text = "mailbox-guid",
		.parameter = "from",
		.length_max = GUID_LENGTH,
		.required = true },
	{ .text = "uid",
		.parameter = "uids",
		.length_max = UIDS_LENGTH_MAX,
		.required = true },
	{ .text = NULL },
};
/* The same messages, without the folder to move them to. */
#define DROP_DELETED (&MOVE_BACK[1])
static const struct mail_word NO_WORDS[] = { { .text = NULL } };

/* clang-format off */
const struct mail_command MAIL_COMMANDS[] = {
	{ "recount", RECOUNT, NO_WORDS, JOBS, BACKGROUND_NICE, 1, HOUR_MS },
	{ "recount-in-doubt", RECOUNT_IN_DOUBT, NO_WORDS, JOBS,
	  BACKGROUND_NICE, 1, HOUR_MS },
	{ "index", INDEX, ALL_FOLDERS, JOBS, BACKGROUND_NICE, 2, HOUR_MS,
	  true },
	{ "fts-rescan", FTS_RESCAN, NO_WORDS, JOBS, BACKGROUND_NICE, 1,
	  HOUR_MS, true },
	{ "fts-optimize", FTS_OPTIMIZE, NO_WORDS, JOBS, BACKGROUND_NICE, 1,
	  HOUR_MS, true },
	{ "expunge-old", EXPUNGE, EXPUNGE_OLD, JOBS, BACKGROUND_NICE, 1,
	  HOUR_MS },
	{ "quota-get", QUOTA_GET, NO_WORDS, ROOT, 0, 2, HOUR_MS },
	{ "deleted-list", FETCH, LIST_DELETED, ROOT, 0, 2, HOUR_MS },
	{ "deleted-guids", FETCH, LIST_GUIDS, ROOT, 0, 2, HOUR_MS },
	{ "deleted-create", MAILBOX_CREATE, CREATE_FOLDER, ROOT, 0, 2, HOUR_MS },
	{ "deleted-move", MOVE, MOVE_BACK, ROOT, 0, 2, HOUR_MS },
	{ "deleted-drop", EXPUNGE, DROP_DELETED, ROOT, 0, 2, HOUR_MS },
	{ .name = NULL },
};

/* clang-format on */

/* One call, waiting for its turn or with its doveadm. */
struct mail_task {
	struct mail_task *next; /* of those that wait */
	struct mail_runner *runner;
	struct row *row;
	struct ipc_call *call;
	struct arena *arena; /* argv */
	const char *argv[WORDS_MAX];
	struct strbuf addresses; /* a line each */
	struct strbuf output; /* that was not sent yet */
	struct event *timer;
};

struct row {
	const struct mail_command *command;
	struct mail_task *waiting;
	int waiting_count;
	int running;
};

struct mail_runner {
	struct event_base *loop;
	const char *program;
	const char *configuration;
	const char *sockets;
	const char *user;
	size_t memory_max; /* bytes, of limited rows */
	struct row *rows;
	size_t row_count;
};

static void start_next(struct row *row);

static void
task_free(struct mail_task **task)
{
	if ((*task)->timer)
		event_free((*task)->timer);
	arena_free(&(*task)->arena);
	strbuf_deinit(&(*task)->addresses);
	strbuf_deinit(&(*task)->output);
	x_free(task);
}

/* How much of the output are whole lines; all of it at the end. */
static size_t
whole_lines(const struct strbuf *output, bool is_end)
{
	size_t length = output->length;

	if (is_end)
		return length;
	while (length > 0 && output->data[length - 1] != '\n' &&
		output->data[length - 1] != '\r')
		length--;
	return length;
}

/* doveadm writes its counters between carriage returns. */
static void
write_lines(struct json_writer *answer, struct span text)
{
	struct span line, piece;

	json_array_open(answer, "lines");
	while (span_split(&text, '\n', &line))
		while (span_split(&line, '\r', &piece)) {
			if (piece.length > LINE_LENGTH_MAX)
				piece.length = LINE_LENGTH_MAX;
			if (piece.length > 0)
				json_span(answer, NULL, piece);
		}
	json_array_close(answer);
}

static void
send_lines(struct mail_task *task, bool is_end)
{
	size_t length = whole_lines(&task->output, is_end);

	if (length == 0 && task->output.length < LINES_LENGTH_MAX)
		return;
	if (length == 0)
		length = task->output.length;
	write_lines(ipc_answer(task->call),
		(struct span){ task->output.data, length });
	ipc_progress(task->call);
	strbuf_consume(&task->output, length);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	send_lines(context, false);
}

static void
on_output(struct span bytes, void *context)
{
	struct mail_task *task = context;
	const struct timeval soon = { .tv_usec = GATHER_MS * 1000 };

	if (task->output.length + bytes.length > task->output.limit)
		send_lines(task, true);
	strbuf_add_span(&task->output, bytes);
	if (!evtimer_pending(task->timer, NULL))
		evtimer_add(task->timer, &soon);
}

static void
on_done(const struct child_result *result, const struct strbuf *output UNUSED,
	const struct err *start_error, void *context)
{
	struct mail_task *task = context;
	struct row *row = task->row;

	if (start_error != NULL) {
		ipc_fail(task->call, start_error);
	} else {
		send_lines(task, true);
		json_number(ipc_answer(task->call), "status", result->status);
		json_bool(
			ipc_answer(task->call), "timed_out", result->timed_out);
		ipc_reply(task->call);
	}
	task_free(&task);
	row->running--;
	start_next(row);
}

static void
start(struct mail_task *task)
{
	const struct mail_command *command = task->row->command;
	struct child_spec spec = { .argv = task->argv,
		.user = task->runner->user,
		.input = strbuf_span(&task->addresses),
		.on_output = on_output,
		.nice = command->nice,
		.memory_max = command->limited ? task->runner->memory_max : 0,
		.ends_with_us = true,
		.deadline_ms = command->deadline_ms };

	task->row->running++;
	task->timer = evtimer_new(task->runner->loop, on_timer, task);
	BUG_ON(!task->timer);
	child_start(task->runner->loop, &spec, on_done, task);
}

static void
start_next(struct row *row)
{
	while (row->running < row->command->at_once && row->waiting != NULL) {
		struct mail_task *task = row->waiting;

		row->waiting = task->next;
		row->waiting_count--;
		if (ipc_is_awaited(task->call)) {
			start(task);
			continue;
		}
		ipc_reply(task->call); /* to nobody */
		task_free(&task);
	}
}

static void
enqueue(struct mail_task *task)
{
	struct mail_task **end = &task->row->waiting;

	while (*end != NULL)
		end = &(*end)->next;
	*end = task;
	task->row->waiting_count++;
	start_next(task->row);
}

static struct row *
find_row(struct mail_runner *runner, const char *name)
{
	for (size_t i = 0; i < runner->row_count; i++)
		if (strcmp(runner->rows[i].command->name, name) == 0)
			return &runner->rows[i];
	return NULL;
}

static bool
may_ask(const struct mail_command *command, uid_t uid)
{
	uid_t sender;
	gid_t group;

	if (uid == 0)
		return true;
	for (const char *const *name = command->senders; name && *name; name++)
		if (fs_user(*name, &sender, &group, NULL) == 0 && sender == uid)
			return true;
	return false;
}

/* The canonical form: no blank, line end or wildcard gets to doveadm. */
static int
read_addresses(struct mail_task *task, const json_t *addresses, struct err *err)
{
	char address[ADDRESS_MAX];
	size_t index;
	json_t *item;

	if (json_array_size(addresses) == 0)
		return err_field(
			err, ERR_INVALID, "addresses", "no mailbox is named");
	json_array_foreach(addresses, index, item)
	{
		const char *text = json_string_value(item);

		if (text == NULL || address_canonical(text, false, "addresses",
					    address, NULL) < 0)
			return err_field(err, ERR_INVALID, "addresses",
				"not an address");
		strbuf_printf(&task->addresses, "%s\n", address);
	}
	return 0;
}

static bool
has_control_character(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == '\x7f')
			return true;
	return false;
}

/* 1 and the text, 0 when it is not given, -1. */
static int
read_parameter(const struct mail_word *word, const json_t *parameters,
	const char **text_out, struct err *err)
{
	const json_t *value = json_object_get(parameters, word->parameter);
	const char *text = json_string_value(value);

	if (value == NULL && !word->required)
		return 0;
	if (text == NULL || text[0] == '\0')
		return err_field(err, ERR_INVALID, word->parameter,
			"%s is not a text", word->parameter);
	if (strlen(text) > word->length_max)
		return err_field(err, ERR_TOO_BIG, word->parameter,
			"%s is longer than %zu bytes", word->parameter,
			word->length_max);
	if (has_control_character(text))
		return err_field(err, ERR_INVALID, word->parameter,
			"%s has a control character", word->parameter);
	*text_out = text;
	return 1;
}

static bool
is_parameter(const struct mail_word *words, const char *name)
{
	for (; words->text != NULL || words->parameter != NULL; words++)
		if (words->parameter != NULL &&
			strcmp(words->parameter, name) == 0)
			return true;
	return false;
}

static int
check_names(const struct mail_word *words, json_t *parameters, struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(parameters, name, value)
	{
		if (!is_parameter(words, name))
			return err_field(err, ERR_INVALID, "parameters",
				"the command has no parameter %.64s", name);
	}
	return 0;
}

static void
add_word(struct mail_task *task, size_t *used, const char *text)
{
	BUG_ON(*used + 1 >= WORDS_MAX); /* the table's fault */
	task->argv[(*used)++] = arena_strdup(task->arena, text);
}

static void
add_fixed_word(struct mail_task *task, size_t *used, const char *text)
{
	const char *at = strstr(text, SOCKETS);

	if (at == NULL)
		add_word(task, used, text);
	else
		add_word(task, used,
			arena_printf(task->arena, "%.*s%s%s", (int)(at - text),
				text, task->runner->sockets,
				at + strlen(SOCKETS)));
}

static int
build_argv(struct mail_task *task, json_t *parameters, struct err *err)
{
	const struct mail_runner *runner = task->runner;
	const struct mail_command *command = task->row->command;
	const char *text = NULL;
	size_t used = 0;

	if (check_names(command->words, parameters, err) < 0)
		return -1;
	add_word(task, &used, runner->program);
	add_word(task, &used, "-c");
	add_word(task, &used, runner->configuration);
	add_word(task, &used, "-v");
	for (const char *const *word = command->doveadm; *word != NULL; word++)
		add_fixed_word(task, &used, *word);
	add_word(task, &used, "-F");
	add_word(task, &used, "-");
	add_word(task, &used, "--"); /* no parameter is an option */
	for (const struct mail_word *word = command->words;
		word->text != NULL || word->parameter != NULL; word++) {
		int got = 1;

		if (word->parameter != NULL)
			got = read_parameter(word, parameters, &text, err);
		if (got < 0)
			return -1;
		if (got == 1 && word->text != NULL)
			add_word(task, &used, word->text);
		if (got == 1 && word->parameter != NULL)
			add_word(task, &used, text);
	}
	return 0;
}

static struct mail_task *
task_new(struct row *row, struct mail_runner *runner, struct ipc_call *call)
{
	struct mail_task *task = xmalloc(sizeof(*task));

	task->runner = runner;
	task->row = row;
	task->call = call;
	task->arena = arena_new();
	strbuf_init(&task->addresses, MAIL_COMMAND_ADDRESSES_MAX * ADDRESS_MAX);
	strbuf_init(&task->output, LINES_LENGTH_MAX);
	return task;
}

static struct row *
choose_row(struct mail_runner *runner, const struct ipc_call *call,
	const json_t *request, struct err *err)
{
	const char *name =
		json_string_value(json_object_get(request, "command"));
	struct row *row = find_row(runner, name);

	if (row == NULL) {
		(void)err_field(
			err, ERR_NOT_FOUND, "command", "no such command");
		return NULL;
	}
	if (!may_ask(row->command, ipc_peer_uid(call))) {
		(void)err_field(err, ERR_DENIED, "command",
			"%s is not for this user", row->command->name);
		return NULL;
	}
	if (row->waiting_count == WAITING_MAX) {
		(void)err_set(err, ERR_BUSY, "too many wait for %s",
			row->command->name);
		return NULL;
	}
	return row;
}

void
mail_runner_ask(
	struct mail_runner *runner, struct ipc_call *call, json_t *request)
{
	struct err err = { 0 };
	struct row *row = choose_row(runner, call, request, &err);
	struct mail_task *task;

	if (row == NULL) {
		ipc_fail(call, &err);
		return;
	}
	task = task_new(row, runner, call);
	if (read_addresses(task, json_object_get(request, "addresses"), &err) <
			0 ||
		build_argv(task, json_object_get(request, "parameters"), &err) <
			0) {
		ipc_fail(call, &err);
		task_free(&task);
		return;
	}
	enqueue(task);
}

struct mail_runner *
mail_runner_new(struct event_base *loop, const struct mail_command *commands,
	const char *program, const char *configuration, const char *sockets,
	const char *user, size_t memory_max)
{
	struct mail_runner *runner = xmalloc(sizeof(*runner));

	runner->loop = loop;
	runner->program = program;
	runner->configuration = configuration;
	runner->sockets = sockets;
	runner->user = user;
	runner->memory_max = memory_max;
	while (commands[runner->row_count].name != NULL)
		runner->row_count++;
	runner->rows = xcalloc(runner->row_count, sizeof(*runner->rows));
	for (size_t i = 0; i < runner->row_count; i++) {
		BUG_ON(commands[i].at_once > MAIL_COMMAND_AT_ONCE_MAX);
		runner->rows[i].command = &commands[i];
	}
	return runner;
}

void
mail_runner_free(struct mail_runner **runner)
{
	if (*runner == NULL)
		return;
	for (size_t i = 0; i < (*runner)->row_count; i++) {
		struct mail_task *task;

		while ((task = (*runner)->rows[i].waiting) != NULL) {
			(*runner)->rows[i].waiting = task->next;
			task_free(&task);
		}
	}
	x_free(&(*runner)->rows);
	x_free(runner);
}
