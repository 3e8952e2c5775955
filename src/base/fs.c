/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Root works here in directories that belong to users of engines, who may
 * change any name in them at any time. So a path is walked name by name, on
 * descriptors; a link is followed only where nobody but root (or we) can
 * have put it, and never at the last step.
 */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

#define FS_READ_CHUNK 16384
#define FS_TREE_DEPTH_MAX 128
#define FS_LOOKUP_SIZE 16384

/* ERR_NOT_FOUND for a missing file, ERR_SYSTEM for the rest. */
static int
set_open_error(struct err *err, int errno_value, const char *path)
{
	if (errno_value == ENOENT)
		return err_set(err, ERR_NOT_FOUND, "%s does not exist", path);
	return err_errno(err, errno_value, "opening %s", path);
}

static int
read_all(int fd, const char *path, size_t size_max, struct strbuf *out,
	struct err *err)
{
	char chunk[FS_READ_CHUNK];
	for (;;) {
		ssize_t got = read(fd, chunk, sizeof(chunk));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "reading %s", path);
		if (got == 0)
			return 0;
		strbuf_add(out, chunk, (size_t)got);
		if (strbuf_overflowed(out) || out->length > size_max)
			return err_set(err, ERR_TOO_BIG,
				"%s is larger than %zu bytes", path, size_max);
	}
}

int
fs_read(const char *path, size_t size_max, struct strbuf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return set_open_error(err, errno, path);
	strbuf_reset(out);
	int result = read_all(fd, path, size_max, out, err);
	close(fd);
	return result;
}

/* Splits path into its directory (copied) and last name (borrowed). */
static int
split_path(const char *path, char directory[PATH_MAX], const char **name_out,
	struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	if (length >= PATH_MAX)
		return err_set(err, ERR_INVALID, "a path is too long");
	const char *name = slash ? slash + 1 : path;
	if (*name == '\0')
		return err_set(err, ERR_INVALID, "%s names no file", path);
	if (!slash)
		snprintf(directory, PATH_MAX, ".");
	else if (length == 0)
		snprintf(directory, PATH_MAX, "/");
	else
		snprintf(directory, PATH_MAX, "%.*s", (int)length, path);
	*name_out = name;
	return 0;
}

static int
write_all(int fd, const void *data, size_t length)
{
	const char *at = data;
	while (length > 0) {
		ssize_t done = write(fd, at, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		at += done;
		length -= (size_t)done;
	}
	return 0;
}

/* chown takes set-id bits away, so the mode comes last. */
static int
set_owner_and_mode(int fd, mode_t mode, uid_t uid, gid_t gid)
{
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) && fchown(fd, uid, gid) < 0)
		return -1;
	return fchmod(fd, mode);
}

struct new_file {
	const void *data;
	size_t length;
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

static int
write_new_file(int directory, const char *name, const struct new_file *file)
{
	int fd = openat(directory, name,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	int failed =
		write_all(fd, file->data, file->length) < 0 ||
		set_owner_and_mode(fd, file->mode, file->uid, file->gid) < 0 ||
		fsync(fd) < 0;
	int errno_value = errno;
	if (close(fd) < 0 && !failed) {
		errno_value = errno;
		failed = 1;
	}
	errno = errno_value;
	return failed ? -1 : 0;
}

/* True when only root, or we, can put a link into the directory. */
static bool
is_trustworthy(int directory)
{
	struct stat status;
	return fstat(directory, &status) == 0 &&
	       (status.st_uid == 0 || status.st_uid == geteuid()) &&
	       (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* mkdir for everybody to enter, whatever the umask says. */
static int
make_one(int directory, const char *name)
{
	if (mkdirat(directory, name, 0755) < 0)
		return errno == EEXIST ? 0 : -1;
	int fd = openat(directory, name,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = fchmod(fd, 0755);
	close(fd);
	return result;
}

/* From one directory into the next; closes the first. errno tells why not. */
static int
step_into(int directory, const char *name, bool create)
{
	int links = is_trustworthy(directory) ? 0 : O_NOFOLLOW;
	int next = -1;
	if (!create || make_one(directory, name) == 0)
		next = openat(directory, name,
			O_PATH | O_DIRECTORY | O_CLOEXEC | links);
	int errno_value = errno;
	close(directory);
	errno = errno_value;
	return next;
}

/* An O_PATH descriptor of a directory, or -1 and errno. */
static int
walk(const char *path, bool create)
{
	int directory = open(
		*path == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	while (directory >= 0) {
		char name[NAME_MAX + 1];
		size_t length;
		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (length == 0)
			break;
		if (length >= sizeof(name)) {
			close(directory);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, length);
		name[length] = '\0';
		directory = step_into(directory, name, create);
		path += length;
	}
	return directory;
}

/* The directory above the last name of path, which is borrowed. */
static int
open_parent(
	const char *path, bool create, const char **name_out, struct err *err)
{
	char parent[PATH_MAX];
	if (split_path(path, parent, name_out, err) < 0)
		return -1;
	int directory = walk(parent, create);
	return directory < 0 ? set_open_error(err, errno, parent) : directory;
}

/* An O_PATH descriptor of a directory can not be synced. */
static int
sync_directory(int directory)
{
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = fsync(fd);
	close(fd);
	return result;
}

static int
replace_file(int directory, const char *name, const struct new_file *file)
{
	char suffix[13], fresh[NAME_MAX + 1];
	random_hex(suffix, sizeof(suffix) / 2);
	int length = snprintf(fresh, sizeof(fresh), ".%s.%s", name, suffix);
	if (length < 0 || (size_t)length >= sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (write_new_file(directory, fresh, file) == 0 &&
		renameat(directory, fresh, directory, name) == 0)
		return sync_directory(directory);
	int errno_value = errno;
	(void)unlinkat(directory, fresh, 0); /* the first failure counts */
	errno = errno_value;
	return -1;
}

/* link() never replaces: what stands there already stays. */
static int
add_file(int directory, const char *name, const struct new_file *file)
{
	char suffix[13], fresh[NAME_MAX + 1];
	random_hex(suffix, sizeof(suffix) / 2);
	int length = snprintf(fresh, sizeof(fresh), ".%s.%s", name, suffix);
	if (length < 0 || (size_t)length >= sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	int failed = write_new_file(directory, fresh, file) < 0 ||
		     linkat(directory, fresh, directory, name, 0) < 0;
	int errno_value = errno;
	(void)unlinkat(directory, fresh, 0); /* the first failure counts */
	if (!failed)
		return sync_directory(directory);
	errno = errno_value;
	return -1;
}

int
fs_write_new(const char *path, const void *data, size_t length, mode_t mode,
	uid_t uid, gid_t gid, struct err *err)
{
	const char *name;
	int directory = open_parent(path, false, &name, err);
	if (directory < 0)
		return -1;
	const struct new_file file = { data, length, mode, uid, gid };
	int result = add_file(directory, name, &file);
	int errno_value = errno;
	close(directory);
	if (result == 0)
		return 0;
	if (errno_value == EEXIST)
		return err_set(err, ERR_EXISTS, "%s exists already", path);
	return err_errno(err, errno_value, "writing %s", path);
}

int
fs_write_atomic(const char *path, const void *data, size_t length, mode_t mode,
	uid_t uid, gid_t gid, struct err *err)
{
	const char *name;
	int directory = open_parent(path, false, &name, err);
	if (directory < 0)
		return -1;
	struct new_file file = { data, length, mode, uid, gid };
	int result = replace_file(directory, name, &file);
	int errno_value = errno;
	close(directory);
	return result < 0 ? err_errno(err, errno_value, "writing %s", path) : 0;
}

/* Nothing is touched that is as it should be: it may be in use. */
static int
settle_directory(int fd, mode_t mode, uid_t uid, gid_t gid)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return -1;
	if ((uid == (uid_t)-1 || status.st_uid == uid) &&
		(gid == (gid_t)-1 || status.st_gid == gid) &&
		(status.st_mode & 07777) == mode)
		return 0;
	return set_owner_and_mode(fd, mode, uid, gid);
}

int
fs_make_directory(
	const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err)
{
	const char *name;
	int parent = open_parent(path, true, &name, err);
	if (parent < 0)
		return -1;
	int made = mkdirat(parent, name, 0700);
	int errno_value = errno;
	int fd = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int open_errno = errno;
	close(parent);
	if (made < 0 && errno_value != EEXIST) {
		if (fd >= 0)
			close(fd);
		return err_errno(err, errno_value, "creating %s", path);
	}
	if (fd < 0)
		return err_errno(err, open_errno, "opening directory %s", path);
	int result = settle_directory(fd, mode, uid, gid);
	errno_value = errno;
	close(fd);
	return result < 0 ? err_errno(err, errno_value,
				    "setting owner and mode of %s", path)
			  : 0;
}

int
fs_sync_directory(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = fd < 0 ? -1 : fsync(fd);
	int errno_value = errno;
	if (fd >= 0)
		close(fd);
	return result < 0 ? err_errno(err, errno_value, "syncing %s", path) : 0;
}

bool
fs_exists(const char *path)
{
	struct stat status;
	return stat(path, &status) == 0;
}

static int remove_entry(int parent, const char *name, int depth);

static int
remove_children(int fd, int depth)
{
	DIR *directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return -1;
	}
	int result = 0;
	struct dirent *entry;
	while (result == 0 && (errno = 0, entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			result = remove_entry(
				dirfd(directory), entry->d_name, depth);
	}
	int errno_value = errno;
	closedir(directory);
	errno = errno_value;
	return result < 0 || errno_value != 0 ? -1 : 0;
}

static int
remove_entry(int parent, const char *name, int depth)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT) {
		errno = 0;
		return 0;
	}
	if (errno != EISDIR && errno != EPERM)
		return -1;
	if (depth == FS_TREE_DEPTH_MAX) {
		errno = ELOOP;
		return -1;
	}
	int fd = openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || remove_children(fd, depth + 1) < 0)
		return -1;
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -1;
	errno = 0;
	return 0;
}

int
fs_remove_tree(const char *path, struct err *err)
{
	if (remove_entry(AT_FDCWD, path, 0) < 0)
		return err_errno(err, errno, "removing %s", path);
	return 0;
}

int
fs_user(const char *user, uid_t *uid_out, gid_t *gid_out, struct err *err)
{
	struct passwd entry, *found = NULL;
	char space[FS_LOOKUP_SIZE];
	int failed = getpwnam_r(user, &entry, space, sizeof(space), &found);
	if (failed)
		return err_errno(err, failed, "looking up user %s", user);
	if (!found)
		return err_set(
			err, ERR_NOT_FOUND, "user %s does not exist", user);
	*uid_out = found->pw_uid;
	*gid_out = found->pw_gid;
	return 0;
}

int
fs_group(const char *group, gid_t *gid_out, struct err *err)
{
	struct group entry, *found = NULL;
	char space[FS_LOOKUP_SIZE];
	int failed = getgrnam_r(group, &entry, space, sizeof(space), &found);
	if (failed)
		return err_errno(err, failed, "looking up group %s", group);
	if (!found)
		return err_set(
			err, ERR_NOT_FOUND, "group %s does not exist", group);
	*gid_out = found->gr_gid;
	return 0;
}
