/* SPDX-License-Identifier: GPL-3.0-or-later */
/* "key = value" lines; a list is its key several times, in order. */
#include "supervise/launch.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"

enum kind {
	KIND_TEXT,
	KIND_NUMBER,
	KIND_LIST
};

struct launch_key {
	const char *name;
	enum kind kind;
	size_t offset;
	size_t max; /* of a list, with its NULL */
};

#define LIST(name, max)                                                        \
	{                                                                      \
#name, KIND_LIST, offsetof(struct launch, name), max           \
	}
#define TEXT(name)                                                             \
	{                                                                      \
#name, KIND_TEXT, offsetof(struct launch, name), 0             \
	}
#define NUMBER(name)                                                           \
	{                                                                      \
#name, KIND_NUMBER, offsetof(struct launch, name), 0           \
	}

static const struct launch_key LAUNCH_KEYS[] = {
	LIST(argv, ENGINE_ARGV_MAX),
	LIST(first, ENGINE_ARGV_MAX),
	LIST(gate, ENGINE_ARGV_MAX),
	LIST(leftovers, ENGINE_LIST_MAX),
	LIST(environment, ENGINE_LIST_MAX),
	LIST(mounts, ENGINE_LIST_MAX),
	LIST(after, ENGINE_LIST_MAX),
	LIST(probe, ENGINE_ARGV_MAX),
	TEXT(name),
	TEXT(root),
	TEXT(hooks),
	LIST(ports, ENGINE_LIST_MAX),
	TEXT(user),
	TEXT(directory),
	TEXT(fifo),
	LIST(capabilities, ENGINE_LIST_MAX),
	NUMBER(no_new_privs),
	NUMBER(start_ms),
	NUMBER(linger_ms),
	NUMBER(oom_score_adj),
	NUMBER(nofile),
};

struct launch_reader {
	struct arena *arena;
	struct launch *launch;
};

static void
print_key(struct strbuf *out, const struct launch_key *key, const char *base)
{
	const char *const *texts = (const char *const *)(base + key->offset);

	switch (key->kind) {
	case KIND_NUMBER:
		strbuf_printf(out, "%s = %d\n", key->name,
			*(const int *)(base + key->offset));
		break;
	case KIND_TEXT:
		if (*texts != NULL)
			strbuf_printf(out, "%s = %s\n", key->name, *texts);
		break;
	case KIND_LIST:
		for (; *texts != NULL; texts++)
			strbuf_printf(out, "%s = %s\n", key->name, *texts);
		break;
	}
}

void
launch_print(struct strbuf *out, const struct launch *launch)
{
	for (size_t i = 0; i < ARRAY_LENGTH(LAUNCH_KEYS); i++)
		print_key(out, &LAUNCH_KEYS[i], (const char *)launch);
}

static int
store(struct launch_reader *reader, const struct launch_key *key,
	const char *value, struct err *err)
{
	char *target = (char *)reader->launch + key->offset;
	const char **texts = (const char **)target;
	size_t count = 0;

	if (key->kind == KIND_NUMBER) {
		*(int *)target = (int)strtol(value, NULL, 10);
		return 0;
	}
	if (key->kind == KIND_LIST) {
		while (texts[count] != NULL)
			count++;
		if (count + 1 >= key->max)
			return err_set(err, ERR_LIMIT, "too many");
	}
	texts[count] = arena_strdup(reader->arena, value);
	return 0;
}

static int
read_line(void *context, const char *name, const char *value, int line UNUSED,
	struct err *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(LAUNCH_KEYS); i++)
		if (strcmp(LAUNCH_KEYS[i].name, name) == 0)
			return store(context, &LAUNCH_KEYS[i], value, err);
	return err_set(err, ERR_INVALID, "unknown key");
}

int
launch_resolve(const char *service, char path_out[PATH_MAX])
{
	char link[PATH_MAX];
	const char *folder, *number;

	snprintf(link, sizeof(link), "%s/" LAUNCH_FILE, service);
	if (realpath(link, path_out) == NULL) {
		snprintf(path_out, PATH_MAX, "%s", link);
		return 0;
	}
	/* .../gen/<number>/launch/<service> */
	folder = strrchr(path_out, '/');
	for (number = folder - 1; number > path_out && *number != '/';)
		number--;
	if (strncmp(number, "/" LAUNCH_FOLDER "/",
		    strlen("/" LAUNCH_FOLDER "/")) != 0)
		return 0;
	while (number > path_out && number[-1] != '/')
		number--;
	return (int)strtol(number, NULL, 10);
}

int
launch_read(const char *path, struct arena *arena, struct launch *out,
	struct err *err)
{
	struct launch launch = { 0 };
	struct launch_reader reader = { .arena = arena, .launch = &launch };

	if (config_parse_file(path, read_line, &reader, err) == -1)
		return -1;
	if (launch.argv[0] == NULL || launch.fifo == NULL)
		return err_set(
			err, ERR_CORRUPT, "%s has no argv or no fifo", path);
	*out = launch;
	return 0;
}
