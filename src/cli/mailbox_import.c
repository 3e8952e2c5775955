/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines are read and judged one by one and written in slices of
 * SLICE lines, one transaction each: other writers get their turn between
 * them, and a bad line costs its slice only.
 */
#include "cli/mailbox_import.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/scheme.h"
#include "base/json_write.h"
#include "base/strbuf.h"
#include "cli/object.h"
#include "model/mailbox.h"

#define SLICE 500
#define LINE_SIZE (64 * 1024)
#define RESULT_MAX 1024

const struct command_option mailbox_import_options[] = {
	{ .name = "skip-existing",
		.sentence = "Pass over addresses that are there already" },
	{ .name = NULL },
};

struct import {
	struct model *model;
	FILE *input;
	char *line;
	bool skip_existing;
	int64_t line_number;
	int64_t added; /* committed */
	int64_t skipped;
	int64_t pending; /* of the open slice */
};

/* Options take text, so JSON values become text and are judged as such. */
static const char *
value_text(json_t *value, struct arena *arena)
{
	if (json_is_string(value))
		return json_string_value(value);
	if (json_is_integer(value))
		return arena_printf(
			arena, "%lld", (long long)json_integer_value(value));
	if (json_is_boolean(value))
		return json_is_true(value) ? "yes" : "no";
	return NULL;
}

static int
set_member(struct import *import, const char *key, json_t *value,
	struct mailbox *mailbox, uint64_t *given, struct err *err)
{
	const struct field *field = resource_field(&mailbox_resource, key);
	struct arena *arena = import->model->arena;
	const char *text = value_text(value, arena);

	if (text == NULL)
		return err_field(err, ERR_INVALID, key,
			"%s must be a text, a whole number, true or false",
			key);
	if (strcmp(key, "address") == 0) {
		mailbox->address = arena_strdup(arena, text);
		return 0;
	}
	if (strcmp(key, "password_hash") == 0) {
		if (!scheme_is_hash(text))
			return err_field(err, ERR_INVALID, key,
				"the hash does not begin with a known {SCHEME}");
		mailbox->password = arena_strdup(arena, text);
		return 0;
	}
	if (field == NULL || (field->flags & FIELD_ADD) == 0)
		return err_field(err, ERR_INVALID, key,
			"a mailbox has no \"%.60s\" to import", key);
	return resource_set(
		&mailbox_resource, field, text, mailbox, given, arena, err);
}

static int
read_mailbox(struct import *import, json_t *object, struct mailbox *mailbox,
	uint64_t *given, struct err *err)
{
	const char *key;
	json_t *value;

	resource_defaults(&mailbox_resource, mailbox);
	json_object_foreach(object, key, value)
	{
		if (set_member(import, key, value, mailbox, given, err) != 0)
			return -1;
	}
	return 0;
}

static int
add_line(struct import *import, struct err *err)
{
	json_error_t problem;
	json_t *object =
		json_loads(import->line, JSON_REJECT_DUPLICATES, &problem);
	struct mailbox mailbox;
	uint64_t given = 0;
	int status;

	if (!json_is_object(object)) {
		json_decref(object);
		return err_set(err, ERR_INVALID, "not a JSON object: %s",
			object == NULL ? problem.text : "another value");
	}
	status = read_mailbox(import, object, &mailbox, &given, err);
	if (status == 0)
		status = mailbox_add(import->model, &mailbox, given, NULL, err);
	json_decref(object);
	if (status != 0 && import->skip_existing && err->code == ERR_EXISTS) {
		err_clear(err);
		import->skipped++;
		return 0;
	}
	if (status == 0)
		import->pending++;
	return status;
}

static int
end_slice(struct import *import, int status, struct err *err)
{
	status = model_batch_end(import->model, status, err);
	if (status == 0)
		import->added += import->pending;
	import->pending = 0;
	if (isatty(STDERR_FILENO))
		(void)fprintf(stderr, "\r%lld mailboxes added",
			(long long)import->added);
	return status;
}

/* 1: there may be more, 0: the input ended, -1. */
static int
import_slice(struct import *import, struct err *err)
{
	int status = 0;
	int lines = 0;

	if (model_batch_begin(import->model, err) != 0)
		return -1;
	errno = 0;
	while (status == 0 && lines < SLICE &&
		fgets(import->line, LINE_SIZE, import->input) != NULL) {
		import->line_number++;
		lines++;
		if (import->line[0] == '\n')
			continue;
		status = add_line(import, err);
		if (status != 0)
			(void)err_prefix(err, "line %lld",
				(long long)import->line_number);
	}
	if (status == 0 && ferror(import->input))
		status = err_errno(err, errno, "reading the file");
	if (end_slice(import, status, err) != 0)
		return -1;
	return lines == SLICE ? 1 : 0;
}

static void
print_result(const struct import *import, bool json)
{
	struct strbuf text;
	struct json_writer w;

	if (isatty(STDERR_FILENO))
		(void)fputc('\n', stderr);
	if (!json) {
		(void)printf("%lld mailboxes added, %lld skipped\n",
			(long long)import->added, (long long)import->skipped);
		return;
	}
	strbuf_init(&text, RESULT_MAX);
	json_writer_init(&w, &text);
	json_object_open(&w, NULL);
	json_number(&w, "added", import->added);
	json_number(&w, "skipped", import->skipped);
	json_object_close(&w);
	(void)puts(text.data);
	strbuf_deinit(&text);
}

int
mailbox_import_run(struct command_call *call)
{
	struct model model;
	struct err err = { 0 };
	struct import import = {
		.model = &model,
		.line = arena_alloc(call->arena, LINE_SIZE),
		.skip_existing = command_option(call, "skip-existing") != NULL,
	};
	struct arena *slice_arena;
	int got = 1;

	import.input =
		fdopen(fcntl(call->argument_file, F_DUPFD_CLOEXEC, 0), "r");
	if (import.input == NULL) {
		(void)err_errno(&err, errno, "reading the file");
		return command_fail(call, &err);
	}
	if (object_open(call, &model, &err) != 0) {
		(void)fclose(import.input);
		return command_fail(call, &err);
	}
	slice_arena = arena_new();
	model.arena = slice_arena;
	while (got == 1) {
		got = import_slice(&import, &err);
		arena_reset(slice_arena);
	}
	(void)fclose(import.input);
	model_close(&model);
	arena_free(&slice_arena);
	if (got < 0) {
		(void)err_remedy(&err,
			"%lld mailboxes were added before; mend it and go on with --skip-existing",
			(long long)import.added);
		return command_fail(call, &err);
	}
	print_result(&import, call->json);
	return 0;
}
