/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A full disk shows as a short write followed by an error, or as an error
 * at once. The file is then cut back to its last whole line, and what did
 * not fit is counted. Nothing is kept for later: the disk may stay full
 * for days, memory may not.
 */
#include "log/logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "log/stamp.h"

#define DIRECTORY_MODE 02750
#define FILE_MODE 0640
#define OLD_FILES_MAX 64 /* looked at when the oldest are removed */

struct logfile {
	char directory[PATH_MAX];
	struct logfile_limits limits;
	struct logfile_counts counts;
	uint64_t missing; /* dropped since the last line that was written */
	int64_t size;
	int fd; /* -1: to be opened */
};

struct logfile *
logfile_new(const char *directory, const struct logfile_limits *limits)
{
	struct logfile *file = xmalloc(sizeof(*file));

	BUG_ON(strlen(directory) + STAMP_SIZE >= sizeof(file->directory));
	snprintf(file->directory, sizeof(file->directory), "%s", directory);
	file->limits = *limits;
	file->fd = -1;
	return file;
}

static void
close_current(struct logfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

void
logfile_free(struct logfile **file)
{
	if (*file)
		close_current(*file);
	x_free(file);
}

static void
file_path(const struct logfile *file, const char *name, char out[PATH_MAX])
{
	int length = snprintf(out, PATH_MAX, "%s/%s", file->directory, name);

	BUG_ON(length >= PATH_MAX);
}

/* A crash of the machine may have left half a line behind. */
static void
mend_tail(struct logfile *file)
{
	char last = '\n';

	if (file->size > 0 && pread(file->fd, &last, 1, file->size - 1) == 1 &&
		last != '\n' && write(file->fd, "\n", 1) == 1)
		file->size++;
}

static int
open_current(struct logfile *file, struct err *err)
{
	char path[PATH_MAX];
	struct stat status;

	file_path(file, "current", path);
	if (mkdir(file->directory, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return err_errno(err, errno, "creating %s", file->directory);
	file->fd =
		open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			FILE_MODE);
	if (file->fd < 0)
		return err_errno(err, errno, "opening %s", path);
	if (fstat(file->fd, &status) < 0) {
		close_current(file);
		return err_errno(err, errno, "looking at %s", path);
	}
	file->size = status.st_size;
	mend_tail(file);
	return 0;
}

static bool
is_removed(const struct logfile *file)
{
	struct stat status;

	return fstat(file->fd, &status) == 0 && status.st_nlink == 0;
}

static int
ensure_open(struct logfile *file, struct err *err)
{
	if (file->fd >= 0 && is_removed(file))
		close_current(file);
	return file->fd >= 0 ? 0 : open_current(file, err);
}

static int
is_old_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] >= '0' && entry->d_name[0] <= '9' &&
	       length < STAMP_SIZE && entry->d_name[length - 1] == 'Z';
}

/* Names sort by time. What cannot be removed now is tried next time. */
static void
remove_oldest(const struct logfile *file)
{
	struct dirent **entries = NULL;
	int count = scandir(file->directory, &entries, is_old_file, alphasort);

	for (int i = 0; i < count; i++) {
		char path[PATH_MAX];

		file_path(file, entries[i]->d_name, path);
		if (i < count - (file->limits.files_max - 1))
			(void)unlink(path); /* see above */
		x_release(entries[i]);
	}
	if (count >= 0)
		x_release(entries);
}

MUST_CHECK int
logfile_rotate(struct logfile *file, int64_t wall_ms, struct err *err)
{
	char from[PATH_MAX];
	char to[PATH_MAX];
	char name[STAMP_SIZE];

	if (ensure_open(file, err) < 0)
		return -1;
	if (file->size == 0)
		return 0;
	file_path(file, "current", from);
	do {
		stamp_file_name(wall_ms++, name);
		file_path(file, name, to);
	} while (fs_exists(to));
	if (rename(from, to) < 0)
		return err_errno(err, errno, "renaming %s", from);
	close_current(file);
	remove_oldest(file);
	return open_current(file, err);
}

static uint64_t
count_lines(struct span text)
{
	uint64_t lines = 0;
	ptrdiff_t end;

	while ((end = span_find(text, '\n')) >= 0) {
		lines++;
		text.data += end + 1;
		text.length -= (size_t)end + 1;
	}
	return lines;
}

/* Bytes of whole lines among the first length ones. */
static size_t
whole_lines(struct span text, size_t length)
{
	while (length > 0 && text.data[length - 1] != '\n')
		length--;
	return length;
}

/* Returns how many bytes, whole lines, are in the file. */
static size_t
write_lines(struct logfile *file, struct span lines, struct err *err)
{
	size_t done = 0;

	while (done < lines.length) {
		ssize_t n =
			write(file->fd, lines.data + done, lines.length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err_errno(err, n < 0 ? errno : ENOSPC, "writing to %s",
				file->directory);
			break;
		}
		done += (size_t)n;
	}
	if (done < lines.length) {
		done = whole_lines(lines, done);
		if (ftruncate(file->fd, file->size + (int64_t)done) < 0)
			close_current(file); /* mend_tail() repairs it */
	}
	file->size += (int64_t)done;
	return done;
}

static bool
write_missing(struct logfile *file, int64_t wall_ms, struct err *err)
{
	char stamp[STAMP_SIZE];
	char text[STAMP_SIZE + 128];
	size_t length;

	stamp_format(wall_ms, stamp);
	length = (size_t)snprintf(text, sizeof(text),
		"%s warn: lines were dropped that could not be written"
		" count=%llu\n",
		stamp, (unsigned long long)file->missing);
	if (write_lines(file, (struct span){ text, length }, err) < length)
		return false;
	file->missing = 0;
	return true;
}

static void
drop(struct logfile *file, struct span lines)
{
	uint64_t count = count_lines(lines);

	file->missing += count;
	file->counts.dropped += count;
}

enum logfile_answer
logfile_write(struct logfile *file, struct span lines, int64_t wall_ms,
	struct err *err)
{
	size_t done;

	if (ensure_open(file, err) < 0 ||
		(file->missing > 0 && !write_missing(file, wall_ms, err))) {
		drop(file, lines);
		return LOGFILE_DROPPED;
	}
	if (file->size > 0 &&
		file->limits.size_max < file->size + (int64_t)lines.length &&
		logfile_rotate(file, wall_ms, err) < 0 && file->fd < 0) {
		drop(file, lines);
		return LOGFILE_DROPPED;
	}
	done = write_lines(file, lines, err);
	file->counts.lines += count_lines((struct span){ lines.data, done });
	file->counts.bytes += done;
	if (done == lines.length)
		return LOGFILE_WRITTEN;
	drop(file, (struct span){ lines.data + done, lines.length - done });
	return LOGFILE_DROPPED;
}

const struct logfile_counts *
logfile_counts(const struct logfile *file)
{
	return &file->counts;
}
