/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of a request are checked here and again by the program. */
#include "agent/garbage_runner.h"

#include <string.h>

#include "agent/garbage_area.h"
#include "agent/preparing.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "io/child.h"

#define DEADLINE_MS 60000
#define OUTPUT_MAX (56 * 1024) /* of names, so that they fit in a packet */
#define NICE 10
#define WAITING_MAX 64
#define USER "vmail"

struct garbage_task {
	struct garbage_task *next;
	struct garbage_runner *runner;
	struct ipc_call *call;
	struct arena *arena; /* argv */
	const char *argv[7];
};

struct garbage_runner {
	struct event_base *loop;
	const struct paths *paths;
	struct garbage_task *waiting;
	int waiting_count;
	bool running;
};

static const char *const ACTIONS[] = { "keep", "return", "purge", "drop",
	"list" };

static void start_next(struct garbage_runner *runner);

static void
task_free(struct garbage_task **task)
{
	arena_free(&(*task)->arena);
	x_free(task);
}

static void
write_line(struct json_writer *answer, struct span line)
{
	const struct span bytes = span_from("bytes ");
	uint64_t number;

	if (span_equal_text(line, "more")) {
		json_bool(answer, "unfinished", true);
		return;
	}
	if (!span_starts_with(line, bytes.data))
		return;
	line.data += bytes.length;
	line.length -= bytes.length;
	if (span_parse_uint64(line, INT64_MAX, &number) == 0)
		json_number(answer, "bytes", (int64_t)number);
}

/* "entry NAME" lines; one that was cut off by the limit lacks its end. */
static void
write_entries(struct json_writer *answer, struct span rest)
{
	const size_t prefix = strlen("entry ");
	struct span line;

	json_array_open(answer, "entries");
	while (span_split(&rest, '\n', &line))
		if (span_starts_with(line, "entry ") &&
			line.data[line.length] == '\n')
			json_span(answer, NULL,
				(struct span){ line.data + prefix,
					line.length - prefix });
	json_array_close(answer);
}

static void
write_answer(struct garbage_task *task, const struct strbuf *output)
{
	struct json_writer *answer = ipc_answer(task->call);
	struct span rest = strbuf_span(output), line;

	if (strcmp(task->argv[4], "list") == 0) {
		write_entries(answer, rest);
		return;
	}
	while (span_split(&rest, '\n', &line))
		write_line(answer, line);
}

static void
on_done(const struct child_result *result, const struct strbuf *output,
	const struct err *start_error, void *context)
{
	struct garbage_task *task = context;
	struct garbage_runner *runner = task->runner;
	struct err err = { 0 };

	if (start_error != NULL) {
		ipc_fail(task->call, start_error);
	} else if (result->timed_out || result->status != 0) {
		preparing_output_error(
			&err, "mailherd-garbage", result, output);
		ipc_fail(task->call, &err);
	} else {
		write_answer(task, output);
		ipc_reply(task->call);
	}
	task_free(&task);
	runner->running = false;
	start_next(runner);
}

static void
start_next(struct garbage_runner *runner)
{
	struct garbage_task *task = runner->waiting;
	struct child_spec spec = { .user = USER,
		.output_max = OUTPUT_MAX,
		.nice = NICE,
		.ends_with_us = true,
		.deadline_ms = DEADLINE_MS };

	if (runner->running || task == NULL)
		return;
	runner->running = true;
	runner->waiting = task->next;
	runner->waiting_count--;
	spec.argv = task->argv;
	child_start(runner->loop, &spec, on_done, task);
}

static void
enqueue(struct garbage_runner *runner, struct garbage_task *task)
{
	struct garbage_task **end = &runner->waiting;

	while (*end != NULL)
		end = &(*end)->next;
	*end = task;
	runner->waiting_count++;
	start_next(runner);
}

static const char *
find_action(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(ACTIONS); i++)
		if (strcmp(ACTIONS[i], name) == 0)
			return ACTIONS[i];
	return NULL;
}

/* A link or another path is none: digits, '_' and a store id. */
static bool
is_earlier(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits > 0 && name[digits] == '_' &&
	       garbage_is_store_id(name + digits + 1);
}

/* The word behind the action, or NULL with err set. */
static const char *
read_word(const json_t *request, const char *action, struct err *err)
{
	const char *after =
		json_string_value(json_object_get(request, "after"));
	const char *entry =
		json_string_value(json_object_get(request, "entry"));
	const char *store_id =
		json_string_value(json_object_get(request, "store_id"));

	if (strcmp(action, "list") == 0)
		return after == NULL ? "" : after;
	if (strcmp(action, "drop") == 0) {
		if (entry != NULL && is_earlier(entry))
			return entry;
		(void)err_field(err, ERR_INVALID, "entry", "not such a name");
		return NULL;
	}
	if (store_id != NULL && garbage_is_store_id(store_id))
		return store_id;
	(void)err_field(err, ERR_INVALID, "store_id", "not a store id");
	return NULL;
}

static struct garbage_task *
task_new(struct garbage_runner *runner, struct ipc_call *call,
	const char *action, const char *word)
{
	struct garbage_task *task = xmalloc(sizeof(*task));
	struct arena *arena = arena_new();

	task->runner = runner;
	task->call = call;
	task->arena = arena;
	task->argv[0] = arena_printf(
		arena, "%s/mailherd-garbage", runner->paths->programs);
	task->argv[1] = "--root";
	task->argv[2] = arena_printf(arena, "%s/", runner->paths->root);
	task->argv[3] = "--";
	task->argv[4] = action;
	task->argv[5] = arena_strdup(arena, word);
	return task;
}

void
garbage_runner_ask(
	struct garbage_runner *runner, struct ipc_call *call, json_t *request)
{
	const char *action = find_action(
		json_string_value(json_object_get(request, "action")));
	const char *word = NULL;
	struct err err = { 0 };

	if (action == NULL)
		(void)err_field(&err, ERR_INVALID, "action", "no such action");
	else if (runner->waiting_count == WAITING_MAX)
		(void)err_set(&err, ERR_BUSY, "too many wait already");
	else
		word = read_word(request, action, &err);
	if (word == NULL)
		ipc_fail(call, &err);
	else
		enqueue(runner, task_new(runner, call, action, word));
}

struct garbage_runner *
garbage_runner_new(struct event_base *loop, const struct paths *paths)
{
	struct garbage_runner *runner = xmalloc(sizeof(*runner));

	runner->loop = loop;
	runner->paths = paths;
	return runner;
}

void
garbage_runner_free(struct garbage_runner **runner)
{
	struct garbage_task *task;

	if (*runner == NULL)
		return;
	while ((task = (*runner)->waiting) != NULL) {
		(*runner)->waiting = task->next;
		task_free(&task);
	}
	x_free(runner);
}
