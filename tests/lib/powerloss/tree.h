/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A tree of files in memory, twice: as programs see it (live), and as it
 * would be found after a power loss (disk). A sync carries from the first
 * to the second what POSIX and the usual file systems promise, no more:
 * of a file its bytes, its size and attributes, and the names it got; of
 * a directory the names in it. Names change on the disk in one step a
 * rename, and two changes of one name or one file in their order.
 *
 * TREE_ORDERED is the promise of ext4 and XFS: any sync carries all
 * changes of names so far, as they have one journal. TREE_EACH is that of
 * POSIX and Btrfs: only what was asked for.
 *
 * What it does not do: permissions (the kernel's default_permissions),
 * extended attributes, locks (the kernel's own), space.
 */
#ifndef POWERLOSS_TREE_H
#define POWERLOSS_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define TREE_PAGE 4096

enum tree_promise {
	TREE_ORDERED,
	TREE_EACH
};

struct content {
	char *bytes; /* zero between size and room */
	size_t size;
	size_t room;
};

/* What one of both sides knows of a node. */
struct side {
	struct stat stat; /* size and links are not kept here */
	struct content content; /* of a symbolic link: its target */
};

struct node {
	struct node *next;
	uint64_t number;
	unsigned references; /* entries, waiting changes, parents */
	uint64_t lookups; /* of the kernel */
	unsigned links; /* live */
	struct node *parent; /* live, of a directory */
	struct side live;
	struct side disk;
	char *dirty; /* one byte a page */
	size_t dirty_count;
	struct entry *entries; /* their places stay: readdir counts them */
	size_t entry_count;
	char *place; /* used while the tree is stored */
};

struct entry {
	char *name; /* NULL: free */
	struct node *live;
	struct node *disk;
};

struct tree {
	struct node *root;
	struct node *nodes;
	uint64_t last_number;
	struct change *changes; /* of names, oldest first, not on the disk */
	size_t change_count;
	size_t change_room;
	enum tree_promise promise;
};

void tree_init(struct tree *tree, enum tree_promise promise);
/* stat gives type, mode, owner, device number; without a name yet. */
struct node *tree_node_new(struct tree *tree, const struct stat *stat);
void tree_node_ref(struct node *node);
void tree_node_unref(struct tree *tree, struct node *node);
/* The kernel forgets so many look-ups. */
void tree_node_forget(struct tree *tree, struct node *node, uint64_t count);

struct node *tree_find(const struct node *directory, const char *name);
bool tree_is_empty(const struct node *directory);
/* node NULL removes the name. */
void tree_set_name(struct tree *tree, struct node *directory, const char *name,
	struct node *node);
void tree_rename(struct tree *tree, struct node *from, const char *old_name,
	struct node *to, const char *new_name);
/* Both sides at once: what the disk held at the start. */
void tree_set_stored(
	struct node *directory, const char *name, struct node *node);

void tree_write(
	struct node *node, const char *bytes, size_t size, size_t offset);
void tree_truncate(struct node *node, size_t size);

/* Bytes and attributes alone: of what cannot be without them. */
void tree_node_carry(struct node *node);
void tree_sync(struct tree *tree, struct node *node);
void tree_sync_all(struct tree *tree);
/* Names that changed age_ms ago or earlier reach the disk by themselves. */
void tree_sync_old_names(struct tree *tree, int64_t age_ms);
/* Lets that many of 100 waiting pages and changes reach the disk. */
void tree_tear(struct tree *tree, unsigned percent);

#endif
