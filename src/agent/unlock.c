/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-unlock: removes lock files of mailboxes, and clear text in
 * Dovecot's temporary files, that a power loss left behind, before Dovecot starts and as user vmail. Dovecot sees that the
 * process named in a lock is gone; but after a power loss the file may be
 * there without its content, and then whoever opens the mailbox waits for
 * two minutes. (maildir's dovecot-uidlist.lock is held at every delivery.)
 *
 * Only locks older than this program's start go, so it needs not be
 * awaited: it looks at all mailboxes from a child of low priority. A lock
 * whose content names a process is left to Dovecot. Links are not followed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/paths.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
#define PARTS "/dovecot/tmp" /* mail_temp_dir */
#define NICE_MAX 19
#define EXIT_USAGE 2

/* The files that Dovecot 2.3 locks by a second file, not by the kernel. */
static const char *const LOCKS[] = { "dovecot-uidlist.lock",
	"dovecot-keywords.lock", "subscriptions.lock",
	"dovecot-attributes.lock", ".dovecot.lda-dupes.lock" };

struct sweep {
	struct timespec before;
	int removed;
	int parts; /* of messages */
};

typedef void visit_fn(struct sweep *sweep, int directory);

static bool
is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

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

static void
remove_locks(struct sweep *sweep, int directory)
{
	for (size_t i = 0; i < ARRAY_LENGTH(LOCKS); i++) {
		struct stat status;

		if (fstatat(directory, LOCKS[i], &status,
			    AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(status.st_mode) &&
			is_older(&status.st_mtim, &sweep->before) &&
			!names_process(directory, LOCKS[i]) &&
			unlinkat(directory, LOCKS[i], 0) == 0)
			sweep->removed++;
	}
}

static void
visit(struct sweep *sweep, int parent, const char *name, visit_fn *act)
{
	int fd = openat(parent, name, DIRECTORY_FLAGS | O_CLOEXEC);

	if (fd == -1)
		return;
	act(sweep, fd);
	close(fd);
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
			is_older(&status.st_mtim, &sweep->before) &&
			unlinkat(directory, entry->d_name, 0) == 0)
			sweep->parts++;
	}
	if (listing != NULL)
		closedir(listing);
}

/* Each directory in a directory: with hidden ".Folder"s, else the others. */
static void
visit_each(struct sweep *sweep, int directory, bool hidden, visit_fn *act)
{
	int copy = openat(directory, ".", DIRECTORY_FLAGS | O_CLOEXEC);
	DIR *listing = copy == -1 ? NULL : fdopendir(copy);
	struct dirent *entry;

	if (listing == NULL && copy != -1)
		close(copy);
	while (listing != NULL && (entry = readdir(listing)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0 &&
			(entry->d_name[0] == '.') == hidden)
			visit(sweep, directory, entry->d_name, act);
	if (listing != NULL)
		closedir(listing);
}

static void
visit_maildir(struct sweep *sweep, int directory)
{
	remove_locks(sweep, directory);
	visit_each(sweep, directory, true, remove_locks);
}

static void
visit_home(struct sweep *sweep, int directory)
{
	remove_locks(sweep, directory);
	visit(sweep, directory, "Maildir", visit_maildir);
}

static void
visit_prefix(struct sweep *sweep, int directory)
{
	visit_each(sweep, directory, false, visit_home);
}

static void
sweep_all(struct sweep *sweep, int vmail, const char *parts)
{
	visit(sweep, AT_FDCWD, parts, remove_parts);
	visit_each(sweep, vmail, false, visit_prefix);
	if (sweep->removed > 0)
		printf("removed %d lock files that a power loss left\n",
			sweep->removed);
	if (sweep->parts > 0)
		printf("removed %d temporary files that a power loss left\n",
			sweep->parts);
}

static int
run(const char *root, struct err *err)
{
	struct sweep sweep = { 0 };
	struct paths paths;
	char parts[PATHS_MAX + sizeof(PARTS)];
	int vmail;

	(void)clock_gettime(CLOCK_REALTIME, &sweep.before);
	if (paths_init(&paths, root, err) == -1)
		return -1;
	(void)snprintf(parts, sizeof(parts), "%s" PARTS, paths.engines);
	vmail = open(paths.vmail, DIRECTORY_FLAGS | O_CLOEXEC);
	if (vmail == -1)
		return err_errno(err, errno, "opening %s", paths.vmail);
	switch (fork()) {
	case -1:
		return err_errno(err, errno, "fork");
	case 0:
		(void)setpriority(PRIO_PROCESS, 0, NICE_MAX); /* a wish */
		sweep_all(&sweep, vmail, parts);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	const char *root = NULL;
	struct err err = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		root = optarg;
	}
	if (optind != argc)
		return EXIT_USAGE;
	if (run(root, &err) == -1) {
		fprintf(stderr, "%s\n", err.text);
		return err_exit_status(err.code);
	}
	return 0;
}
