/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files are replaced atomically and synced before what they announce
 * begins. Another release may have to read them (a rollback is finished by
 * the older one), so members are only ever added.
 */
#include "cli/upgrade_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/upgrade_guard.h"

#define FILE_SIZE_MAX (256 * 1024)
#define PROVEN_FILE "proven"
#define PREVIOUS_FILE "previous.json"
#define JSON_FLAGS (JSON_INDENT(1) | JSON_PRESERVE_ORDER)

/* In files and for people; the order is that of the enum. */
static const char *const STEP_NAMES[UPGRADE_STEP_COUNT] = {
	[UPGRADE_COPY] = "copy",
	[UPGRADE_PACKAGE] = "package",
	[UPGRADE_DATA] = "data",
	[UPGRADE_ROLL] = "roll",
	[UPGRADE_HEALTH] = "health",
	[UPGRADE_DONE] = "done",
	[UPGRADE_BACK_PACKAGE] = "back-package",
	[UPGRADE_BACK_DATA] = "back-data",
	[UPGRADE_BACK_ROLL] = "back-roll",
	[UPGRADE_BACK_HEALTH] = "back-health",
	[UPGRADE_UNDONE] = "undone",
};

const char *
upgrade_step_name(enum upgrade_step step)
{
	return STEP_NAMES[step];
}

static void
file_path(const struct paths *paths, const char *name, char *out, size_t size)
{
	(void)snprintf(
		out, size, "%s/" UPGRADE_DIRECTORY "/%s", paths->state, name);
}

/* 1, 0 when there is no such file, -1. */
static int
read_text(const struct paths *paths, const char *name, struct strbuf *out,
	struct err *err)
{
	char path[PATHS_MAX + 64];
	struct err cause = { 0 };

	file_path(paths, name, path, sizeof(path));
	if (fs_read(path, FILE_SIZE_MAX, out, &cause) == 0)
		return 1;
	if (cause.code == ERR_NOT_FOUND)
		return 0;
	if (err != NULL)
		*err = cause;
	return -1;
}

static int
write_text(const struct paths *paths, const char *name, const char *text,
	struct err *err)
{
	char path[PATHS_MAX + 64];

	file_path(paths, name, path, sizeof(path));
	return fs_write_atomic(path, text, strlen(text), 0644, 0, 0, err);
}

/* 1 and a new reference, 0, -1. */
static int
read_json(const struct paths *paths, const char *name, json_t **out,
	struct err *err)
{
	struct strbuf text;
	int got;

	strbuf_init(&text, FILE_SIZE_MAX);
	got = read_text(paths, name, &text, err);
	if (got == 1) {
		*out = json_loadb(text.data, text.length, 0, NULL);
		if (!json_is_object(*out)) {
			json_decref(*out);
			got = err_set(err, ERR_CORRUPT,
				"%s/" UPGRADE_DIRECTORY "/%s is damaged",
				paths->state, name);
		}
	}
	strbuf_deinit(&text);
	return got;
}

/* Takes the reference. */
static int
write_json(const struct paths *paths, const char *name, json_t *document,
	struct err *err)
{
	char *text = json_dumps(document, JSON_FLAGS);
	int result;

	BUG_ON(text == NULL);
	result = write_text(paths, name, text, err);
	x_free(&text);
	json_decref(document);
	return result;
}

static void
read_member(const json_t *object, const char *name, char *out, size_t size)
{
	const char *text = json_string_value(json_object_get(object, name));

	(void)snprintf(out, size, "%s", text == NULL ? "" : text);
}

static json_int_t
number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static json_t *
write_build(const struct upgrade_build *build)
{
	return json_pack(
		"{s:s, s:s}", "version", build->version, "build", build->id);
}

static void
read_build(const json_t *object, struct upgrade_build *out)
{
	read_member(object, "version", out->version, sizeof(out->version));
	read_member(object, "build", out->id, sizeof(out->id));
}

static json_t *
write_point(const struct upgrade_point *point)
{
	return json_pack("{s:I, s:i, s:i}", "copied_ms",
		(json_int_t)point->copied_ms, "core", point->core, "usage",
		point->usage);
}

static void
read_point(const json_t *object, struct upgrade_point *out)
{
	out->copied_ms = number_of(object, "copied_ms");
	out->core = (int)number_of(object, "core");
	out->usage = (int)number_of(object, "usage");
}

static bool
read_step(const json_t *document, enum upgrade_step *out)
{
	const char *name = json_string_value(json_object_get(document, "step"));

	for (int i = 0; name != NULL && i < UPGRADE_STEP_COUNT; i++) {
		if (strcmp(STEP_NAMES[i], name) == 0) {
			*out = (enum upgrade_step)i;
			return true;
		}
	}
	return false;
}

int
upgrade_state_read(const struct paths *paths, struct upgrade_state *state_out,
	struct err *err)
{
	struct upgrade_state state = { 0 };
	json_t *document;
	int got = read_json(paths, UPGRADE_STATE_FILE, &document, err);

	if (got != 1)
		return got;
	if (!read_step(document, &state.step)) {
		json_decref(document);
		return err_set(err, ERR_CORRUPT,
			"%s/" UPGRADE_DIRECTORY "/" UPGRADE_STATE_FILE
			" names no step that this release knows",
			paths->state);
	}
	state.is_rollback = json_is_true(json_object_get(document, "rollback"));
	state.began_s = number_of(document, "began");
	read_build(json_object_get(document, "from"), &state.from);
	read_build(json_object_get(document, "to"), &state.to);
	read_point(json_object_get(document, "before"), &state.before);
	read_point(json_object_get(document, "restore"), &state.restore);
	read_member(document, "cause", state.cause, sizeof(state.cause));
	if (json_is_object(json_object_get(document, "suite")))
		state.report = json_incref(json_object_get(document, "suite"));
	json_decref(document);
	*state_out = state;
	return 1;
}

int
upgrade_state_write(const struct paths *paths,
	const struct upgrade_state *state, struct err *err)
{
	json_t *report = state->report == NULL ? json_null()
					       : json_incref(state->report);

	return write_json(paths, UPGRADE_STATE_FILE,
		json_pack("{s:b, s:s, s:I, s:o, s:o, s:o, s:o, s:s, s:o}",
			"rollback", state->is_rollback, "step",
			STEP_NAMES[state->step], "began",
			(json_int_t)state->began_s, "from",
			write_build(&state->from), "to",
			write_build(&state->to), "before",
			write_point(&state->before), "restore",
			write_point(&state->restore), "cause", state->cause,
			"suite", report),
		err);
}

int
upgrade_state_remove(const struct paths *paths, struct err *err)
{
	char path[PATHS_MAX + 64];

	file_path(paths, UPGRADE_STATE_FILE, path, sizeof(path));
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	return err_errno(err, errno, "removing %s", path);
}

/* One line: the build, a blank, the version. */
int
upgrade_proven_read(
	const struct paths *paths, struct upgrade_build *out, struct err *err)
{
	struct upgrade_build build = { 0 };
	struct strbuf text;
	int got;

	strbuf_init(&text, FILE_SIZE_MAX);
	got = read_text(paths, PROVEN_FILE, &text, err);
	if (got == 1 &&
		sscanf(text.data, "%32s %63s", build.id, build.version) < 1)
		got = 0;
	strbuf_deinit(&text);
	if (got == 1)
		*out = build;
	return got;
}

int
upgrade_proven_write(const struct paths *paths,
	const struct upgrade_build *build, struct err *err)
{
	char line[UPGRADE_ID_SIZE + UPGRADE_VERSION_SIZE + 2];

	(void)snprintf(
		line, sizeof(line), "%s %s\n", build->id, build->version);
	return write_text(paths, PROVEN_FILE, line, err);
}

int
upgrade_previous_read(const struct paths *paths,
	struct upgrade_build *build_out, struct upgrade_point *point_out,
	struct err *err)
{
	json_t *document;
	int got = read_json(paths, PREVIOUS_FILE, &document, err);

	if (got != 1)
		return got;
	read_build(document, build_out);
	read_point(json_object_get(document, "data"), point_out);
	json_decref(document);
	return 1;
}

int
upgrade_previous_write(const struct paths *paths,
	const struct upgrade_build *build, const struct upgrade_point *point,
	struct err *err)
{
	json_t *document = write_build(build);

	BUG_ON(json_object_set_new(document, "data", write_point(point)) != 0);
	return write_json(paths, PREVIOUS_FILE, document, err);
}
