/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A new service directory has a `down` file, so that s6 waits for the
 * sequencer; the sequencer removes it at the first readiness, so that a
 * service whose s6-supervise was killed comes back by itself. When no
 * s6-svscan runs, the tree is put back to that beginning.
 */
#include "agent/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/strangers.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "supervise/launch.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define DEPTH_MAX 8 /* of `after` among those that start alone */
#define SEED_SIZE_MAX (16 * 1024 * 1024)
#define LAUNCH_SIZE_MAX (64 * 1024)
#define SUPERVISION_FIFO "s6"
#define LOG_USER "mailherd-log"
#define FIFO_MODE 0600
#define READABLE_MODE 0644
#define PROGRAM_MODE 0755

struct base_directory {
	size_t offset; /* in struct paths */
	const char *suffix;
	mode_t mode;
};

static const struct base_directory BASE_DIRECTORIES[] = {
	{ offsetof(struct paths, state), "", 0755 },
	{ offsetof(struct paths, engines), "", 0755 },
	{ offsetof(struct paths, generations), "", 0755 },
	{ offsetof(struct paths, run), "", 0755 },
	{ offsetof(struct paths, services), "", 0700 },
	{ offsetof(struct paths, services), "/.s6-svscan", 0700 },
	{ offsetof(struct paths, sockets), "", 0755 },
	{ offsetof(struct paths, fifos), "", 0755 },
};

/* What s6-fdholderd lets root do; nobody else reaches its socket. */
static const struct {
	const char *name;
	const char *text;
} HOLDER_RULES[] = {
	{ "allow", "" },
	{ "env/S6_FDHOLDER_STORE_REGEX", "^.*$\n" },
	{ "env/S6_FDHOLDER_RETRIEVE_REGEX", "^.*$\n" },
	{ "env/S6_FDHOLDER_LIST", "1\n" },
	{ "env/S6_FDHOLDER_GETDUMP", "1\n" },
	{ "env/S6_FDHOLDER_SETDUMP", "1\n" },
};

/* Signals that mean "stop in order" to who started s6-svscan. */
static const char *const STOP_SIGNALS[] = { "SIGTERM", "SIGINT", "SIGQUIT" };

PRINTF_LIKE(2, 3)

static int
join(char path[PATH_MAX], const char *format, ...)
{
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(path, PATH_MAX, format, arguments);
	va_end(arguments);
	BUG_ON(length < 0 || length >= PATH_MAX);
	return 0;
}

static const struct engine_service *
find_service(const struct engine *engines, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; engines[i].services[j].name != NULL; j++)
			if (strcmp(engines[i].services[j].name, name) == 0)
				return &engines[i].services[j];
	return NULL;
}

/* True when from is, or comes (in some steps) after, the service. */
static bool
needs(const struct engine *engines, size_t count, const char *from,
	const char *name, int depth)
{
	const struct engine_service *service;

	if (strcmp(from, name) == 0)
		return true;
	service = find_service(engines, count, from);
	if (service == NULL || depth == DEPTH_MAX)
		return false;
	for (size_t i = 0; service->after[i] != NULL; i++)
		if (needs(engines, count, service->after[i], name, depth + 1))
			return true;
	return false;
}

bool
tree_starts_alone(
	const struct engine *engines, size_t count, const char *service)
{
	/* The logger from the first line on, though nobody waits for it. */
	return strcmp(service, "log") == 0 ||
	       needs(engines, count, TREE_AGENT, service, 0);
}

/* Writes a file only where it differs: nothing that runs is disturbed. */
static int
write_text(const char *path, const char *text, mode_t mode, struct err *err)
{
	struct strbuf now;
	struct err ignored;
	int same;

	strbuf_init(&now, LAUNCH_SIZE_MAX);
	same = fs_read(path, LAUNCH_SIZE_MAX, &now, &ignored) == 0 &&
	       span_equal_text(strbuf_span(&now), text);
	strbuf_deinit(&now);
	return same ? 0 : record_replace(path, text, mode, err);
}

static int
make_link(const char *target, const char *path, struct err *err)
{
	char now[PATH_MAX], fresh[PATH_MAX];
	ssize_t length = readlink(path, now, sizeof(now) - 1);

	if (length >= 0) {
		now[length] = '\0';
		if (strcmp(now, target) == 0)
			return 0;
	}
	join(fresh, "%s.new", path);
	if (unlink(fresh) == -1 && errno != ENOENT)
		return err_errno(err, errno, "removing %s", fresh);
	if (symlink(target, fresh) == -1 || rename(fresh, path) == -1)
		return err_errno(err, errno, "linking %s", path);
	return 0;
}

static int
make_directories(const struct paths *paths, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(BASE_DIRECTORIES); i++) {
		const struct base_directory *d = &BASE_DIRECTORIES[i];
		char path[PATH_MAX];

		join(path, "%s%s", (const char *)paths + d->offset, d->suffix);
		if (fs_make_directory(path, d->mode, 0, 0, err) == -1)
			return -1;
	}
	return 0;
}

static int
find_owner(const char *owner, const char *group, uid_t *uid_out, gid_t *gid_out,
	struct err *err)
{
	gid_t primary;

	if (fs_user(owner, uid_out, &primary, err) == -1)
		return -1;
	return fs_group(group, gid_out, err);
}

static int
make_engine_directories(const struct engine *engine, struct err *err)
{
	for (size_t i = 0; engine->directories[i].path != NULL; i++) {
		const struct engine_directory *d = &engine->directories[i];
		uid_t uid;
		gid_t gid;

		if (find_owner(d->owner, d->group, &uid, &gid, err) == -1 ||
			fs_make_directory(d->path, d->mode, uid, gid, err) ==
				-1)
			return err_prefix(err, "engine %s", engine->name);
	}
	return 0;
}

static int
copy_seed(const struct engine_seed *seed, struct err *err)
{
	struct strbuf text;
	uid_t uid;
	gid_t gid;
	int result;

	if (fs_exists(seed->destination))
		return 0;
	if (find_owner(seed->owner, seed->group, &uid, &gid, err) == -1)
		return -1;
	strbuf_init(&text, SEED_SIZE_MAX);
	result = fs_read(seed->source, SEED_SIZE_MAX, &text, err);
	if (result == 0)
		result = fs_write_atomic(seed->destination, text.data,
			text.length, seed->mode, uid, gid, err);
	strbuf_deinit(&text);
	return result;
}

static int
copy_seeds(const struct engine *engine, struct err *err)
{
	for (size_t i = 0; engine->seeds[i].source != NULL; i++)
		if (copy_seed(&engine->seeds[i], err) == -1)
			return err_prefix(err, "engine %s", engine->name);
	return 0;
}

static int
write_holder_rules(const struct paths *paths, struct err *err)
{
	char path[PATH_MAX];

	join(path, "%s/fdholder/rules/uid/0/env", paths->run);
	if (fs_make_directory(path, 0700, 0, 0, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(HOLDER_RULES); i++) {
		join(path, "%s/fdholder/rules/uid/0/%s", paths->run,
			HOLDER_RULES[i].name);
		if (write_text(path, HOLDER_RULES[i].text, READABLE_MODE,
			    err) == -1)
			return -1;
	}
	return 0;
}

static int
make_fifo(const struct paths *paths, const char *name, struct err *err)
{
	char path[PATH_MAX];
	uid_t uid;
	gid_t gid;

	join(path, "%s/%s", paths->fifos, name);
	if (fs_user(LOG_USER, &uid, &gid, err) == -1)
		return -1;
	if (mkfifo(path, FIFO_MODE) == -1 && errno != EEXIST)
		return err_errno(err, errno, "making %s", path);
	if (lchown(path, uid, gid) == -1 || chmod(path, FIFO_MODE) == -1)
		return err_errno(err, errno, "giving %s away", path);
	return 0;
}

static const struct instance_listen *
find_port(const struct instance *instance, const char *name)
{
	for (int port = 0; port < PORT_COUNT; port++)
		if (strcmp(instance_port_name(port), name) == 0)
			return &instance->listen[port];
	return NULL;
}

static const char *
describe_port(
	const struct instance *instance, const char *name, struct arena *arena)
{
	const struct instance_listen *listen = find_port(instance, name);
	const char *text = arena_printf(arena, "%s %u", name, listen->port);

	for (size_t i = 0; listen->addresses[i] != NULL; i++)
		text = arena_printf(arena, "%s %s", text, listen->addresses[i]);
	return text;
}

static void
fill_launch(const struct tree_input *input,
	const struct engine_service *service, struct arena *arena,
	struct launch *launch)
{
	size_t used = 0;

	*launch = (struct launch){
		.name = service->name,
		.root = arena_printf(arena, "%s/", input->paths->root),
		.hooks = arena_printf(
			arena, "%s/%s", input->paths->hooks, service->name),
		.user = service->user,
		.directory = service->directory,
		.fifo = arena_printf(
			arena, "%s/%s", input->paths->fifos, service->name),
		.no_new_privs = service->no_new_privs,
		.start_ms = service->start_ms,
		.linger_ms = service->linger_ms,
		.oom_score_adj = service->oom_score_adj,
		.nofile = service->nofile,
	};
	memcpy(launch->argv, service->argv, sizeof(launch->argv));
	memcpy(launch->first, service->first, sizeof(launch->first));
	memcpy(launch->gate, service->gate, sizeof(launch->gate));
	memcpy(launch->leftovers, service->leftovers,
		sizeof(launch->leftovers));
	memcpy(launch->mounts, service->mounts, sizeof(launch->mounts));
	memcpy(launch->capabilities, service->capabilities,
		sizeof(launch->capabilities));
	for (size_t i = 0; service->ports[i] != NULL; i++)
		launch->ports[i] = describe_port(
			input->instance, service->ports[i], arena);
	if (service->ready == ENGINE_READY_PROBE)
		memcpy(launch->probe, service->probe, sizeof(launch->probe));
	launch->environment[used++] =
		arena_printf(arena, "TZ=%s", input->instance->timezone);
	for (size_t i = 0; service->environment[i] != NULL; i++)
		if (used + 1 < ENGINE_LIST_MAX)
			launch->environment[used++] = service->environment[i];
	if (!tree_starts_alone(
		    input->engines, input->engine_count, service->name))
		return;
	for (size_t i = 0; service->after[i] != NULL; i++)
		launch->after[i] = arena_printf(arena, "%s/%s",
			input->paths->services, service->after[i]);
}

static int
write_number(
	const char *directory, const char *name, int number, struct err *err)
{
	char path[PATH_MAX], text[16];

	join(path, "%s/%s", directory, name);
	snprintf(text, sizeof(text), "%d\n", number);
	return write_text(path, text, READABLE_MODE, err);
}

static int
remove_file(const char *directory, const char *name, struct err *err)
{
	char path[PATH_MAX];

	join(path, "%s/%s", directory, name);
	if (unlink(path) == -1 && errno != ENOENT)
		return err_errno(err, errno, "removing %s", path);
	return 0;
}

/* Dangling until the first configuration is in force; so is the service. */
static int
link_launch(const struct paths *paths, const char *service,
	const char *directory, struct err *err)
{
	char target[PATH_MAX], path[PATH_MAX];

	join(target, "%s/" LAUNCH_FOLDER "/%s", paths->rendered, service);
	join(path, "%s/" LAUNCH_FILE, directory);
	return make_link(target, path, err);
}

static int
link_program(const struct paths *paths, const char *program,
	const char *directory, const char *name, struct err *err)
{
	char target[PATH_MAX], path[PATH_MAX];

	join(target, "%s/%s", paths->programs, program);
	join(path, "%s/%s", directory, name);
	return make_link(target, path, err);
}

/* How s6 learns of readiness; a service without it has no such files. */
static int
write_readiness(const struct paths *paths, const struct engine_service *service,
	const char *directory, struct err *err)
{
	char data[PATH_MAX];

	join(data, "%s/data", directory);
	if (service->ready == ENGINE_READY_NONE)
		return remove_file(directory, "notification-fd", err);
	if (write_number(directory, "notification-fd", 3, err) == -1)
		return -1;
	if (service->ready != ENGINE_READY_PROBE)
		return 0;
	if (fs_make_directory(data, 0755, 0, 0, err) == -1)
		return -1;
	return link_program(paths, "mailherd-probe", data, "check", err);
}

/* The state before the first start of this run of the tree. */
static int
reset_service(const char *directory, bool starts_alone, struct err *err)
{
	struct record_started started;
	char path[PATH_MAX];

	/* Who ran last stays known, in case it still runs. */
	record_read_started(directory, &started);
	started.count = 0;
	if (record_write_started(directory, &started, err) == -1 ||
		remove_file(directory, RECORD_ENDED, err) == -1)
		return -1;
	if (starts_alone)
		return remove_file(directory, "down", err);
	join(path, "%s/down", directory);
	return write_text(path, "", READABLE_MODE, err);
}

static int
make_service(const struct tree_input *input,
	const struct engine_service *service, bool fresh, struct err *err)
{
	const struct paths *paths = input->paths;
	char directory[PATH_MAX], supervise[PATH_MAX];
	bool is_new;

	join(directory, "%s/%s", paths->services, service->name);
	join(supervise, "%s/supervise", directory);
	is_new = !fs_exists(supervise);
	/* The agent watches supervise, so it must be there before s6 is. */
	if (fs_make_directory(directory, 0755, 0, 0, err) == -1 ||
		fs_make_directory(supervise, 0700, 0, 0, err) == -1 ||
		link_launch(paths, service->name, directory, err) == -1 ||
		write_readiness(paths, service, directory, err) == -1 ||
		write_number(directory, "timeout-finish", 0, err) == -1 ||
		write_number(directory, "timeout-kill", service->stop_ms,
			err) == -1 ||
		make_fifo(paths, service->name, err) == -1 ||
		link_program(paths, "mailherd-finish", directory, "finish",
			err) == -1)
		return -1;
	if ((fresh || is_new) &&
		reset_service(directory,
			tree_starts_alone(input->engines, input->engine_count,
				service->name),
			err) == -1)
		return -1;
	/* Last: a directory without it is not started by a running s6. */
	return link_program(paths, "mailherd-run", directory, "run", err);
}

static int
make_services(const struct tree_input *input, bool fresh, struct err *err)
{
	for (size_t i = 0; i < input->engine_count; i++) {
		const struct engine *engine = &input->engines[i];

		for (size_t j = 0; engine->services[j].name != NULL; j++)
			if (make_service(input, &engine->services[j], fresh,
				    err) == -1)
				return err_prefix(err, "service %s",
					engine->services[j].name);
	}
	return 0;
}

/* Directories of services that the profile no longer has. */
static int
remove_strangers(const struct tree_input *input, struct err *err)
{
	DIR *directory = opendir(input->paths->services);
	struct dirent *entry;
	int result = 0;

	if (directory == NULL)
		return err_errno(
			err, errno, "reading %s", input->paths->services);
	while (result == 0 && (entry = readdir(directory)) != NULL) {
		char path[PATH_MAX];

		if (strncmp(entry->d_name, STRANGERS_PREFIX,
			    strlen(STRANGERS_PREFIX)) != 0 &&
			(entry->d_name[0] == '.' ||
				find_service(input->engines,
					input->engine_count,
					entry->d_name) != NULL))
			continue;
		join(path, "%s/%s", input->paths->services, entry->d_name);
		result = fs_remove_tree(path, err);
	}
	closedir(directory);
	return result;
}

/* systemd and container engines stop us by a signal to s6-svscan. */
static int
write_stop_scripts(const struct paths *paths, struct err *err)
{
	char path[PATH_MAX], text[PATH_MAX * 3];

	snprintf(text, sizeof(text),
		"#!/bin/sh\nexec %s down --direct --root %s/\n", paths->binary,
		paths->root);
	for (size_t i = 0; i < ARRAY_LENGTH(STOP_SIGNALS); i++) {
		join(path, "%s/.s6-svscan/%s", paths->services,
			STOP_SIGNALS[i]);
		if (write_text(path, text, PROGRAM_MODE, err) == -1)
			return -1;
	}
	return 0;
}

static int
write_launch(const struct tree_input *input,
	const struct engine_service *service, const char *folder,
	struct err *err)
{
	struct arena *arena = arena_new();
	struct launch launch;
	struct strbuf text;
	char path[PATH_MAX];
	int result;

	strbuf_init(&text, LAUNCH_SIZE_MAX);
	fill_launch(input, service, arena, &launch);
	launch_print(&text, &launch);
	join(path, "%s/%s", folder, service->name);
	result = write_text(path, text.data, READABLE_MODE, err);
	strbuf_deinit(&text);
	arena_free(&arena);
	return result;
}

int
tree_write_launches(
	const struct tree_input *input, const char *tree, struct err *err)
{
	char folder[PATH_MAX];

	join(folder, "%s/" LAUNCH_FOLDER, tree);
	if (fs_make_directory(folder, 0755, 0, 0, err) == -1)
		return -1;
	for (size_t i = 0; i < input->engine_count; i++)
		for (size_t j = 0; input->engines[i].services[j].name; j++)
			if (write_launch(input, &input->engines[i].services[j],
				    folder, err) == -1)
				return -1;
	return 0;
}

int
tree_prepare(const struct tree_input *input, struct err *err)
{
	bool fresh;

	if (make_directories(input->paths, err) == -1)
		return -1;
	fresh = !s6_scan_running(input->paths->services);
	for (size_t i = 0; i < input->engine_count; i++)
		if (make_engine_directories(&input->engines[i], err) == -1 ||
			copy_seeds(&input->engines[i], err) == -1)
			return -1;
	if (write_holder_rules(input->paths, err) == -1 ||
		make_fifo(input->paths, SUPERVISION_FIFO, err) == -1 ||
		write_stop_scripts(input->paths, err) == -1 ||
		make_services(input, fresh, err) == -1)
		return -1;
	return fresh ? remove_strangers(input, err) : 0;
}
