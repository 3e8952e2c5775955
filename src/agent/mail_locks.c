/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links are not followed: what lies here belongs to users of mail. */
#include "agent/mail_locks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/vmail_program.h"
#include "base/compiler.h"

/* The files that Dovecot 2.3 locks by a second file, not by the kernel. */
static const char *const LOCKS[] = { "dovecot-uidlist.lock",
	"dovecot-keywords.lock", "subscriptions.lock",
	"dovecot-attributes.lock", ".dovecot.lda-dupes.lock" };
/* Directories of a home that are maildirs. */
static const char *const MAILDIRS[] = { "Maildir", "deleted" };

/* "1234:host", as Dovecot writes it; a lost page reads as zeros. */
static bool
names_process(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char first = '\0';
	bool named;

	if (fd == -1)
		return true;
	named = read(fd, &first, 1) == 1 && first >= '1' && first <= '9';
	close(fd);
	return named;
}

static bool
is_held(int directory, const char *name, const struct stat *status,
	const struct timespec *before)
{
	return before != NULL && (!vmail_is_older(&status->st_mtim, before) ||
					 names_process(directory, name));
}

static int
remove_here(int directory, const struct timespec *before)
{
	int removed = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(LOCKS); i++) {
		struct stat status;

		if (fstatat(directory, LOCKS[i], &status,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(status.st_mode) &&
			!is_held(directory, LOCKS[i], &status, before) &&
			unlinkat(directory, LOCKS[i], 0) == 0)
			removed++;
	}
	return removed;
}

/* The message itself stays under its other name. */
static int
remove_links(int folder, const struct timespec *before)
{
	int fd = vmail_open_directory(folder, "tmp");
	DIR *listing = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int removed = 0;

	if (listing == NULL) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	while ((entry = readdir(listing)) != NULL) {
		struct stat status;

		if (fstatat(fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ==
				0 &&
			S_ISREG(status.st_mode) && status.st_nlink > 1 &&
			(before == NULL ||
				vmail_is_older(&status.st_ctim, before)) &&
			unlinkat(fd, entry->d_name, 0) == 0)
			removed++;
	}
	closedir(listing);
	return removed;
}

/* ".Folder" in a maildir. */
static int
remove_in_folder(int maildir, const char *name, const struct timespec *before)
{
	int fd, removed;

	if (name[0] != '.' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	fd = vmail_open_directory(maildir, name);
	if (fd == -1)
		return 0;
	removed = remove_here(fd, before) + remove_links(fd, before);
	close(fd);
	return removed;
}

static int
remove_in_maildir(int home, const char *name, const struct timespec *before)
{
	int fd = vmail_open_directory(home, name);
	DIR *listing = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int removed;

	if (listing == NULL) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	removed = remove_here(fd, before) + remove_links(fd, before);
	while ((entry = readdir(listing)) != NULL)
		removed += remove_in_folder(fd, entry->d_name, before);
	closedir(listing);
	return removed;
}

int
mail_locks_remove(int home, const struct timespec *before)
{
	int removed = remove_here(home, before);

	for (size_t i = 0; i < ARRAY_LENGTH(MAILDIRS); i++)
		removed += remove_in_maildir(home, MAILDIRS[i], before);
	return removed;
}
