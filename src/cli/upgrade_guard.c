/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two files: "lock" belongs to the upgrade alone; "writers" is held
 * shared by each command on objects, exclusively by an upgrade. Only those
 * who may write the database can open it, so nobody else can hold it up.
 */
#include "cli/upgrade_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"

#define LOCK_FILE "/lock"
#define WRITERS_FILE "/writers"
#define WRITERS_GROUP "mailherd-write"
#define POLL_MS 50

struct guard_path {
	char text[PATHS_MAX + 64];
};

static struct guard_path
path_of(const struct paths *paths, const char *name)
{
	struct guard_path path;

	(void)snprintf(path.text, sizeof(path.text),
		"%s/" UPGRADE_DIRECTORY "%s", paths->state, name);
	return path;
}

static int
say_busy(struct err *err)
{
	(void)err_set(err, ERR_BUSY,
		"an upgrade is under way; what was written now could be lost");
	return err_remedy(err,
		"try again in a minute; one that was interrupted goes on with mailherd upgrade");
}

int
upgrade_guard_command(const struct paths *paths, struct err *err)
{
	struct guard_path state = path_of(paths, "/" UPGRADE_STATE_FILE);
	struct guard_path writers = path_of(paths, WRITERS_FILE);
	int fd;

	/* Held until the process ends. */
	fd = open(writers.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1 && errno != ENOENT)
		return err_errno(err, errno, "opening %s", writers.text);
	if (fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1) {
		(void)close(fd);
		return say_busy(err);
	}
	/* After the lock: an upgrade writes its state before it takes it. */
	if (!fs_exists(state.text))
		return 0;
	if (fd != -1)
		(void)close(fd);
	return say_busy(err);
}

static int
make_writers(const struct paths *paths, struct err *err)
{
	struct guard_path path = path_of(paths, WRITERS_FILE);
	gid_t group;

	if (fs_exists(path.text))
		return 0;
	if (fs_group(WRITERS_GROUP, &group, err) == -1)
		return -1;
	return fs_write_atomic(path.text, "", 0, 0640, 0, group, err);
}

/* A descriptor that holds the lock until it is closed, or -1. */
static int
take(const char *path, int flags, int deadline_ms)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	int64_t until_ms = clock_monotonic_ms() + deadline_ms;
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	while (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (clock_monotonic_ms() >= until_ms) {
			(void)close(fd);
			errno = EWOULDBLOCK;
			return -1;
		}
		(void)nanosleep(&pause, NULL);
	}
	return fd;
}

int
upgrade_guard_start(const struct paths *paths, int deadline_ms, struct err *err)
{
	struct guard_path directory = path_of(paths, "");
	struct guard_path path = path_of(paths, LOCK_FILE);

	if (fs_make_directory(directory.text, 0755, 0, 0, err) == -1 ||
		make_writers(paths, err) == -1)
		return -1;
	if (take(path.text, O_RDWR | O_CREAT, deadline_ms) != -1)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "opening %s", path.text);
	(void)err_set(err, ERR_BUSY, "another upgrade runs");
	return err_remedy(err, "wait until it has ended");
}

int
upgrade_guard_writers(
	const struct paths *paths, int deadline_ms, struct err *err)
{
	struct guard_path path = path_of(paths, WRITERS_FILE);

	if (take(path.text, O_RDONLY, deadline_ms) != -1)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "opening %s", path.text);
	return err_set(err, ERR_BUSY,
		"a command that changes the database is still at work after %d s",
		deadline_ms / 1000);
}
