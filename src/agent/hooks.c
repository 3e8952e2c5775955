/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Root runs them, so nobody else may be able to write them: directory and
 * file must belong to us and be writable by no group and nobody else. The
 * directory is judged by its descriptor and programs are regular files in
 * it, so nothing can be put in their place in between.
 */
#include "agent/hooks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "io/child.h"

#define HOOKS_MAX 64
#define ENVIRONMENT_MAX 80
#define DEFAULT_PATH                                                           \
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static void
log_skipped(const char *path, const char *cause)
{
	log_warn("hook skipped", LOG_TEXT("hook", path),
		LOG_TEXT("cause", cause));
}

static bool
is_ours_alone(const struct stat *status)
{
	return status->st_uid == geteuid() &&
	       (status->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* What editors and dpkg leave beside a file is not meant to run. */
static bool
is_left_over(const char *name)
{
	size_t length = strlen(name);

	return name[0] == '.' || name[length - 1] == '~' ||
	       strstr(name, ".dpkg-") != NULL || strstr(name, ".ucf-") != NULL;
}

/* NULL when it may be run. */
static const char *
find_fault(int directory, const char *name)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is not a regular file";
	if (!is_ours_alone(&status))
		return "it must belong to root and be writable by root only";
	if ((status.st_mode & S_IXUSR) == 0)
		return "it is not executable (chmod 755)";
	return NULL;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names that are fit to run, sorted. */
static size_t
list_names(const struct hooks *hooks, DIR *directory, struct arena *arena,
	const char *names[HOOKS_MAX])
{
	struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(directory)) != NULL) {
		const char *path, *fault;

		if (is_left_over(entry->d_name))
			continue;
		path = arena_printf(
			arena, "%s/%s", hooks->directory, entry->d_name);
		fault = find_fault(dirfd(directory), entry->d_name);
		if (fault == NULL && count == HOOKS_MAX)
			fault = "there are too many";
		if (fault != NULL)
			log_skipped(path, fault);
		else
			names[count++] = arena_strdup(arena, entry->d_name);
	}
	qsort(names, count, sizeof(*names), compare_names);
	return count;
}

/* NULL: there are none, or others could have written them. */
static DIR *
open_directory(const struct hooks *hooks)
{
	int fd = open(hooks->directory,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;

	if (fd == -1) {
		if (errno != ENOENT)
			log_skipped(hooks->directory, strerror(errno));
		return NULL;
	}
	if (fstat(fd, &status) == 0 && is_ours_alone(&status))
		return fdopendir(fd);
	log_skipped(hooks->directory,
		"the directory must belong to root and be writable by root only");
	close(fd);
	return NULL;
}

static void
fill_environment(const struct hooks *hooks, struct arena *arena,
	const char *environment[ENVIRONMENT_MAX])
{
	size_t count = 0;

	environment[count++] = DEFAULT_PATH;
	environment[count++] = "LANG=C.UTF-8";
	environment[count++] =
		arena_printf(arena, "MAILHERD_SERVICE=%s", hooks->service);
	environment[count++] =
		arena_printf(arena, "MAILHERD_ROOT=%s", hooks->root);
	for (size_t i = 0; hooks->environment[i] != NULL; i++)
		if (count + 1 < ENVIRONMENT_MAX)
			environment[count++] = hooks->environment[i];
	environment[count] = NULL;
}

static void
run_one(const char *const *argv, const char *const *environment,
	int deadline_ms)
{
	const char *path = argv[0];
	struct child_spec spec = { .argv = argv,
		.environment = environment,
		.deadline_ms = deadline_ms,
		.inherit_output = true };
	int64_t began_ms = clock_monotonic_ms();
	struct child_result result;
	struct strbuf unused;
	struct err err = { 0 };

	strbuf_init(&unused, 1);
	if (child_run(&spec, &unused, &result, &err) == -1)
		log_warn("hook not started, going on", LOG_TEXT("hook", path),
			LOG_ERR(&err));
	else if (result.timed_out)
		log_warn("hook took too long and was ended, going on",
			LOG_TEXT("hook", path),
			LOG_NUMBER("deadline_ms", deadline_ms));
	else if (result.status != 0)
		log_warn("hook failed, going on", LOG_TEXT("hook", path),
			LOG_NUMBER("status", result.status));
	else
		log_info("hook done", LOG_TEXT("hook", path),
			LOG_NUMBER("ms", clock_monotonic_ms() - began_ms));
	strbuf_deinit(&unused);
}

static void
run_all(const struct hooks *hooks, DIR *directory, struct arena *arena)
{
	int64_t end_ms = clock_monotonic_ms() + hooks->deadline_ms;
	const char *environment[ENVIRONMENT_MAX];
	const char *names[HOOKS_MAX];
	size_t count = list_names(hooks, directory, arena, names);

	fill_environment(hooks, arena, environment);
	for (size_t i = 0; i < count; i++) {
		const char *path = arena_printf(
			arena, "%s/%s", hooks->directory, names[i]);
		int64_t left_ms = end_ms - clock_monotonic_ms();

		if (left_ms <= 0)
			log_skipped(path, "those before it took all the time");
		else
			run_one((const char *[]){ path, NULL }, environment,
				(int)left_ms);
	}
}

void
hooks_run(const struct hooks *hooks)
{
	DIR *directory = open_directory(hooks);
	struct arena *arena;

	if (directory == NULL)
		return;
	arena = arena_new();
	run_all(hooks, directory, arena);
	arena_free(&arena);
	closedir(directory);
}

void
hooks_run_program(const struct hooks *hooks, const char *const *argv)
{
	const char *environment[ENVIRONMENT_MAX];
	struct arena *arena = arena_new();

	fill_environment(hooks, arena, environment);
	run_one(argv, environment, hooks->deadline_ms);
	arena_free(&arena);
}
