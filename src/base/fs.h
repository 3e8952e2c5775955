/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files and directories with owners: whole-file reads with a limit,
 * atomic writes (new file, fsync, rename, fsync of the directory).
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strbuf.h"

/* Replaces what is in out. ERR_NOT_FOUND when absent, ERR_TOO_BIG. */
MUST_CHECK int fs_read(
	const char *path, size_t size_max, struct strbuf *out, struct err *err);
/* uid/gid (uid_t)-1 leave the owner as created. */
MUST_CHECK int fs_write_atomic(const char *path, const void *data,
	size_t length, mode_t mode, uid_t uid, gid_t gid, struct err *err);
/* The same where nothing stands yet; ERR_EXISTS, and it stays, where it does. */
MUST_CHECK int fs_write_new(const char *path, const void *data, size_t length,
	mode_t mode, uid_t uid, gid_t gid, struct err *err);
/* Creates path and parents (parents 0755 root); sets owner and mode of path. */
MUST_CHECK int fs_make_directory(
	const char *path, mode_t mode, uid_t uid, gid_t gid, struct err *err);
/* A directory's names, owner and mode stay after a power loss. */
MUST_CHECK int fs_sync_directory(const char *path, struct err *err);
bool fs_exists(const char *path);
/* Removes a tree below and including path; does not follow links. */
MUST_CHECK int fs_remove_tree(const char *path, struct err *err);
/* Looks users and groups up; ERR_NOT_FOUND names the user. */
MUST_CHECK int fs_user(
	const char *user, uid_t *uid_out, gid_t *gid_out, struct err *err);
MUST_CHECK int fs_group(const char *group, gid_t *gid_out, struct err *err);

#endif
