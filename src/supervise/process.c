/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Membership is read from /proc/<pid>/stat. The kernel does not give a
 * number away again while it is some session's id, so a process that has
 * the leader's number but another start time proves that the session is
 * empty.
 */
#include "supervise/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define STAT_MAX 1024
#define MEMBERS_MAX 512
#define KILL_ROUNDS 20
#define KILL_WAIT_MS 100

struct stat_fields {
	char state;
	pid_t session;
	uint64_t start_ticks;
};

struct members {
	pid_t leader;
	int count;
	pid_t pids[MEMBERS_MAX];
};

/* Fields behind the name, which may itself hold blanks and parentheses. */
static bool
read_stat(pid_t pid, struct stat_fields *out)
{
	char path[64], text[STAT_MAX], *fields;
	unsigned long long ticks;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return false;
	text[length] = '\0';
	fields = strrchr(text, ')');
	if (fields == NULL ||
		sscanf(fields + 1,
			" %c %*d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u"
			" %*d %*d %*d %*d %*d %*d %llu",
			&out->state, &out->session, &ticks) != 3)
		return false;
	out->start_ticks = ticks;
	return true;
}

static bool
is_dead(const struct stat_fields *fields)
{
	return fields->state == 'Z' || fields->state == 'X';
}

bool
process_identify(pid_t pid, struct process *out)
{
	struct stat_fields fields;

	if (pid <= 0 || !read_stat(pid, &fields) || is_dead(&fields))
		return false;
	*out = (struct process){ pid, fields.start_ticks };
	return true;
}

bool
process_is_alive(const struct process *process)
{
	struct process now;

	return process_identify(process->pid, &now) &&
	       now.start_ticks == process->start_ticks;
}

void
process_each(process_visit_fn *visit, void *context)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		struct stat_fields fields;
		pid_t pid;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (read_stat(pid, &fields) && !is_dead(&fields))
			visit(pid, fields.session, context);
	}
	closedir(directory);
}

static void
add_member(pid_t pid, pid_t session, void *context)
{
	struct members *members = context;

	if (session == members->leader && members->count < MEMBERS_MAX &&
		pid != getpid())
		members->pids[members->count++] = pid;
}

static void
find_members(const struct process *leader, struct members *members)
{
	struct stat_fields fields;

	members->count = 0;
	if (read_stat(leader->pid, &fields) &&
		fields.start_ticks != leader->start_ticks)
		return;
	process_each(add_member, members);
}

static void
signal_members(const struct members *members, int signal_number)
{
	for (int i = 0; i < members->count; i++)
		(void)kill(members->pids[i], signal_number); /* may be gone */
}

/* Waits for the end of the first member that is still there. */
static void
wait_for_member(const struct members *members, int timeout_ms)
{
	for (int i = 0; i < members->count; i++) {
		struct pollfd wait = { .events = POLLIN };

		wait.fd = (int)syscall(SYS_pidfd_open, members->pids[i], 0);
		if (wait.fd == -1)
			continue;
		(void)poll(&wait, 1, timeout_ms);
		close(wait.fd);
		return;
	}
}

static void
wait_for_end(const struct process *leader, struct members *members, int wait_ms)
{
	int64_t deadline = clock_monotonic_ms() + wait_ms;

	for (;;) {
		int64_t left = deadline - clock_monotonic_ms();

		find_members(leader, members);
		if (members->count == 0 || left <= 0)
			return;
		wait_for_member(members, (int)left);
	}
}

int
process_end_session(const struct process *leader, int grace_ms)
{
	struct members members = { .leader = leader->pid };
	int count;

	if (leader->pid <= 1)
		return 0;
	find_members(leader, &members);
	count = members.count;
	if (count == 0)
		return 0;
	signal_members(&members, SIGTERM);
	wait_for_end(leader, &members, grace_ms);
	for (int i = 0; i < KILL_ROUNDS && members.count > 0; i++) {
		signal_members(&members, SIGKILL);
		wait_for_end(leader, &members, KILL_WAIT_MS);
	}
	return count;
}
