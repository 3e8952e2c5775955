/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-unlock: removes what a power loss left behind, before Dovecot
 * starts and as user vmail: lock files of mailboxes and links of copies
 * that were not completed (mail_locks.h), and clear text in Dovecot's
 * temporary files. Dovecot sees that the process named in a lock is gone;
 * but after a power loss the file may be there without its content, and
 * then whoever opens the mailbox waits for two minutes. (maildir's
 * dovecot-uidlist.lock is held at every delivery.)
 *
 * Only what is older than this program's start goes, so it needs not be
 * awaited: it looks at all mailboxes from a child of low priority. A lock
 * whose content names a process is left to Dovecot.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/mail_locks.h"
#include "agent/vmail_program.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
#define PARTS "/dovecot/tmp" /* mail_temp_dir */
#define NICE_MAX 19

struct sweep {
	struct timespec before;
	int removed;
	int parts; /* of messages */
};

typedef void visit_fn(struct sweep *sweep, int directory);

/* Each directory in a directory, but for hidden ones. */
static void
visit_each(struct sweep *sweep, int directory, visit_fn *act)
{
	int copy = vmail_open_directory(directory, ".");
	DIR *listing = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (listing == NULL && copy != -1)
		close(copy);
	while (listing != NULL && (entry = readdir(listing)) != NULL) {
		int fd = entry->d_name[0] == '.'
				 ? -1
				 : vmail_open_directory(
					   directory, entry->d_name);

		if (fd == -1)
			continue;
		act(sweep, fd);
		close(fd);
	}
	if (listing != NULL)
		closedir(listing);
}

static void
visit_home(struct sweep *sweep, int home)
{
	sweep->removed += mail_locks_remove(home, &sweep->before);
}

static void
visit_prefix(struct sweep *sweep, int directory)
{
	visit_each(sweep, directory, visit_home);
}

/* Parts of big messages: Dovecot takes their names away at once. */
static void
remove_parts(struct sweep *sweep, int directory)
{
	int copy = openat(directory, ".", DIRECTORY_FLAGS | O_CLOEXEC);
	DIR *listing = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (listing == NULL && copy != -1)
		close(copy);
	while (listing != NULL && (entry = readdir(listing)) != NULL) {
		struct stat status;

		if (fstatat(directory, entry->d_name, &status,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(status.st_mode) &&
			vmail_is_older(&status.st_mtim, &sweep->before) &&
			unlinkat(directory, entry->d_name, 0) == 0)
			sweep->parts++;
	}
	if (listing != NULL)
		closedir(listing);
}

static void
sweep_all(struct sweep *sweep, int vmail, const char *parts)
{
	int fd = open(parts, DIRECTORY_FLAGS | O_CLOEXEC);

	if (fd != -1) {
		remove_parts(sweep, fd);
		close(fd);
	}
	visit_each(sweep, vmail, visit_prefix);
	if (sweep->removed > 0)
		printf("removed %d lock files and links that a power loss left\n",
			sweep->removed);
	if (sweep->parts > 0)
		printf("removed %d temporary files that a power loss left\n",
			sweep->parts);
}

static int
run(struct vmail_call *call, struct err *err)
{
	struct sweep sweep = { 0 };
	char parts[PATHS_MAX + sizeof(PARTS)];

	(void)clock_gettime(CLOCK_REALTIME, &sweep.before);
	(void)snprintf(parts, sizeof(parts), "%s" PARTS, call->paths.engines);
	switch (fork()) {
	case -1:
		return err_errno(err, errno, "fork");
	case 0:
		(void)setpriority(PRIO_PROCESS, 0, NICE_MAX); /* a wish */
		sweep_all(&sweep, call->vmail, parts);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	return vmail_program_main(argc, argv, 0, 0, run);
}
