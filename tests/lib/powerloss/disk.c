/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/alloc.h"

#define NUMBER "trusted.powerloss"
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

typedef int each_fn(
	struct tree *tree, struct node *node, int directory, const char *name);

static DIR *
open_directory(int parent, const char *name)
{
	int fd = openat(parent, name, DIRECTORY_FLAGS);

	return fd == -1 ? NULL : fdopendir(fd);
}

static int
each_name(struct tree *tree, struct node *node, int parent, const char *name,
	each_fn *act)
{
	DIR *directory = open_directory(parent, name);
	struct dirent *entry;
	int answer = 0;

	if (directory == NULL)
		return -1;
	while (answer == 0 && (entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0)
			answer = act(
				tree, node, dirfd(directory), entry->d_name);
	closedir(directory);
	return answer;
}

/*
 * Numbers of nodes outlive the loss as inode numbers do: Postfix names
 * queue files by them and mailherd knows a replaced database by them. The
 * root keeps the last one that was given.
 */
static void
number_path(char path[PATH_MAX], int directory, const char *name)
{
	(void)snprintf(path, PATH_MAX, "/proc/self/fd/%d/%s", directory, name);
}

static uint64_t
load_number(int directory, const char *name, uint64_t otherwise)
{
	char path[PATH_MAX];
	uint64_t number;

	number_path(path, directory, name);
	return lgetxattr(path, NUMBER, &number, sizeof(number)) ==
			       sizeof(number)
		       ? number
		       : otherwise;
}

static int
store_number(int directory, const char *name, uint64_t number)
{
	char path[PATH_MAX];

	number_path(path, directory, name);
	return lsetxattr(path, NUMBER, &number, sizeof(number), 0);
}

/* Loading */

static int
load_bytes(struct node *node, int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char block[64 * 1024];
	size_t offset = 0;
	ssize_t got;

	if (fd == -1)
		return -1;
	while ((got = read(fd, block, sizeof(block))) > 0) {
		tree_write(node, block, (size_t)got, offset);
		offset += (size_t)got;
	}
	close(fd);
	return got == 0 ? 0 : -1;
}

static int
load_link(struct node *node, int directory, const char *name)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(directory, name, target, sizeof(target));

	if (size == -1)
		return -1;
	tree_write(node, target, (size_t)size, 0);
	return 0;
}

/* Another name of a file that was loaded already, or NULL. */
static struct node *
find_loaded(const struct tree *tree, const struct stat *stat)
{
	struct node *node = stat->st_nlink > 1 ? tree->nodes : NULL;

	while (node != NULL && (node->live.stat.st_ino != stat->st_ino ||
				       S_ISDIR(node->live.stat.st_mode)))
		node = node->next;
	return S_ISDIR(stat->st_mode) ? NULL : node;
}

static int
load_name(
	struct tree *tree, struct node *parent, int directory, const char *name)
{
	struct node *node;
	struct stat stat;
	int answer = 0;

	if (fstatat(directory, name, &stat, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	node = find_loaded(tree, &stat);
	if (node != NULL) {
		tree_set_stored(parent, name, node);
		return 0;
	}
	node = tree_node_new(tree, &stat);
	node->number = load_number(directory, name, node->number);
	tree_set_stored(parent, name, node);
	if (S_ISDIR(stat.st_mode))
		return each_name(tree, node, directory, name, load_name);
	if (S_ISREG(stat.st_mode))
		answer = load_bytes(node, directory, name);
	else if (S_ISLNK(stat.st_mode))
		answer = load_link(node, directory, name);
	tree_node_carry(node);
	return answer;
}

int
disk_load(struct tree *tree, int directory)
{
	if (fstat(directory, &tree->root->live.stat) == -1)
		return -1;
	tree->root->disk.stat = tree->root->live.stat;
	tree->last_number = load_number(directory, ".", tree->last_number);
	return each_name(tree, tree->root, directory, ".", load_name);
}

/* Storing */

static int
remove_name(
	struct tree *tree, struct node *node, int directory, const char *name)
{
	if (unlinkat(directory, name, 0) == 0)
		return 0;
	if (errno != EISDIR ||
		each_name(tree, node, directory, name, remove_name) == -1)
		return -1;
	return unlinkat(directory, name, AT_REMOVEDIR);
}

static int
store_bytes(const struct node *node, int directory, const char *name)
{
	const struct content *content = &node->disk.content;
	int fd = openat(
		directory, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd == -1)
		return -1;
	while (done < content->size) {
		ssize_t put =
			write(fd, content->bytes + done, content->size - done);

		if (put == -1)
			break;
		done += (size_t)put;
	}
	close(fd);
	return done == content->size ? 0 : -1;
}

static int
store_node(const struct node *node, int directory, const char *name)
{
	mode_t mode = node->disk.stat.st_mode;

	if (S_ISREG(mode))
		return store_bytes(node, directory, name);
	if (S_ISDIR(mode))
		return mkdirat(directory, name, 0700);
	if (S_ISLNK(mode))
		return symlinkat(node->disk.content.bytes, directory, name);
	return mknodat(directory, name, mode, node->disk.stat.st_rdev);
}

static int
store_attributes(const struct node *node, int directory, const char *name)
{
	const struct stat *stat = &node->disk.stat;
	const struct timespec times[2] = { stat->st_atim, stat->st_mtim };

	if (store_number(directory, name, node->number) == -1)
		return -1;
	if (fchownat(directory, name, stat->st_uid, stat->st_gid,
		    AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (!S_ISLNK(stat->st_mode) &&
		fchmodat(directory, name, stat->st_mode & 07777, 0) == -1)
		return -1;
	return utimensat(directory, name, times, AT_SYMLINK_NOFOLLOW);
}

static int store_names(struct node *node, int root, const char *place);

static int
store_entry(const struct entry *entry, int root, const char *parent)
{
	struct node *node = entry->disk;
	char place[PATH_MAX];

	(void)snprintf(place, sizeof(place), "%s/%s", parent, entry->name);
	if (node->place != NULL)
		return linkat(root, node->place, root, place, 0);
	node->place = xstrdup(place);
	if (store_node(node, root, place) == -1 ||
		(S_ISDIR(node->disk.stat.st_mode) &&
			store_names(node, root, place) == -1))
		return -1;
	return store_attributes(node, root, place);
}

static int
store_names(struct node *node, int root, const char *place)
{
	for (size_t i = 0; i < node->entry_count; i++)
		if (node->entries[i].disk != NULL &&
			store_entry(&node->entries[i], root, place) == -1)
			return -1;
	return 0;
}

int
disk_store(struct tree *tree, int directory)
{
	if (each_name(tree, NULL, directory, ".", remove_name) == -1 ||
		store_names(tree->root, directory, ".") == -1)
		return -1;
	if (store_attributes(tree->root, directory, ".") == -1)
		return -1;
	return store_number(directory, ".", tree->last_number);
}
