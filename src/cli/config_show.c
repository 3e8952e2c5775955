/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd config show: values of options, and where they come from. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/json_write.h"
#include "cli/config.h"
#include "cli/table.h"
#include "model/instance.h"

#define LINES_MAX 32
#define JSON_SIZE_MAX (1024 * 1024)
#define STAMP_SIZE sizeof("2026-11-23 16:00:00Z")

/* One option as it is in force. */
struct view {
	struct option option;
	const char *value;
	int lines[LINES_MAX]; /* of mailherd.conf */
	size_t line_count;
	bool stored; /* in the database */
	struct setting_change change;
};

struct show {
	struct command_call *call;
	struct model model;
	bool is_open;
	bool why;
	struct json_writer json;
};

struct line_search {
	struct view *view;
	struct arena *arena;
};

static int
take_line(void *context, const char *key, const char *value, int line,
	UNUSED struct err *err)
{
	struct line_search *search = context;
	struct view *view = search->view;

	if (strcmp(key, view->option.name) != 0)
		return 0;
	/* A list may stand in several lines. */
	view->value = view->line_count == 0
			      ? arena_strdup(search->arena, value)
			      : arena_printf(search->arena, "%s %s",
					view->value, value);
	if (view->line_count < LINES_MAX)
		view->lines[view->line_count++] = line;
	return 0;
}

static int
load_from_file(struct show *show, struct view *view, struct err *err)
{
	struct line_search search = { view, show->call->arena };

	view->value = view->option.default_value;
	return instance_each_line(&show->call->paths, take_line, &search, err);
}

static int
load_from_database(struct show *show, struct view *view, struct err *err)
{
	struct arena *arena = show->call->arena;

	if (!show->is_open) {
		if (model_open(&show->call->paths, show->call->actor, arena,
			    &show->model, err) != 0)
			return -1;
		show->is_open = true;
	}
	if (setting_text(show->model.core, view->option.setting, arena,
		    &view->value, &view->stored, err) != 0)
		return -1;
	return setting_changed(show->model.core, view->option.setting, arena,
		&view->change, err);
}

static int
load(struct show *show, const struct option *option, struct view *view,
	struct err *err)
{
	*view = (struct view){ .option = *option };
	return option->place == OPTION_FILE
		       ? load_from_file(show, view, err)
		       : load_from_database(show, view, err);
}

static void
format_time(int64_t at, char out[STAMP_SIZE])
{
	time_t seconds = (time_t)at;
	struct tm tm;

	out[0] = '\0';
	if (gmtime_r(&seconds, &tm) != NULL)
		(void)strftime(out, STAMP_SIZE, "%Y-%m-%d %H:%M:%SZ", &tm);
}

static const char *
origin_name(const struct view *view)
{
	if (view->line_count > 0)
		return "file";
	return view->stored ? "database" : "default";
}

static const char *
describe_lines(struct show *show, const struct view *view)
{
	struct arena *arena = show->call->arena;
	const char *text = arena_printf(arena, "%s line%s",
		show->call->paths.config, view->line_count == 1 ? "" : "s");

	for (size_t i = 0; i < view->line_count; i++)
		text = arena_printf(arena, "%s%s%d", text, i == 0 ? " " : ", ",
			view->lines[i]);
	return text;
}

static const char *
describe_origin(struct show *show, const struct view *view)
{
	const char *origin = view->stored ? "database" : "default";
	char stamp[STAMP_SIZE];

	if (view->line_count > 0)
		return describe_lines(show, view);
	if (view->change.at == 0)
		return origin;
	format_time(view->change.at, stamp);
	return arena_printf(show->call->arena, "%s, changed %s by %s", origin,
		stamp, view->change.actor);
}

/* A list is one in JSON, too. */
static void
write_value(struct show *show, const struct view *view)
{
	struct span rest = span_from(view->value), word;

	if (!view->option.repeatable) {
		json_text(&show->json, "value", view->value);
		return;
	}
	json_array_open(&show->json, "value");
	while (span_split(&rest, ' ', &word))
		if (word.length > 0)
			json_span(&show->json, NULL, word);
	json_array_close(&show->json);
}

static void
write_origin(struct show *show, const struct view *view)
{
	struct json_writer *w = &show->json;
	char stamp[STAMP_SIZE];

	json_text(w, "default", view->option.default_value);
	json_text(w, "origin", origin_name(view));
	if (view->line_count > 0) {
		json_text(w, "file", show->call->paths.config);
		json_array_open(w, "lines");
		for (size_t i = 0; i < view->line_count; i++)
			json_number(w, NULL, view->lines[i]);
		json_array_close(w);
	}
	if (view->change.at != 0) {
		format_time(view->change.at, stamp);
		json_text(w, "changed_at", stamp);
		json_text(w, "changed_by", view->change.actor);
	}
}

static void
write_view(struct show *show, const struct view *view)
{
	json_object_open(&show->json, NULL);
	json_text(&show->json, "key", view->option.name);
	write_value(show, view);
	if (show->why)
		write_origin(show, view);
	json_object_close(&show->json);
}

/* A page of text is not for a table. */
static const char *
brief(struct show *show, const struct view *view)
{
	if (!view->option.is_long)
		return view->value;
	return arena_printf(show->call->arena,
		"a text of %zu bytes: config show %s", strlen(view->value),
		view->option.name);
}

static void
print_value(const char *value)
{
	size_t length = strlen(value);

	(void)fputs(value, stdout);
	if (length == 0 || value[length - 1] != '\n')
		(void)putchar('\n');
}

static void
print_view(struct show *show, struct table *table, const struct view *view)
{
	table_cell(table, view->option.name);
	table_cell(table, brief(show, view));
	if (show->why)
		table_cell(table, describe_origin(show, view));
	table_row_end(table);
}

typedef void override_fn(
	struct show *show, const char *engine, const char *path);

static void
print_override(struct show *show, const char *engine, const char *path)
{
	(void)show;
	printf("override of %s: %s\n", engine, path);
}

static void
write_override(struct show *show, const char *engine, const char *path)
{
	json_object_open(&show->json, NULL);
	json_text(&show->json, "engine", engine);
	json_text(&show->json, "file", path);
	json_object_close(&show->json);
}

static int
is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Names below a directory, sorted; none when it can not be read. */
static size_t
list_names(struct show *show, const char *path, const char ***names_out)
{
	struct arena *arena = show->call->arena;
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_shown, alphasort);
	const char **names =
		arena_alloc(arena, (size_t)(count + 2) * sizeof(*names));

	for (int i = 0; i < count; i++) {
		names[i] = arena_strdup(arena, entries[i]->d_name);
		x_release(entries[i]);
	}
	if (count >= 0)
		x_release(entries);
	*names_out = names;
	return count < 0 ? 0 : (size_t)count;
}

static void
each_override(struct show *show, override_fn *fn)
{
	const char *base = show->call->paths.overrides;
	struct arena *arena = show->call->arena;
	const char **engines, **files;
	size_t engine_count = list_names(show, base, &engines);

	for (size_t i = 0; i < engine_count; i++) {
		const char *folder =
			arena_printf(arena, "%s/%s", base, engines[i]);
		size_t count = list_names(show, folder, &files);

		for (size_t j = 0; j < count; j++)
			fn(show, engines[i],
				arena_printf(arena, "%s/%s", folder, files[j]));
	}
}

static int
show_all(struct show *show, struct err *err)
{
	struct table *table = table_new();
	struct option option;
	struct view view;
	int status = 0;

	json_array_open(&show->json, "settings");
	for (size_t i = 0; status == 0 && option_at(i, &option); i++) {
		status = load(show, &option, &view, err);
		if (status == 0 && show->call->json)
			write_view(show, &view);
		else if (status == 0)
			print_view(show, table, &view);
	}
	json_array_close(&show->json);
	if (!show->call->json)
		table_flush(table);
	table_free(&table);
	return status;
}

static int
show_everything(struct show *show, struct err *err)
{
	int status;

	json_object_open(&show->json, NULL);
	status = show_all(show, err);
	json_array_open(&show->json, "overrides");
	if (show->why && status == 0)
		each_override(show,
			show->call->json ? write_override : print_override);
	json_array_close(&show->json);
	json_object_close(&show->json);
	return status;
}

static int
show_one(struct show *show, const char *name, struct err *err)
{
	struct option option;
	struct view view;

	if (config_find(name, &option, err) != 0 ||
		load(show, &option, &view, err) != 0)
		return -1;
	write_view(show, &view);
	if (!show->call->json)
		print_value(view.value);
	if (!show->call->json && show->why)
		puts(describe_origin(show, &view));
	return 0;
}

int
config_show(struct command_call *call)
{
	struct show show = { .call = call,
		.why = command_option(call, "why") != NULL };
	const char *name = command_argument(call, 0);
	struct instance instance;
	struct strbuf text;
	struct err err = { 0 };
	int status;

	strbuf_init(&text, JSON_SIZE_MAX);
	json_writer_init(&show.json, &text);
	/* What can not be read has no values. */
	status = instance_load(&call->paths, call->arena, &instance, &err);
	if (status == 0)
		status = name == NULL ? show_everything(&show, &err)
				      : show_one(&show, name, &err);
	if (show.is_open)
		model_close(&show.model);
	if (status == 0 && call->json)
		puts(text.data);
	strbuf_deinit(&text);
	return status == 0 ? 0 : command_fail(call, &err);
}
