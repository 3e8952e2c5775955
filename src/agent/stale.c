/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel puts " (deleted)" behind the name of a mapped file that has
 * no name any more: that is what a package manager leaves of a program or
 * library that it replaced. Of the mappings only those with code count,
 * and only below the system's folders: engines map and delete files of
 * their own. One walk over /proc finds the processes of all services.
 */
#include "agent/stale.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/compare.h"
#include "agent/generation.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "supervise/launch.h"
#include "supervise/record.h"

#define DELETED " (deleted)"
#define MAPS_MAX (1024 * 1024)
#define OUR_ENGINE "mailherd"
#define NOTHING "-" /* in `reads` */

/* Folders that a package manager writes to. */
static const char *const SYSTEM_FOLDERS[] = { "/usr/", "/lib/", "/lib64/",
	"/bin/", "/sbin/", "/opt/" };

struct search {
	const struct sequencer *sequencer;
	struct stale *out;
};

static bool
ends_deleted(struct span name)
{
	size_t length = strlen(DELETED);

	return name.length > length &&
	       memcmp(name.data + name.length - length, DELETED, length) == 0;
}

static void
set_reason(struct stale *stale, enum stale_action action, const char *what,
	struct span detail)
{
	if (stale->action == STALE_RESTART)
		return; /* the first cause is told */
	stale->action = action;
	snprintf(stale->reason, sizeof(stale->reason), "%s%.*s", what,
		(int)detail.length, detail.data ? detail.data : "");
}

static void
set_replaced(struct stale *stale, const char *what, struct span name)
{
	stale->replaced = true;
	set_reason(stale, STALE_RESTART, what, name);
}

static bool
is_of_system(struct span name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(SYSTEM_FOLDERS); i++)
		if (span_starts_with(name, SYSTEM_FOLDERS[i]))
			return true;
	return false;
}

/* "7f12-7f34 r-xp 00001000 08:01 12345   /usr/lib/x.so (deleted)" */
bool
stale_mapping(struct span line, struct span *name_out)
{
	ptrdiff_t blank = span_find(line, ' '), slash = span_find(line, '/');
	struct span name;

	if (!ends_deleted(line) || blank < 0 || slash < 0 ||
		(size_t)blank + 3 >= line.length || line.data[blank + 3] != 'x')
		return false;
	name = (struct span){ line.data + slash,
		line.length - (size_t)slash - strlen(DELETED) };
	if (!is_of_system(name))
		return false;
	*name_out = name;
	return true;
}

static void
check_libraries(pid_t pid, struct stale *stale)
{
	char path[64];
	struct strbuf maps;
	struct span rest, line, name;
	struct err ignored;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	strbuf_init(&maps, MAPS_MAX);
	if (fs_read(path, MAPS_MAX, &maps, &ignored) == 0) {
		rest = strbuf_span(&maps);
		while (!stale->replaced && span_split(&rest, '\n', &line))
			if (stale_mapping(line, &name))
				set_replaced(stale,
					"uses a replaced library: ", name);
	}
	strbuf_deinit(&maps);
}

static void
check_program(pid_t pid, struct stale *stale)
{
	char path[64], target[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	length = readlink(path, target, sizeof(target));
	if (length > 0 && ends_deleted((struct span){ target, length }))
		set_replaced(stale, "runs a replaced program: ",
			(struct span){
				target, (size_t)length - strlen(DELETED) });
}

static void
check_process(pid_t pid, pid_t session, void *context)
{
	const struct search *search = context;

	for (size_t i = 0; i < search->sequencer->unit_count; i++) {
		const struct unit *unit = &search->sequencer->units[i];
		struct stale *stale = &search->out[i];

		if (!s6_status_running(&unit->status) ||
			unit->status.pid != session || stale->replaced)
			continue;
		check_program(pid, stale);
		if (!stale->replaced)
			check_libraries(pid, stale);
	}
}

/* Two generations of one instance. */
struct pair {
	const struct paths *paths;
	int before, now;
};

static void
pair_paths(const struct pair *pair, const char *folder, const char *name,
	char before[PATH_MAX], char now[PATH_MAX])
{
	snprintf(before, PATH_MAX, "%s/%d/%s/%s", pair->paths->generations,
		pair->before, folder, name);
	snprintf(now, PATH_MAX, "%s/%d/%s/%s", pair->paths->generations,
		pair->now, folder, name);
}

/* What is read at a start only does not make a running service stale. */
static bool
same_launch(const struct pair *pair, const struct unit *unit)
{
	static const char *const OF_NEXT_START[] = { "name", "root", "hooks",
		"probe", "after", "start_ms", "linger_ms", NULL };
	char before[PATH_MAX], now[PATH_MAX];

	pair_paths(pair, LAUNCH_FOLDER, unit->service->name, before, now);
	return compare_same_without(before, now, OF_NEXT_START);
}

static bool
pair_same(const struct pair *pair, const char *folder, const char *name)
{
	char before[PATH_MAX], now[PATH_MAX];

	pair_paths(pair, folder, name, before, now);
	return compare_same(before, now);
}

/* Files of the tree that stand at another place in its private mounts. */
static bool
same_mounts(const struct pair *pair, const struct engine_service *service)
{
	size_t length = strlen(pair->paths->rendered);
	bool same = true;

	for (size_t i = 0; same && service->mounts[i] != NULL; i++) {
		char name[PATH_MAX];

		snprintf(name, sizeof(name), "%.*s",
			(int)strcspn(service->mounts[i], " "),
			service->mounts[i]);
		if (strncmp(name, pair->paths->rendered, length) == 0 &&
			name[length] == '/')
			same = pair_same(pair, ".", name + length + 1);
	}
	return same;
}

static bool
same_files(const struct pair *pair, const struct unit *unit)
{
	const char *const *reads = unit->service->reads;
	bool same = true;

	if (reads[0] == NULL)
		return pair_same(pair, ".", unit->engine->name);
	if (strcmp(reads[0], NOTHING) == 0)
		return true;
	for (; same && *reads != NULL; reads++)
		same = pair_same(pair, unit->engine->name, *reads);
	return same;
}

static bool
may_reload(const struct pair *pair, const struct unit *unit)
{
	char before[PATH_MAX], now[PATH_MAX];

	if (unit->service->reload_signal == 0 || unit->state != UNIT_READY)
		return false;
	pair_paths(pair, ".", unit->engine->name, before, now);
	return compare_same_lines(before, now, unit->service->restart_words);
}

static void
check_configuration(
	const struct pair *pair, const struct unit *unit, struct stale *stale)
{
	static const struct span none = { 0 };
	char tree[PATH_MAX];

	snprintf(tree, sizeof(tree), "%s/%d", pair->paths->generations,
		pair->before);
	if (pair->before == 0 || !fs_exists(tree))
		set_reason(stale, STALE_RESTART,
			"was started with a configuration that is not known any more",
			none);
	else if (!same_launch(pair, unit))
		set_reason(stale, STALE_RESTART,
			"its run line, environment or ports changed", none);
	else if (!same_mounts(pair, unit->service))
		set_reason(stale, STALE_RESTART,
			"a file in its private mounts changed", none);
	else if (!same_files(pair, unit))
		set_reason(stale,
			may_reload(pair, unit) ? STALE_RELOAD : STALE_RESTART,
			"its configuration changed", none);
}

bool
stale_differs(
	const struct paths *paths, const struct unit *unit, int before, int now)
{
	struct pair pair = { paths, before, now };

	return !pair_same(&pair, LAUNCH_FOLDER, unit->service->name) ||
	       !same_mounts(&pair, unit->service) ||
	       (strcmp(unit->engine->name, OUR_ENGINE) != 0 &&
		       !same_files(&pair, unit));
}

void
stale_find(const struct paths *paths, const struct sequencer *sequencer,
	struct stale out[SEQUENCER_UNITS_MAX])
{
	struct search search = { .sequencer = sequencer, .out = out };
	struct pair pair = { .paths = paths, .now = generation_current(paths) };

	memset(out, 0, sequencer->unit_count * sizeof(*out));
	process_each(check_process, &search);
	for (size_t i = 0; i < sequencer->unit_count; i++) {
		const struct unit *unit = &sequencer->units[i];

		if (unit->status.pid == 0)
			continue;
		pair.before = record_generation(unit->directory);
		if (pair.before != pair.now)
			check_configuration(&pair, unit, &out[i]);
	}
}
