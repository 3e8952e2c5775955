/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rendered files name each other by the path of `etc`, which stays the
 * same; a tree that is to be checked before the swap must name its own.
 * So the tree is rendered twice: once as it will be used, which is
 * compared, and, when it differs, once for the check.
 */
#include "agent/generation.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/checker.h"
#include "agent/compare.h"
#include "agent/trial.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "supervise/launch.h"
#include "supervise/record.h"

#define GENERATIONS_KEPT 3
#define RENDER_DEADLINE_MS 20000
#define GATE_DEADLINE_MS 60000
#define INSTANCE_SIZE_MAX (256 * 1024)
#define OUR_FOLDER "mailherd"

static int
render(const struct paths *paths, struct arena *arena, const char *out,
	const char *etc, struct err *err)
{
	const char *argv[] = { arena_printf(arena, "%s/mailherd-render",
				       paths->programs),
		"--root", arena_printf(arena, "%s/", paths->root), "--out", out,
		"--etc", etc, "--config", paths->config, NULL };

	if (fs_remove_tree(out, err) == -1 && err->code != ERR_NOT_FOUND)
		return -1;
	return checker_tool(argv, RENDER_DEADLINE_MS, "rendering", err);
}

/* The number of a generation's directory, or -1. */
static int
parse_number(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);

	return end != name && *end == '\0' && number > 0 && number < INT_MAX
		       ? (int)number
		       : -1;
}

int
generation_current(const struct paths *paths)
{
	char target[PATH_MAX];
	ssize_t length = readlink(paths->rendered, target, sizeof(target) - 1);
	const char *slash;
	int number;

	if (length <= 0)
		return 0;
	target[length] = '\0';
	slash = strrchr(target, '/');
	number = parse_number(slash ? slash + 1 : target);
	return number > 0 ? number : 0;
}

/* After a step back there are numbers above the one in force. */
static int
newest_number(const struct paths *paths)
{
	DIR *directory = opendir(paths->generations);
	struct dirent *entry;
	int newest = generation_current(paths);

	if (directory == NULL)
		return newest;
	while ((entry = readdir(directory)) != NULL) {
		int number = parse_number(entry->d_name);

		newest = number > newest ? number : newest;
	}
	closedir(directory);
	return newest;
}

/* What a service runs with is kept, to be compared with what is new. */
static bool
is_used(const struct paths *paths, int number)
{
	DIR *directory = opendir(paths->services);
	struct dirent *entry;
	struct trial trial;
	bool used = trial_read(paths, generation_current(paths), &trial) &&
		    trial.previous == number;

	if (directory == NULL)
		return used;
	while (!used && (entry = readdir(directory)) != NULL) {
		char service[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(service, sizeof(service), "%s/%s", paths->services,
			entry->d_name);
		used = record_generation(service) == number;
	}
	closedir(directory);
	return used;
}

/* Keeps the newest few; numbers only grow. */
static int
prune(const struct paths *paths, int newest, int previous, struct err *err)
{
	DIR *directory = opendir(paths->generations);
	struct dirent *entry;
	int result = 0;

	if (directory == NULL)
		return err_errno(err, errno, "reading %s", paths->generations);
	while (result == 0 && (entry = readdir(directory)) != NULL) {
		int number = parse_number(entry->d_name);
		char path[PATH_MAX];

		if (entry->d_name[0] == '.' || number == previous ||
			number > newest - GENERATIONS_KEPT ||
			(number > 0 && is_used(paths, number)))
			continue;
		snprintf(path, sizeof(path), "%s/%s", paths->generations,
			entry->d_name);
		result = fs_remove_tree(path, err);
	}
	closedir(directory);
	return result;
}

static bool
same_below(const struct tree_input *input, const char *fresh,
	const char *folder, const char *name)
{
	char before[PATH_MAX], after[PATH_MAX];

	snprintf(before, sizeof(before), "%s/%s/%s", input->paths->rendered,
		folder, name);
	snprintf(after, sizeof(after), "%s/%s/%s", fresh, folder, name);
	return compare_same(before, after);
}

static bool
same_engine(const struct tree_input *input, const char *fresh,
	const struct engine *engine)
{
	bool same = same_below(input, fresh, ".", engine->name);

	for (size_t i = 0; same && engine->services[i].name != NULL; i++)
		same = same_below(
			input, fresh, LAUNCH_FOLDER, engine->services[i].name);
	return same;
}

static void
find_changes(const struct tree_input *input, const char *fresh,
	struct generation *out)
{
	size_t count = 0;

	for (size_t i = 0; i < input->engine_count; i++) {
		const struct engine *engine = &input->engines[i];

		if (!same_engine(input, fresh, engine) &&
			count + 1 < GENERATION_ENGINES_MAX)
			out->engines[count++] = engine->name;
	}
	out->engines[count] = NULL;
}

static bool
is_listed(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

/*
 * A gate makes what the configuration names and what can be made again, so
 * the check finds it, too.
 */
static void
ask_gates(const struct engine *engine)
{
	struct err ignored;

	for (size_t i = 0; engine->services[i].name != NULL; i++) {
		const char *const *gate = engine->services[i].gate;

		if (gate[0] == NULL)
			continue;
		if (checker_tool(
			    gate, GATE_DEADLINE_MS, "the gate", &ignored) == -1)
			continue; /* it says why when the service starts */
	}
}

static int
check_engine(const struct tree_input *input, const struct engine *engine,
	struct arena *arena, const char *tree, struct err *err)
{
	struct fault fault;
	int result;

	ask_gates(engine);
	result = checker_run(input->paths, engine, tree, arena, &fault, err);
	if (result != 1)
		return result;
	return err_set(err, ERR_INVALID, "the configuration check of %s: %s",
		engine->name, blame_text(&fault, arena));
}

static int
check_engines(const struct tree_input *input, const char *const *names,
	struct arena *arena, const char *tree, struct err *err)
{
	struct engine *engines;
	size_t count;

	if (engine_load_all(input->paths, input->instance, tree, arena,
		    &engines, &count, err) == -1)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (is_listed(names, engines[i].name) &&
			check_engine(input, &engines[i], arena, tree, err) ==
				-1)
			return -1;
	return 0;
}

/* Each changed engine's own checker looks at a tree that names itself. */
static int
check(const struct tree_input *input, const struct generation *generation,
	const char *const *also_check, struct arena *arena, const char *tree,
	struct err *err)
{
	if (render(input->paths, arena, tree, tree, err) == -1 ||
		check_engines(input, generation->engines, arena, tree, err) ==
			-1)
		return -1;
	return check_engines(input, also_check, arena, tree, err);
}

static int
swap(const struct paths *paths, int number, struct err *err)
{
	char target[64], fresh[PATH_MAX];

	/* Relative, so that the tree can be moved or restored elsewhere. */
	snprintf(target, sizeof(target), "%s/%d",
		strrchr(paths->generations, '/') + 1, number);
	snprintf(fresh, sizeof(fresh), "%s.new", paths->rendered);
	if (unlink(fresh) == -1 && errno != ENOENT)
		return err_errno(err, errno, "removing %s", fresh);
	if (symlink(target, fresh) == -1 ||
		rename(fresh, paths->rendered) == -1)
		return err_errno(
			err, errno, "putting generation %d in force", number);
	return 0;
}

/* Removes a tree on the way out of a failure, whose error counts. */
void
generation_discard(const char *tree)
{
	struct err ignored;

	if (fs_remove_tree(tree, &ignored) == -1)
		return; /* the next run removes it first */
}

/* Our own programs read mailherd.conf; a copy shows when it changed. */
static int
copy_instance(const struct paths *paths, const char *tree, struct err *err)
{
	struct strbuf text, copy;
	struct span rest, line;
	struct stat status;
	char folder[PATH_MAX], path[PATH_MAX];
	int result;

	snprintf(folder, sizeof(folder), "%s/" OUR_FOLDER, tree);
	snprintf(path, sizeof(path), "%s/" INSTANCE_COPY, tree);
	strbuf_init(&text, INSTANCE_SIZE_MAX);
	strbuf_init(&copy, INSTANCE_SIZE_MAX);
	result = fs_read(paths->config, INSTANCE_SIZE_MAX, &text, err);
	if (stat(paths->config, &status) == -1)
		status.st_mode = 0600;
	rest = strbuf_span(&text);
	while (result == 0 && span_split(&rest, '\n', &line))
		if (line.length > 0 && line.data[0] != '#') {
			strbuf_add(&copy, line.data, line.length);
			strbuf_add_text(&copy, "\n");
		}
	if (result == 0)
		result = fs_make_directory(folder, 0755, 0, 0, err);
	if (result == 0)
		result = record_replace(
			path, copy.data, status.st_mode & ACCESSPERMS, err);
	strbuf_deinit(&text);
	strbuf_deinit(&copy);
	return result;
}

/* A generation that was still on trial is none to go back to. */
static int
put_on_trial(const struct paths *paths, int number, int next, struct err *err)
{
	struct trial trial = { .previous = number };

	/* Without one it stays as it is. */
	(void)trial_read(paths, generation_current(paths), &trial);
	trial.current = next;
	return number > 0 ? trial_write(paths, &trial, err) : 0;
}

int
generation_render(const struct tree_input *input, struct arena *arena,
	const char *tree, const char *etc, struct err *err)
{
	if (render(input->paths, arena, tree, etc, err) == -1 ||
		tree_write_launches(input, tree, err) == -1)
		return -1;
	return copy_instance(input->paths, tree, err);
}

int
generation_make(const struct tree_input *input, const char *const *also_check,
	struct arena *arena, struct generation *out, struct err *err)
{
	const struct paths *paths = input->paths;
	struct generation made = { .number = generation_current(paths) };
	int next = newest_number(paths) + 1;
	const char *tree =
		arena_printf(arena, "%s/%d", paths->generations, next);
	const char *check_tree = arena_printf(arena, "%s.check", tree);
	int result;

	if (generation_render(input, arena, tree, paths->rendered, err) == -1)
		return -1;
	if (made.number > 0 && compare_same(paths->rendered, tree)) {
		generation_discard(tree);
		*out = made;
		return check_engines(
			input, also_check, arena, paths->rendered, err);
	}
	find_changes(input, tree, &made);
	result = check(input, &made, also_check, arena, check_tree, err);
	generation_discard(check_tree);
	if (result == 0)
		result = put_on_trial(paths, made.number, next, err);
	if (result == 0)
		result = swap(paths, next, err);
	if (result == -1) {
		generation_discard(tree);
		return -1;
	}
	made.previous = made.number;
	made.number = next;
	made.changed = true;
	*out = made;
	return prune(paths, next, made.previous, err);
}

int
generation_use(const struct paths *paths, int number, struct err *err)
{
	char tree[PATH_MAX];

	snprintf(tree, sizeof(tree), "%s/%d", paths->generations, number);
	if (!fs_exists(tree))
		return err_set(err, ERR_NOT_FOUND,
			"there is no generation %d any more", number);
	if (swap(paths, number, err) == -1)
		return -1;
	return trial_end(paths, err);
}
