/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer comes back through a pipe; it fits in the pipe's buffer. */
#include "cli/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/jail.h"

struct report {
	int result;
	struct err err;
};

static void
child(const struct paths *paths, owner_enter_fn *enter, owner_run_fn *run,
	void *context, int fd)
{
	struct report report = { 0 };

	/* Files of the database are for its group, too. */
	(void)umask(0002);
	report.result = enter(paths, &report.err);
	if (report.result == 0)
		report.result = run(context, &report.err);
	if (write(fd, &report, sizeof(report)) != sizeof(report))
		_exit(1);
	_exit(0);
}

static int
read_report(int fd, struct err *err)
{
	struct report report;
	size_t got = 0;
	ssize_t n;

	while (got < sizeof(report)) {
		n = read(fd, (char *)&report + got, sizeof(report) - got);
		if (n == -1 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set(err, ERR_SYSTEM,
				"a helper ended without an answer");
		got += (size_t)n;
	}
	if (report.result == -1 && err != NULL)
		*err = report.err;
	return report.result;
}

int
owner_run(const struct paths *paths, owner_enter_fn *enter, owner_run_fn *run,
	void *context, struct err *err)
{
	int ends[2], result;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return err_errno(err, errno, "a pipe");
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0) {
		(void)close(ends[0]);
		child(paths, enter, run, context, ends[1]);
	}
	(void)close(ends[1]);
	if (pid == -1)
		result = err_errno(err, errno, "starting a helper");
	else
		result = read_report(ends[0], err);
	(void)close(ends[0]);
	while (pid != -1 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	return result;
}

int
owner_enter_usage(const struct paths *paths, struct err *err)
{
	static const char *const GROUPS[] = { "mailherd-read", NULL };
	static const struct jail JAIL = {
		.user = "mailherd-directory",
		.groups = GROUPS,
		.network = JAIL_UNIX_ONLY,
	};

	return jail_enter(&JAIL, paths, err);
}

int
owner_enter_core(const struct paths *paths, struct err *err)
{
	static const char *const GROUPS[] = { "mailherd-read", "mailherd-write",
		NULL };
	static const struct jail JAIL = {
		.user = "mailherd",
		.groups = GROUPS,
		.network = JAIL_UNIX_ONLY,
		.exec = false,
	};

	return jail_enter(&JAIL, paths, err);
}
