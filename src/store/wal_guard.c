/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * FILE-held has a fixed size and is written in place, so that a full disk
 * does not keep it from being right; its lock makes "look and move" one
 * act. SQLite deletes no log of a file that was moved (it looks before),
 * so whoever still holds the old file does no harm.
 */
#include "store/wal_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define GUARD_PATH_MAX 4096
#define HELD "-held"
#define LOG "-wal"
#define INDEX "-shm"
#define STALE "-wal.stale"
#define PERMISSIONS (S_IRWXU | S_IRWXG | S_IRWXO)

static const char MAGIC[8] = "mhheld1";

struct record {
	char magic[sizeof(MAGIC)];
	struct wal_identity file;
	struct wal_identity log;
};

static void
add_suffix(const char *path, const char *suffix, char out[GUARD_PATH_MAX])
{
	(void)snprintf(out, GUARD_PATH_MAX, "%s%s", path, suffix);
}

struct wal_identity
wal_identity_of(const char *path)
{
	struct statx status;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME,
		    &status) != 0)
		return (struct wal_identity){ 0 };
	return (struct wal_identity){
		.device = ((uint64_t)status.stx_dev_major << 32) |
			  status.stx_dev_minor,
		.inode = status.stx_ino,
		.born_s = (uint64_t)status.stx_btime.tv_sec,
		.born_ns = status.stx_btime.tv_nsec,
	};
}

bool
wal_identity_equal(const struct wal_identity *a, const struct wal_identity *b)
{
	return a->device == b->device && a->inode == b->inode &&
	       a->born_s == b->born_s && a->born_ns == b->born_ns;
}

static struct wal_identity
beside(const char *path, const char *suffix)
{
	char other[GUARD_PATH_MAX];

	add_suffix(path, suffix, other);
	return wal_identity_of(other);
}

/* One that cannot be read says nothing. */
static bool
read_record(int fd, struct record *record)
{
	return pread(fd, record, sizeof(*record), 0) == sizeof(*record) &&
	       memcmp(record->magic, MAGIC, sizeof(MAGIC)) == 0;
}

/*
 * An index without a log is what an empty file leaves: SQLite removes its
 * log, but not what others have mapped.
 */
static bool
is_strange(const char *path, const struct record *record)
{
	struct wal_identity file = wal_identity_of(path);
	struct wal_identity log = beside(path, LOG);
	struct wal_identity index = beside(path, INDEX);

	if (file.inode == 0 || wal_identity_equal(&file, &record->file))
		return false;
	return log.inode != 0 ? wal_identity_equal(&log, &record->log)
			      : index.inode != 0;
}

static int
open_held(const char *path, int flags, mode_t mode)
{
	char held[GUARD_PATH_MAX];

	add_suffix(path, HELD, held);
	return open(held, flags | O_CLOEXEC | O_NOFOLLOW, mode);
}

bool
wal_guard_is_stale(const char *path)
{
	struct record record;
	int fd = open_held(path, O_RDONLY, 0);
	bool stale;

	if (fd < 0)
		return false;
	stale = read_record(fd, &record) && is_strange(path, &record);
	(void)close(fd);
	return stale;
}

static int
move_away(const char *path, struct err *err)
{
	char log[GUARD_PATH_MAX];
	char index[GUARD_PATH_MAX];
	char stale[GUARD_PATH_MAX];

	add_suffix(path, LOG, log);
	add_suffix(path, INDEX, index);
	add_suffix(path, STALE, stale);
	if (unlink(index) != 0 && errno != ENOENT)
		return err_errno(err, errno, "removing %s", index);
	if (rename(log, stale) != 0 && errno != ENOENT)
		return err_errno(err, errno, "renaming %s", log);
	return 0;
}

bool
wal_guard_is_known(const char *path)
{
	return beside(path, HELD).inode != 0;
}

MUST_CHECK int
wal_guard_settle(const char *path, struct err *err)
{
	struct record record;
	int fd = open_held(path, O_RDWR, 0);
	int result = 0;

	if (fd < 0)
		return 0; /* nothing was noted */
	if (flock(fd, LOCK_EX) == 0 && read_record(fd, &record) &&
		is_strange(path, &record))
		result = move_away(path, err) == 0 ? 1 : -1;
	(void)close(fd);
	return result;
}

static void
write_record(int fd, const struct record *record)
{
	struct record present;

	if (!read_record(fd, &present) ||
		memcmp(&present, record, sizeof(present)) != 0)
		(void)!pwrite(fd, record, sizeof(*record), 0);
}

void
wal_guard_note(const char *path)
{
	struct record record = { .file = wal_identity_of(path),
		.log = beside(path, LOG) };
	struct stat status;
	int fd;

	if (stat(path, &status) != 0)
		return;
	memcpy(record.magic, MAGIC, sizeof(MAGIC));
	fd = open_held(path, O_RDWR | O_CREAT, status.st_mode & PERMISSIONS);
	if (fd < 0)
		return;
	/* Who may write the file may write this; the umask did not know. */
	(void)fchmod(fd, status.st_mode & PERMISSIONS);
	if (flock(fd, LOCK_EX) == 0)
		write_record(fd, &record);
	(void)close(fd);
}
