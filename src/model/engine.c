/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All engines together. What one file alone cannot know (names in `after`,
 * cycles) is checked when all files are read, before the profile is
 * applied, so that a misspelt name is an error and not a service that is
 * missing.
 */
#include "model/engine.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "model/engine_read.h"

#define ENGINES_MAX 32
#define HEALTH_PREFIX "health:"

static const struct engine_service *
service_find(const struct engine *engines, size_t count, const char *name,
	const struct engine **engine_out)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; engines[i].services[j].name != NULL; j++)
			if (strcmp(engines[i].services[j].name, name) == 0) {
				*engine_out = &engines[i];
				return &engines[i].services[j];
			}
	return NULL;
}

static bool
is_health_fact(const char *name)
{
	return strncmp(name, HEALTH_PREFIX, strlen(HEALTH_PREFIX)) == 0;
}

/* Names in a list must exist; those outside the profile are taken out. */
static int
resolve_list(const struct engine *engines, size_t count,
	enum instance_profile profile, const char **list, bool health_allowed,
	struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; list[i] != NULL; i++) {
		const struct engine *owner;
		const char *name = list[i];

		if (health_allowed && is_health_fact(name)) {
			list[kept++] = name;
			continue;
		}
		if (service_find(engines, count, name, &owner) == NULL)
			return err_set(err, ERR_INVALID,
				"there is no service \"%s\"", name);
		if (owner->profile <= profile)
			list[kept++] = name;
	}
	list[kept] = NULL;
	return 0;
}

static int
resolve_service(const struct engine *engines, size_t count,
	enum instance_profile profile, struct engine_service *service,
	struct err *err)
{
	if (resolve_list(engines, count, profile, service->after, false, err) ==
		-1)
		return err_prefix(err, "%s.after", service->name);
	if (resolve_list(engines, count, profile, service->prefer, true, err) ==
		-1)
		return err_prefix(err, "%s.prefer", service->name);
	return 0;
}

/*
 * A chain of `after` that is longer than the number of services comes
 * back to itself.
 */
static int
check_cycle(const struct engine *engines, size_t count,
	const struct engine_service *service, size_t depth, struct err *err)
{
	if (depth > ENGINE_LIST_MAX)
		return err_set(err, ERR_INVALID,
			"%s.after comes back to itself", service->name);
	for (size_t i = 0; service->after[i] != NULL; i++) {
		const struct engine *owner;
		const struct engine_service *next =
			service_find(engines, count, service->after[i], &owner);

		if (next != NULL &&
			check_cycle(engines, count, next, depth + 1, err) == -1)
			return -1;
	}
	return 0;
}

static int
resolve_all(struct engine *engines, size_t count, enum instance_profile profile,
	struct err *err)
{
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; engines[i].services[j].name != NULL; j++) {
			struct engine_service *service =
				&engines[i].services[j];
			const struct engine *owner = NULL;

			if (service_find(engines, count, service->name,
				    &owner) != service)
				return err_set(err, ERR_EXISTS,
					"engines %s and %s both have a service \"%s\"",
					owner->name, engines[i].name,
					service->name);
			if (resolve_service(engines, count, profile, service,
				    err) == -1)
				return err_prefix(
					err, "engine %s", engines[i].name);
		}
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; engines[i].services[j].name != NULL; j++)
			if (check_cycle(engines, count, &engines[i].services[j],
				    0, err) == -1)
				return -1;
	return 0;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The folders of share/engines that have an engine.conf, sorted. */
static int
list_folders(const struct engine_reader *r, const char **names,
	size_t *count_out, struct err *err)
{
	const char *folder =
		arena_printf(r->arena, "%s/engines", r->paths->share);
	DIR *directory = opendir(folder);
	struct dirent *entry;
	size_t count = 0;
	int result = -1;

	if (directory == NULL && errno == ENOENT) {
		*count_out = 0;
		return 0;
	}
	if (directory == NULL)
		return err_errno(err, errno, "reading %s", folder);
	while ((entry = readdir(directory)) != NULL) {
		const char *conf = arena_printf(
			r->arena, "%s/%s/engine.conf", folder, entry->d_name);

		if (entry->d_name[0] == '.' || !fs_exists(conf))
			continue;
		if (count == ENGINES_MAX - 1) {
			err_set(err, ERR_LIMIT, "%s has more than %d engines",
				folder, ENGINES_MAX - 1);
			goto out;
		}
		names[count++] = arena_strdup(r->arena, entry->d_name);
	}
	qsort(names, count, sizeof(*names), compare_names);
	*count_out = count;
	result = 0;
out:
	closedir(directory);
	return result;
}

static int
load_folders(struct engine_reader *r, struct engine *engines, size_t *count,
	struct err *err)
{
	const char *names[ENGINES_MAX];
	size_t name_count;

	if (list_folders(r, names, &name_count, err) == -1)
		return -1;
	for (size_t i = 0; i < name_count; i++) {
		r->engine = &engines[*count];
		r->engine->share = arena_printf(
			r->arena, "%s/engines/%s", r->paths->share, names[i]);
		if (engine_read(r,
			    arena_printf(r->arena, "%s/engine.conf",
				    r->engine->share),
			    names[i], err) == -1)
			return -1;
		(*count)++;
	}
	return 0;
}

int
engine_load_all(const struct paths *paths, const struct instance *instance,
	const char *etc_directory, struct arena *arena,
	struct engine **engines_out, size_t *count_out, struct err *err)
{
	struct engine_reader r = {
		.paths = paths,
		.instance = instance,
		.etc = etc_directory ? etc_directory : paths->rendered,
		.arena = arena,
	};
	struct engine *engines =
		arena_alloc(arena, (ENGINES_MAX + 1) * sizeof(*engines));
	size_t count = 1, kept = 0;

	r.engine = &engines[0];
	r.engine->share = arena_strdup(arena, paths->share);
	if (engine_read(&r,
		    arena_printf(arena, "%s/programs.conf", paths->share),
		    "mailherd", err) == -1)
		return -1;
	if (load_folders(&r, engines, &count, err) == -1 ||
		resolve_all(engines, count, instance->profile, err) == -1)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (engines[i].profile <= instance->profile)
			engines[kept++] = engines[i];
	*engines_out = engines;
	*count_out = kept;
	return 0;
}
