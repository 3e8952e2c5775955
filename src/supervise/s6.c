/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The status file of s6 2.11 is 35 bytes: two TAI64N stamps of 12 (last
 * change, last readiness; not used, because leap seconds are in them), the
 * pid as 64 bits, the wait status as 16 bits, flags; all big-endian.
 */
#include "supervise/s6.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise/record.h"

#define STATUS_SIZE 35
#define STATUS_PID 24
#define STATUS_WAIT 32
#define STATUS_FLAGS 34
#define FLAG_FINISHING 0x02
#define FLAG_WANTED_UP 0x04
#define FLAG_READY 0x08

static uint64_t
read_big_endian(const unsigned char *bytes, size_t length)
{
	uint64_t value = 0;

	for (size_t i = 0; i < length; i++)
		value = value << 8 | bytes[i];
	return value;
}

static bool
join(char path[PATH_MAX], const char *directory, const char *name)
{
	int length = snprintf(path, PATH_MAX, "%s/%s", directory, name);

	return length > 0 && length < PATH_MAX;
}

/* A FIFO that somebody reads, or -1. */
static int
open_fifo(const char *directory, const char *name)
{
	char path[PATH_MAX];

	if (!join(path, directory, name))
		return -1;
	return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
}

static bool
fifo_send(const char *directory, const char *name, const char *letters)
{
	int fd = open_fifo(directory, name);
	size_t length = strlen(letters);
	bool sent;

	if (fd == -1)
		return false;
	sent = write(fd, letters, length) == (ssize_t)length;
	close(fd);
	return sent;
}

static bool
fifo_has_reader(const char *directory, const char *name)
{
	int fd = open_fifo(directory, name);

	if (fd == -1)
		return false;
	close(fd);
	return true;
}

bool
s6_status_running(const struct s6_status *status)
{
	return status->supervised && status->pid > 0 && !status->finishing;
}

void
s6_status_read(const char *service, struct s6_status *out)
{
	unsigned char bytes[STATUS_SIZE + 1];
	char path[PATH_MAX];
	ssize_t length;
	int fd, wait_status;

	*out = (struct s6_status){ 0 };
	if (!join(path, service, "supervise/status") ||
		!fifo_has_reader(service, "supervise/control"))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	length = read(fd, bytes, sizeof(bytes));
	close(fd);
	if (length != STATUS_SIZE)
		return;
	wait_status = (int)read_big_endian(bytes + STATUS_WAIT, 2);
	out->supervised = true;
	out->pid = (pid_t)read_big_endian(bytes + STATUS_PID, 8);
	out->finishing = bytes[STATUS_FLAGS] & FLAG_FINISHING;
	out->wanted_up = bytes[STATUS_FLAGS] & FLAG_WANTED_UP;
	/* In a service that is down the same flag means: finish is over. */
	out->ready = s6_status_running(out) &&
		     (bytes[STATUS_FLAGS] & FLAG_READY) != 0;
	out->exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 0;
	out->exit_signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
}

pid_t
s6_supervisor_pid(const char *service)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd, result;

	if (!join(path, service, "supervise/lock"))
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd == -1)
		return 0;
	result = fcntl(fd, F_GETLK, &lock);
	close(fd);
	return result == 0 && lock.l_type != F_UNLCK ? lock.l_pid : 0;
}

bool
s6_command(const char *service, const char *letters)
{
	return fifo_send(service, "supervise/control", letters);
}

/* Before the record names it, the finish program may not yet block it. */
static bool
may_be_hurried(const char *service, pid_t pid)
{
	struct s6_status status;
	struct record_ended ended;

	s6_status_read(service, &status);
	record_read_ended(service, &ended);
	return status.finishing && status.pid == pid && ended.finish_pid == pid;
}

void
s6_hurry_finish(const char *service)
{
	struct s6_status status;
	int fd;

	s6_status_read(service, &status);
	if (!status.finishing || status.pid <= 1)
		return;
	/* Held by it while s6 is asked once more whose number it is. */
	fd = pidfd_open(status.pid, 0);
	if (fd == -1)
		return; /* it has ended */
	if (may_be_hurried(service, status.pid))
		(void)pidfd_send_signal(fd, SIGTERM, NULL, 0);
	close(fd);
}

bool
s6_scan_command(const char *scan, const char *letters)
{
	return fifo_send(scan, ".s6-svscan/control", letters);
}

bool
s6_scan_running(const char *scan)
{
	return fifo_has_reader(scan, ".s6-svscan/control");
}
