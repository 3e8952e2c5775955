/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd exec TOOL: an engine's own tool with the configuration of this
 * instance. Which tools there are, with which arguments, environment and
 * private mounts, stands in each engine's engine.conf. The tool runs in
 * the network namespace of the instance, which a test's is not ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/lifecycle.h"
#include "model/engine.h"
#include "model/instance.h"
#include "supervise/mounts.h"
#include "supervise/s6.h"

#define AGENT_SERVICE "agent"

static const struct engine_tool *
find_tool(const struct engine *engines, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		for (const struct engine_tool *tool = engines[i].tools;
			tool->name != NULL; tool++)
			if (strcmp(tool->name, name) == 0)
				return tool;
	return NULL;
}

static int
set_unknown(const struct engine *engines, size_t count, const char *name,
	struct err *err)
{
	char list[sizeof(err->remedy)] = "";
	size_t used = 0;

	for (size_t i = 0; i < count; i++)
		for (const struct engine_tool *tool = engines[i].tools;
			tool->name != NULL && used < sizeof(list); tool++)
			used += (size_t)snprintf(list + used,
				sizeof(list) - used, " %s", tool->name);
	err_field(err, ERR_NOT_FOUND, "tool", "there is no tool \"%s\"", name);
	return err_remedy(err, "one of:%s", list);
}

/* Ours when the instance is down or in the same one. */
static int
enter_network(const struct command_call *call, struct err *err)
{
	struct s6_status status;
	struct stat ours, theirs;
	const char *path;
	int fd;

	s6_status_read(arena_printf(call->arena, "%s/" AGENT_SERVICE,
			       call->paths.services),
		&status);
	if (!s6_status_running(&status))
		return 0;
	path = arena_printf(call->arena, "/proc/%d/ns/net", (int)status.pid);
	if (stat(path, &theirs) == -1 ||
		stat("/proc/self/ns/net", &ours) == -1 ||
		theirs.st_ino == ours.st_ino)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1 || setns(fd, CLONE_NEWNET) == -1)
		return err_errno(err, errno,
			"entering the instance's network namespace");
	close(fd);
	return 0;
}

static void
set_environment(const struct command_call *call, const struct engine_tool *tool)
{
	for (size_t i = 0; tool->environment[i] != NULL; i++)
		/* putenv keeps the pointer; the arena outlives us. */
		(void)putenv(arena_strdup(call->arena, tool->environment[i]));
}

/* Returns only on failure. */
static int
become_tool(const struct command_call *call, const struct engine_tool *tool,
	struct err *err)
{
	const char **argv;
	size_t count = 0;

	while (tool->argv[count] != NULL)
		count++;
	argv = arena_alloc(call->arena,
		(count + call->argument_count + 1) * sizeof(*argv));
	memcpy(argv, tool->argv, count * sizeof(*argv));
	for (size_t i = 1; i < call->argument_count; i++)
		argv[count++] = call->arguments[i];
	if (enter_network(call, err) == -1 ||
		mounts_make(tool->mounts, err) == -1)
		return -1;
	set_environment(call, tool);
	execv(argv[0], (char *const *)argv);
	return err_errno(err, errno, "starting %s", argv[0]);
}

int
lifecycle_exec(struct command_call *call)
{
	const char *name = command_argument(call, 0);
	const struct engine_tool *tool;
	struct instance instance;
	struct engine *engines;
	struct err err = { 0 };
	size_t count;

	if (instance_load(&call->paths, call->arena, &instance, &err) == -1 ||
		engine_load_all(&call->paths, &instance, NULL, call->arena,
			&engines, &count, &err) == -1)
		return command_fail(call, &err);
	tool = find_tool(engines, count, name);
	if (tool == NULL)
		(void)set_unknown(engines, count, name, &err);
	else
		(void)become_tool(call, tool, &err); /* came back: err is set */
	return command_fail(call, &err);
}
