/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd config set. A key of mailherd.conf is tried out first: the file
 * as it would be stands beside it for the time of the check, and takes its
 * place by one rename when every engine approves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json_write.h"
#include "cli/config.h"
#include "cli/lifecycle.h"
#include "model/instance.h"
#include "supervise/s6.h"

#define JSON_SIZE_MAX 8192
#define DRAFT_MODE 0644

/* What a change needs to be in force. */
enum needs {
	NEEDS_NOTHING,
	NEEDS_RESTART, /* of what is stale */
	NEEDS_UP /* it does not run */
};

static const struct {
	const char *name;
	const char *sentence;
} NEEDS[] = {
	[NEEDS_NOTHING] = { "nothing", "in force" },
	[NEEDS_RESTART] = { "restart",
		"to bring it into force: mailherd restart --changed" },
	[NEEDS_UP] = { "up", "in force with the next mailherd up" },
};

struct change {
	struct command_call *call;
	struct option option;
	const char *const *values; /* NULL-ended; none with unset */
	bool unset;
	int file; /* that holds the value; -1: none */
	bool checked; /* by the engines */
	bool same; /* it said so already */
};

/* One after another for a list, else one text. */
static const char **
make_pairs(struct change *change)
{
	struct arena *arena = change->call->arena;
	size_t count = change->call->argument_count, used = 0;
	const char **pairs =
		arena_alloc(arena, 2 * (count + 2) * sizeof(*pairs));
	const char *joined = "";

	if (change->unset) {
		pairs[0] = change->option.name;
		return pairs; /* NULL: the key is removed */
	}
	for (size_t i = 0; change->values[i] != NULL; i++) {
		if (change->option.repeatable) {
			pairs[used++] = change->option.name;
			pairs[used++] = change->values[i];
		} else {
			joined = arena_printf(arena, "%s%s%s", joined,
				i == 0 ? "" : " ", change->values[i]);
		}
	}
	if (!change->option.repeatable) {
		pairs[0] = change->option.name;
		pairs[1] = joined;
	}
	return pairs;
}

/* What was typed stands in no line yet that an error could name. */
static int
check_pairs(const char *const *pairs, struct err *err)
{
	for (size_t i = 0; pairs[i] != NULL && pairs[i + 1] != NULL; i += 2)
		if (instance_check(pairs[i], pairs[i + 1], err) != 0)
			return -1;
	return 0;
}

/* Two that change the file at a time would undo each other's work. */
static int
lock_file(const struct command_call *call, int *fd_out, struct err *err)
{
	const char *path = call->paths.config;
	const char *folder = arena_strndup(
		call->arena, path, (size_t)(strrchr(path, '/') - path));
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1 || flock(fd, LOCK_EX) == -1)
		return err_errno(err, errno, "locking %s", folder);
	*fd_out = fd;
	return 0;
}

static int
try_and_write(
	struct change *change, const struct strbuf *draft, struct err *err)
{
	const char *config = change->call->paths.config;
	const char *path =
		arena_printf(change->call->arena, "%s.draft", config);

	if (fs_write_atomic(path, draft->data, draft->length, DRAFT_MODE,
		    (uid_t)-1, (gid_t)-1, err) == -1)
		return -1;
	if (config_try(change->call, path, &change->checked, err) == -1) {
		(void)unlink(path); /* the next one replaces it */
		return -1;
	}
	if (rename(path, config) == -1)
		return err_errno(err, errno, "replacing %s", config);
	return 0;
}

static int
change_file(struct change *change, struct err *err)
{
	struct command_call *call = change->call;
	const char **pairs = make_pairs(change);
	struct strbuf draft;
	int lock, status;

	if (lock_file(call, &lock, err) == -1)
		return -1;
	strbuf_init(&draft, CONFIG_FILE_SIZE_MAX);
	status = check_pairs(pairs, err);
	if (status == 0)
		status = instance_draft(
			&call->paths, pairs, &draft, &change->same, err);
	if (status == 0 && !change->same)
		status = try_and_write(change, &draft, err);
	strbuf_deinit(&draft);
	(void)close(lock);
	return status;
}

/* NULL: the default again. */
static int
find_text(const struct change *change, const char **text_out, struct err *err)
{
	struct arena *arena = change->call->arena;

	if (change->file >= 0)
		return config_text_read(
			change->file, &change->option, arena, text_out, err);
	if (change->unset)
		return 0;
	if (!change->option.repeatable && change->values[1] != NULL)
		return err_field(err, ERR_INVALID, change->option.name,
			"%s takes one value", change->option.name);
	*text_out = config_text_join(change->values, arena);
	return 0;
}

static int
change_database(struct change *change, struct err *err)
{
	struct command_call *call = change->call;
	struct model model;
	const char *text = NULL;
	int status;

	if (find_text(change, &text, err) != 0 ||
		command_drop(&call->paths, err) != 0 ||
		model_open(&call->paths, call->actor, call->arena, &model,
			err) != 0)
		return -1;
	status = setting_store(&model, change->option.setting, text, err);
	model_close(&model);
	return status;
}

static enum needs
find_needs(const struct change *change)
{
	if (change->option.place == OPTION_DATABASE)
		return NEEDS_NOTHING;
	return s6_scan_running(change->call->paths.services) ? NEEDS_RESTART
							     : NEEDS_UP;
}

static void
print_json(const struct change *change, enum needs needs)
{
	struct strbuf text;
	struct json_writer w;

	strbuf_init(&text, JSON_SIZE_MAX);
	json_writer_init(&w, &text);
	json_object_open(&w, NULL);
	json_text(&w, "key", change->option.name);
	json_bool(&w, "changed", !change->same);
	json_bool(&w, "checked", change->checked);
	json_text(&w, "needs", NEEDS[needs].name);
	json_object_close(&w);
	puts(text.data);
	strbuf_deinit(&text);
}

static int
finish(const struct change *change)
{
	bool apply = command_option(change->call, "apply") != NULL;
	enum needs needs = find_needs(change);

	if (apply && needs == NEEDS_RESTART) {
		if (!change->call->json)
			printf("%s changed\n", change->option.name);
		return lifecycle_restart_changed(change->call);
	}
	if (change->call->json) {
		print_json(change, needs);
		return 0;
	}
	printf("%s %s\n", change->option.name,
		change->same ? "is so already" : "changed");
	puts(NEEDS[needs].sentence);
	if (change->option.place == OPTION_FILE && !change->same &&
		!change->checked)
		puts("not checked by the engines: mailherd was never up here");
	return 0;
}

static int
check_values(const struct change *change, struct err *err)
{
	bool given = change->values[0] != NULL;

	if (change->file >= 0) {
		if (change->option.place == OPTION_DATABASE && !given &&
			!change->unset)
			return 0;
		(void)err_field(err, ERR_INVALID, "file",
			change->option.place == OPTION_FILE
				? "%s is no text that is read from a file"
				: "%s is given by --file alone",
			change->option.name);
		return err_remedy(err, "leave %s out",
			change->option.place == OPTION_FILE
				? "--file"
				: "values and --unset");
	}
	if (given != change->unset)
		return 0;
	(void)err_field(err, ERR_INVALID, change->option.name,
		given ? "--unset takes no value" : "%s needs a value",
		change->option.name);
	return err_remedy(err, "mailherd config set %s VALUE, or --unset",
		change->option.name);
}

int
config_set(struct command_call *call)
{
	struct change change = { .call = call,
		.values = call->arguments + 1,
		.unset = command_option(call, "unset") != NULL,
		.file = command_option_file(call, "file") };
	struct err err = { 0 };
	int status;

	if (config_find(command_argument(call, 0), &change.option, &err) != 0 ||
		check_values(&change, &err) != 0)
		return command_fail(call, &err);
	status = change.option.place == OPTION_FILE
			 ? change_file(&change, &err)
			 : change_database(&change, &err);
	return status == 0 ? finish(&change) : command_fail(call, &err);
}
