/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A time zone or a configuration that cannot be read does not keep the
 * logger from its work: it goes on in UTC and says so.
 */
#include "log/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/ipc.h"
#include "log/collector.h"
#include "log/stamp.h"
#include "model/instance.h"

#define MIB ((int64_t)1024 * 1024)
#define LOGS_MODE 02750
#define FIFOS_MODE 0755
#define FIFO_MODE 0600

static const struct logfile_limits LIMITS_DEFAULT = {
	.size_max = 10 * MIB,
	.files_max = 5,
};

struct program {
	struct logfile_limits limits;
	struct collector *collector;
	struct ipc_server *server;
};

static void
configure(const struct paths *paths, struct logfile_limits *limits_out)
{
	struct arena *arena = arena_new();
	struct instance instance = { 0 };
	struct err err;

	*limits_out = LIMITS_DEFAULT;
	if (instance_load_or_last(paths, arena, &instance, &err) < 0) {
		log_warn("configuration cannot be read, stamping in UTC",
			LOG_ERR(&err));
		instance.timezone = "Etc/UTC";
	} else {
		limits_out->size_max = instance.log_file_mib * MIB;
		limits_out->files_max = instance.log_files;
	}
	if (stamp_zone_set(instance.timezone, &err) < 0)
		log_warn("time zone is not known, stamping in UTC",
			LOG_ERR(&err));
	arena_free(&arena);
}

/* Those that were made before this user was known or by other hands. */
static int
take_fifos(const char *path, uid_t uid, struct err *err)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int result = 0;

	if (!directory)
		return err_errno(err, errno, "opening %s", path);
	while ((entry = readdir(directory))) {
		struct stat status;

		if (fstatat(dirfd(directory), entry->d_name, &status,
			    AT_SYMLINK_NOFOLLOW) < 0 ||
			!S_ISFIFO(status.st_mode))
			continue;
		if (fchownat(dirfd(directory), entry->d_name, uid, (gid_t)-1,
			    AT_SYMLINK_NOFOLLOW) < 0 ||
			fchmodat(dirfd(directory), entry->d_name, FIFO_MODE,
				0) < 0)
			result = err_errno(err, errno, "taking over %s/%s",
				path, entry->d_name);
	}
	closedir(directory);
	return result;
}

MUST_CHECK int
program_prepare(struct service_state *state, struct err *err)
{
	const struct paths *paths = &state->paths;
	struct program *program = xcalloc(1, sizeof(*program));
	uid_t uid;
	gid_t own_group;
	gid_t readers;

	state->program = program;
	configure(paths, &program->limits);
	if (fs_user(state->service->jail.user, &uid, &own_group, err) < 0)
		return -1;
	/* Debian's group of those who may read logs. */
	if (fs_group("adm", &readers, NULL) < 0)
		readers = own_group;
	if (fs_make_directory(paths->logs, LOGS_MODE, uid, readers, err) < 0 ||
		fs_make_directory(paths->fifos, FIFOS_MODE, 0, 0, err) < 0)
		return -1;
	return take_fifos(paths->fifos, uid, err);
}

static void
answer_status(struct ipc_call *call, json_t *request UNUSED, void *context)
{
	struct program *program = context;

	collector_status(program->collector, ipc_answer(call));
	ipc_reply(call);
}

static void
answer_rotate(struct ipc_call *call, json_t *request, void *context)
{
	struct program *program = context;
	const char *service =
		json_string_value(json_object_get(request, "service"));
	struct err err;

	if (collector_rotate(program->collector, service, &err) < 0) {
		ipc_fail(call, &err);
		return;
	}
	(void)ipc_answer(call); /* nothing to add to "ok" */
	ipc_reply(call);
}

static const struct ipc_field NO_FIELDS[] = {
	{ .name = NULL },
};

static const struct ipc_field ROTATE_FIELDS[] = {
	{ .name = "service", .type = IPC_TEXT, .length_max = 32 },
	{ .name = NULL },
};

static const struct ipc_verb VERBS[] = {
	{ .name = "status", .fields = NO_FIELDS, .handler = answer_status },
	{ .name = "rotate", .fields = ROTATE_FIELDS, .handler = answer_rotate },
	{ .name = NULL },
};

MUST_CHECK int
program_start(struct service_state *state, struct err *err)
{
	struct program *program = state->program;
	struct collector_options options = {
		.fifos = state->paths.fifos,
		.logs = state->paths.logs,
		.limits = program->limits,
	};

	if (collector_new(state->loop, &options, &program->collector, err) < 0)
		return -1;
	/* Through our own FIFO we would wait for ourselves. */
	log_set_sink(collector_own_line, program->collector);
	program->server =
		ipc_server_new(state->loop, state->sockets[0], VERBS, program);
	return 0;
}

void
program_drain(struct service_state *state)
{
	struct program *program = state->program;

	ipc_server_free(&program->server);
	log_set_sink(NULL, NULL);
	collector_free(&program->collector);
	x_free(&program);
	state->program = NULL;
	service_done(state);
}
