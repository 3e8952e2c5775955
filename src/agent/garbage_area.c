/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A mark is an empty regular file that nobody may open. It is made under
 * the garbage's name and then exchanged, so a process that ends in between
 * leaves a mark there, which the next one uses.
 */
#include "agent/garbage_area.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/mail_locks.h"
#include "agent/vmail_program.h"
#include "base/alloc.h"
#include "base/clock.h"

#define DEPTH_MAX 64
#define ASIDE_MAX 100
#define EARLIER_DIGITS_MAX 12 /* of seconds */
#define NAME_SIZE 256
#define TRIES 3 /* against a home that appears while we look */
#define BLOCK_BYTES 512

enum what {
	IS_NOTHING,
	IS_MARK,
	IS_DIRECTORY,
	IS_OTHER
};

/* A home and its place in the garbage. */
struct place {
	struct garbage_area *area;
	int prefix; /* directory that holds the home */
	const char *store_id;
};

/* Until when, and what was found. */
struct walk {
	int64_t until_ms;
	bool out_of_time;
	int64_t bytes;
};

int
garbage_area_open(struct garbage_area *area, int vmail, const char *index,
	struct err *err)
{
	int garbage;

	if (mkdirat(vmail, GARBAGE_AREA_NAME, 0700) == -1 && errno != EEXIST)
		return err_errno(err, errno, "making " GARBAGE_AREA_NAME);
	garbage = vmail_open_directory(vmail, GARBAGE_AREA_NAME);
	if (garbage == -1)
		return err_errno(err, errno, "opening " GARBAGE_AREA_NAME);
	if (flock(garbage, LOCK_EX) == -1) {
		(void)err_errno(err, errno, "locking " GARBAGE_AREA_NAME);
		close(garbage);
		return -1;
	}
	*area = (struct garbage_area){ vmail, garbage, index };
	return 0;
}

void
garbage_area_unlock(struct garbage_area *area)
{
	(void)flock(area->garbage, LOCK_UN); /* it ends with us anyway */
}

void
garbage_area_close(struct garbage_area *area)
{
	close(area->garbage);
}

static int
place_open(struct place *place, struct garbage_area *area, const char *store_id,
	struct err *err)
{
	const char prefix[] = { store_id[0], store_id[1], '\0' };

	if (!garbage_is_store_id(store_id))
		return err_set(err, ERR_INVALID, "not a store id");
	if (mkdirat(area->vmail, prefix, 0700) == -1 && errno != EEXIST)
		return err_errno(err, errno, "making %s", prefix);
	*place = (struct place){ area,
		vmail_open_directory(area->vmail, prefix), store_id };
	if (place->prefix == -1)
		return err_errno(err, errno, "opening %s", prefix);
	return 0;
}

/* After a power loss both names are as they were before, or as now. */
static int
place_close(struct place *place, int status, struct err *err)
{
	if (status == 0 && (fsync(place->area->garbage) == -1 ||
				   fsync(place->prefix) == -1))
		status = err_errno(err, errno, "syncing directories of %s",
			place->store_id);
	close(place->prefix);
	return status;
}

static enum what
look(int directory, const char *name)
{
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? IS_NOTHING : IS_OTHER;
	if (S_ISDIR(status.st_mode))
		return IS_DIRECTORY;
	return S_ISREG(status.st_mode) && status.st_size == 0 ? IS_MARK
							      : IS_OTHER;
}

static int
make_mark(int directory, const char *name)
{
	int fd = openat(directory, name,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	close(fd);
	return 0;
}

static int
remove_mark(int directory, const char *name)
{
	if (look(directory, name) != IS_MARK)
		return 0;
	return unlinkat(directory, name, 0) == -1 && errno != ENOENT ? -1 : 0;
}

static int
exchange(const struct place *place)
{
	return renameat2(place->prefix, place->store_id, place->area->garbage,
		place->store_id, RENAME_EXCHANGE);
}

/* What lies in the home's place in the garbage though the home is there. */
static int
set_aside(const struct place *place)
{
	int garbage = place->area->garbage;
	char name[NAME_SIZE];

	for (int i = 1; i < ASIDE_MAX; i++) {
		snprintf(name, sizeof(name), "%s.%d", place->store_id, i);
		if (renameat2(garbage, place->store_id, garbage, name,
			    RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

static int
move_home(const struct place *place)
{
	int garbage = place->area->garbage;
	enum what entry = look(garbage, place->store_id);

	if ((entry == IS_DIRECTORY || entry == IS_OTHER) &&
		set_aside(place) == -1)
		return -1;
	if (entry != IS_MARK && make_mark(garbage, place->store_id) == -1)
		return -1;
	return exchange(place);
}

/* 0 done, 1 look again, -1 errno. */
static int
keep_step(const struct place *place)
{
	switch (look(place->prefix, place->store_id)) {
	case IS_MARK:
		return remove_mark(place->area->garbage, place->store_id);
	case IS_NOTHING:
		if (make_mark(place->prefix, place->store_id) == -1)
			return errno == EEXIST ? 1 : -1;
		return 0;
	case IS_DIRECTORY:
		return move_home(place) == -1 ? -1 : 1;
	default:
		errno = ENOTDIR;
		return -1;
	}
}

static int
keep(struct place *place, struct err *err)
{
	int result = 1;

	for (int i = 0; i < TRIES && result == 1; i++)
		result = keep_step(place);
	if (result == 0)
		return 0;
	return err_errno(err, result == 1 ? EBUSY : errno,
		"moving %s to the garbage", place->store_id);
}

/*
 * Who held a lock when the home was moved away could not let go of it, and
 * nobody can have taken one since.
 */
static void
drop_locks(const struct place *place)
{
	int home = vmail_open_directory(place->area->garbage, place->store_id);

	if (home == -1)
		return;
	(void)mail_locks_remove(home, NULL);
	close(home);
}

static int
return_step(const struct place *place)
{
	int garbage = place->area->garbage;
	enum what home = look(place->prefix, place->store_id);

	if (home == IS_DIRECTORY)
		return remove_mark(garbage, place->store_id);
	if (home == IS_OTHER) {
		errno = ENOTDIR;
		return -1;
	}
	if (look(garbage, place->store_id) != IS_DIRECTORY)
		return remove_mark(garbage, place->store_id) == -1 ||
				       remove_mark(place->prefix,
					       place->store_id) == -1
			       ? -1
			       : 0;
	drop_locks(place);
	if (home == IS_MARK)
		return exchange(place) == -1 ? -1 : 1;
	if (renameat2(garbage, place->store_id, place->prefix, place->store_id,
		    RENAME_NOREPLACE) == -1)
		return errno == EEXIST ? 1 : -1;
	return 0;
}

int
garbage_return(struct garbage_area *area, const char *store_id, struct err *err)
{
	struct place place;
	int result = 1;

	if (place_open(&place, area, store_id, err) == -1)
		return -1;
	for (int i = 0; i < TRIES && result == 1; i++)
		result = return_step(&place);
	if (result != 0)
		result = err_errno(err, result == 1 ? EBUSY : errno,
			"moving %s out of the garbage", store_id);
	return place_close(&place, result, err);
}

static void remove_entry(
	struct walk *walk, int parent, const char *name, int depth);

static bool
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

typedef void walk_fn(
	struct walk *walk, int parent, const char *name, int depth);

/* Takes fd. */
static void
walk_each(struct walk *walk, int fd, int depth, walk_fn *act)
{
	DIR *directory = fdopendir(fd);
	struct dirent *entry;

	if (directory == NULL) {
		close(fd);
		return;
	}
	while (!walk->out_of_time && (entry = readdir(directory)) != NULL) {
		walk->out_of_time = clock_monotonic_ms() >= walk->until_ms;
		if (!is_dots(entry->d_name))
			act(walk, fd, entry->d_name, depth);
	}
	closedir(directory);
}

/* What can not be removed is seen by the parent, which is not empty then. */
static void
remove_entry(struct walk *walk, int parent, const char *name, int depth)
{
	int fd;

	if (unlinkat(parent, name, 0) == 0 || depth == DEPTH_MAX)
		return;
	fd = vmail_open_directory(parent, name);
	if (fd == -1)
		return;
	walk_each(walk, fd, depth + 1, remove_entry);
	(void)unlinkat(parent, name, AT_REMOVEDIR);
}

/* 0 gone, 1 out of time, -1. */
static int
remove_tree(int parent, const char *name, int64_t until_ms, struct err *err)
{
	struct walk walk = { .until_ms = until_ms };

	remove_entry(&walk, parent, name, 0);
	if (look(parent, name) == IS_NOTHING)
		return 0;
	if (walk.out_of_time)
		return 1;
	return err_set(err, ERR_SYSTEM, "%s can not be removed whole", name);
}

/* It is made again from the mail, so what stays of it is no failure. */
static void
drop_index(struct garbage_area *area, const char *store_id, int64_t until_ms)
{
	const char prefix[] = { store_id[0], store_id[1], '\0' };
	int index, parent;

	index = open(area->index, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (index == -1)
		return;
	parent = vmail_open_directory(index, prefix);
	close(index);
	if (parent == -1)
		return;
	(void)remove_tree(parent, store_id, until_ms, NULL);
	close(parent);
}

int
garbage_keep(struct garbage_area *area, const char *store_id, struct err *err)
{
	struct place place;
	int result;

	if (place_open(&place, area, store_id, err) == -1)
		return -1;
	result = place_close(&place, keep(&place, err), err);
	if (result == 0)
		drop_index(area, store_id, INT64_MAX);
	return result;
}

static int
purge(struct place *place, int64_t until_ms, struct err *err)
{
	int result;

	if (look(place->prefix, place->store_id) == IS_DIRECTORY &&
		keep(place, err) == -1)
		return -1;
	drop_index(place->area, place->store_id, until_ms);
	result = remove_tree(
		place->area->garbage, place->store_id, until_ms, err);
	if (result == 0 && remove_mark(place->prefix, place->store_id) == -1)
		result = err_errno(
			err, errno, "removing the mark of %s", place->store_id);
	return result;
}

int
garbage_purge(struct garbage_area *area, const char *store_id, int budget_ms,
	bool *more_out, struct err *err)
{
	struct place place;
	int result;

	if (place_open(&place, area, store_id, err) == -1)
		return -1;
	result = purge(&place, clock_monotonic_ms() + budget_ms, err);
	if (place_close(&place, result == 1 ? 0 : result, err) == -1)
		return -1;
	*more_out = result == 1;
	return 0;
}

bool
garbage_is_earlier(const char *name)
{
	size_t digits = strspn(name, "0123456789");

	return digits > 0 && digits <= EARLIER_DIGITS_MAX &&
	       name[digits] == '_' && garbage_is_store_id(name + digits + 1);
}

int
garbage_drop(struct garbage_area *area, const char *name, int budget_ms,
	bool *more_out, struct err *err)
{
	int result;

	if (!garbage_is_earlier(name))
		return err_set(err, ERR_INVALID, "not an earlier entry");
	result = remove_tree(
		area->garbage, name, clock_monotonic_ms() + budget_ms, err);
	if (result == -1)
		return -1;
	if (fsync(area->garbage) == -1)
		return err_errno(err, errno, "syncing " GARBAGE_AREA_NAME);
	*more_out = result == 1;
	return 0;
}

static void
measure_entry(struct walk *walk, int parent, const char *name, int depth)
{
	struct stat status;
	int fd;

	if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	walk->bytes += (int64_t)status.st_blocks * BLOCK_BYTES;
	if (!S_ISDIR(status.st_mode) || depth == DEPTH_MAX)
		return;
	fd = vmail_open_directory(parent, name);
	if (fd != -1)
		walk_each(walk, fd, depth + 1, measure_entry);
}

int64_t
garbage_measure(struct garbage_area *area, const char *store_id, int budget_ms)
{
	struct walk walk = { .until_ms = clock_monotonic_ms() + budget_ms };

	measure_entry(&walk, area->garbage, store_id, 0);
	return walk.out_of_time ? -1 : walk.bytes;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Others could not be told in JSON; nothing of ours has such a name. */
static bool
is_printable(const char *name)
{
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~')
			return false;
	return true;
}

static int
is_entry(const struct dirent *entry)
{
	return !is_dots(entry->d_name) && is_printable(entry->d_name);
}

int
garbage_list(struct garbage_area *area, const char *after, int count_max,
	garbage_entry_fn *entry, void *context, struct err *err)
{
	struct dirent **names;
	int count = scandirat(area->garbage, ".", &names, is_entry, by_name);
	int left = count_max;

	if (count == -1)
		return err_errno(err, errno, "reading " GARBAGE_AREA_NAME);
	for (int i = 0; i < count; i++) {
		if (left > 0 && strcmp(names[i]->d_name, after) > 0) {
			entry(names[i]->d_name, context);
			left--;
		}
		x_release(names[i]);
	}
	x_release(names);
	return 0;
}
