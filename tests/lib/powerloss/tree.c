/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Nodes live as long as a name on either side, a waiting change or the
 * kernel knows them. Changes of names wait in a list; what depends on one
 * that is carried over goes with it (mark_needed).
 */
#include "tree.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/clock.h"

#define ROOM_MIN 16

/* One or two names that come to mean something else in one step. */
struct change {
	struct step {
		struct node *directory; /* NULL: unused */
		char *name;
		struct node *becomes; /* NULL: nothing */
	} steps[2];
	struct node *subject;
	int64_t at_ms;
	bool marked;
};

static size_t
random_below(size_t limit)
{
	uint32_t number = 0;

	(void)getrandom(&number, sizeof(number), 0); /* cannot fail */
	return number % limit;
}

static bool
chance(unsigned percent)
{
	return percent >= 100 || random_below(100) < percent;
}

/* Nodes */

void
tree_node_ref(struct node *node)
{
	if (node != NULL)
		node->references++;
}

/* A directory that went before its names did takes them along. */
static void
node_free(struct tree *tree, struct node *node)
{
	struct node **place = &tree->nodes;

	while (*place != node)
		place = &(*place)->next;
	*place = node->next;
	for (size_t i = 0; i < node->entry_count; i++) {
		tree_node_unref(tree, node->entries[i].disk);
		x_free(&node->entries[i].name);
	}
	x_free(&node->entries);
	x_free(&node->live.content.bytes);
	x_free(&node->disk.content.bytes);
	x_free(&node->dirty);
	x_free(&node);
}

static void
free_unused(struct tree *tree, struct node *node)
{
	struct node *parent = node->parent;

	if (node->references > 0 || node->lookups > 0)
		return;
	node_free(tree, node);
	tree_node_unref(tree, parent);
}

void
tree_node_unref(struct tree *tree, struct node *node)
{
	if (node == NULL)
		return;
	node->references--;
	free_unused(tree, node);
}

void
tree_node_forget(struct tree *tree, struct node *node, uint64_t count)
{
	node->lookups -= count;
	free_unused(tree, node);
}

struct node *
tree_node_new(struct tree *tree, const struct stat *stat)
{
	struct node *node = xmalloc(sizeof(*node));

	node->number = ++tree->last_number;
	node->live.stat = node->disk.stat = *stat;
	node->next = tree->nodes;
	tree->nodes = node;
	return node;
}

void
tree_init(struct tree *tree, enum tree_promise promise)
{
	const struct stat stat = { .st_mode = S_IFDIR | 0755 };

	*tree = (struct tree){ .promise = promise };
	tree->root = tree_node_new(tree, &stat);
	tree_node_ref(tree->root);
	tree->root->links = 2;
}

/* Names */

static struct entry *
entry_find(const struct node *directory, const char *name)
{
	for (size_t i = 0; i < directory->entry_count; i++) {
		struct entry *entry = &directory->entries[i];

		if (entry->name != NULL && strcmp(entry->name, name) == 0)
			return entry;
	}
	return NULL;
}

static struct entry *
entry_get(struct node *directory, const char *name)
{
	struct entry *entry = entry_find(directory, name);
	size_t count = directory->entry_count, free = 0;

	if (entry != NULL)
		return entry;
	while (free < count && directory->entries[free].name != NULL)
		free++;
	if (free == count) {
		directory->entry_count += ROOM_MIN + count;
		directory->entries =
			xrealloc(directory->entries, count * sizeof(*entry),
				directory->entry_count * sizeof(*entry));
	}
	entry = &directory->entries[free];
	entry->name = xstrdup(name);
	return entry;
}

static void
entry_drop_unused(struct entry *entry)
{
	if (entry->live == NULL && entry->disk == NULL)
		x_free(&entry->name);
}

struct node *
tree_find(const struct node *directory, const char *name)
{
	struct entry *entry = entry_find(directory, name);

	return entry != NULL ? entry->live : NULL;
}

bool
tree_is_empty(const struct node *directory)
{
	for (size_t i = 0; i < directory->entry_count; i++)
		if (directory->entries[i].live != NULL)
			return false;
	return true;
}

static void
count_link(struct node *directory, struct node *node, int by)
{
	bool is_directory = S_ISDIR(node->live.stat.st_mode);

	node->links += (unsigned)(is_directory ? 2 * by : by);
	directory->links += (unsigned)(is_directory ? by : 0);
}

static void
set_live(struct tree *tree, struct node *directory, const char *name,
	struct node *node)
{
	struct entry *entry = entry_get(directory, name);
	struct node *before = entry->live;

	if (node != NULL) {
		count_link(directory, node, 1);
		tree_node_ref(node);
	}
	if (node != NULL && S_ISDIR(node->live.stat.st_mode)) {
		tree_node_ref(directory);
		if (node->parent != NULL)
			tree_node_unref(tree, node->parent);
		node->parent = directory;
	}
	entry->live = node;
	entry_drop_unused(entry);
	if (before == NULL)
		return;
	count_link(directory, before, -1);
	tree_node_unref(tree, before);
}

static void
set_disk(struct tree *tree, const struct step *step)
{
	struct entry *entry;
	struct node *before;

	if (step->directory == NULL)
		return;
	entry = entry_get(step->directory, step->name);
	before = entry->disk;
	tree_node_ref(step->becomes);
	entry->disk = step->becomes;
	entry_drop_unused(entry);
	tree_node_unref(tree, before);
}

static struct change *
change_add(struct tree *tree, struct node *subject)
{
	struct change *change;

	if (tree->change_count == tree->change_room) {
		size_t room = ROOM_MIN + 2 * tree->change_room;

		tree->changes = xrealloc(tree->changes,
			tree->change_room * sizeof(*change),
			room * sizeof(*change));
		tree->change_room = room;
	}
	change = &tree->changes[tree->change_count++];
	*change = (struct change){ .subject = subject,
		.at_ms = clock_monotonic_ms() };
	tree_node_ref(subject);
	return change;
}

static void
step_set(struct step *step, struct node *directory, const char *name,
	struct node *becomes)
{
	*step = (struct step){ directory, xstrdup(name), becomes };
	tree_node_ref(directory);
	tree_node_ref(becomes);
}

void
tree_set_name(struct tree *tree, struct node *directory, const char *name,
	struct node *node)
{
	struct node *subject = node ? node : tree_find(directory, name);
	struct change *change = change_add(tree, subject);

	step_set(&change->steps[0], directory, name, node);
	set_live(tree, directory, name, node);
}

void
tree_rename(struct tree *tree, struct node *from, const char *old_name,
	struct node *to, const char *new_name)
{
	struct node *node = tree_find(from, old_name);
	struct change *change = change_add(tree, node);

	step_set(&change->steps[0], from, old_name, NULL);
	step_set(&change->steps[1], to, new_name, node);
	set_live(tree, to, new_name, node);
	set_live(tree, from, old_name, NULL);
}

void
tree_set_stored(struct node *directory, const char *name, struct node *node)
{
	set_live(NULL, directory, name, node);
	entry_get(directory, name)->disk = node;
	tree_node_ref(node);
}

/* Bytes */

static void
content_resize(struct content *content, size_t size)
{
	if (size > content->room) {
		size_t room = size + size / 2 + TREE_PAGE;

		content->bytes = xrealloc(content->bytes, content->room, room);
		content->room = room;
	}
	if (size < content->size)
		memset(content->bytes + size, 0, content->size - size);
	content->size = size;
}

static void
mark_dirty(struct node *node, size_t from, size_t to)
{
	size_t pages = (to + TREE_PAGE - 1) / TREE_PAGE;

	if (pages > node->dirty_count) {
		size_t count = pages + pages / 2 + ROOM_MIN;

		node->dirty = xrealloc(node->dirty, node->dirty_count, count);
		node->dirty_count = count;
	}
	for (size_t page = from / TREE_PAGE; page < pages; page++)
		node->dirty[page] = 1;
}

void
tree_write(struct node *node, const char *bytes, size_t size, size_t offset)
{
	struct content *content = &node->live.content;

	if (size == 0)
		return;
	if (offset + size > content->size) {
		mark_dirty(node, content->size, offset + size);
		content_resize(content, offset + size);
	}
	memcpy(content->bytes + offset, bytes, size);
	mark_dirty(node, offset, offset + size);
}

void
tree_truncate(struct node *node, size_t size)
{
	size_t before = node->live.content.size;

	content_resize(&node->live.content, size);
	mark_dirty(node, size < before ? size : before,
		size < before ? before : size);
}

/* percent of the dirty pages reach the disk, of each the whole page. */
static void
carry_pages(struct node *node, unsigned percent)
{
	struct content *live = &node->live.content;
	struct content *disk = &node->disk.content;

	if (disk->size > live->size && chance(percent))
		content_resize(disk, live->size);
	for (size_t page = 0; page < node->dirty_count; page++) {
		size_t from = page * TREE_PAGE, to = from + TREE_PAGE;

		if (!node->dirty[page] || !chance(percent))
			continue;
		if (to > live->size)
			to = live->size;
		if (to > disk->size)
			content_resize(disk, to);
		if (to > from)
			memcpy(disk->bytes + from, live->bytes + from,
				to - from);
		node->dirty[page] = 0;
	}
}

void
tree_node_carry(struct node *node)
{
	carry_pages(node, 100);
	node->disk.stat = node->live.stat;
}

/* Carrying names over */

static bool
is_about(const struct change *change, const struct node *node)
{
	return change->subject == node || change->steps[0].directory == node ||
	       change->steps[1].directory == node;
}

static bool
is_same_name(const struct change *a, const struct change *b)
{
	for (size_t i = 0; i < 4; i++) {
		const struct step *one = &a->steps[i % 2];
		const struct step *two = &b->steps[i / 2];

		if (one->directory != NULL &&
			one->directory == two->directory &&
			strcmp(one->name, two->name) == 0)
			return true;
	}
	return false;
}

/* Earlier changes without which a marked one makes no sense. */
static void
mark_needed(struct tree *tree)
{
	for (size_t i = tree->change_count; i-- > 0;) {
		const struct change *later = &tree->changes[i];

		for (size_t j = i; later->marked && j-- > 0;) {
			struct change *change = &tree->changes[j];

			if (is_about(later, change->subject) ||
				is_same_name(later, change))
				change->marked = true;
		}
	}
}

static void
change_release(struct tree *tree, struct change *change)
{
	for (size_t i = 0; i < 2; i++) {
		tree_node_unref(tree, change->steps[i].directory);
		tree_node_unref(tree, change->steps[i].becomes);
		x_free(&change->steps[i].name);
	}
	tree_node_unref(tree, change->subject);
}

static void
carry_marked(struct tree *tree)
{
	size_t kept = 0;

	for (size_t i = 0; i < tree->change_count; i++) {
		struct change change = tree->changes[i];

		if (!change.marked) {
			tree->changes[kept++] = change;
			continue;
		}
		set_disk(tree, &change.steps[0]);
		set_disk(tree, &change.steps[1]);
		change_release(tree, &change);
	}
	tree->change_count = kept;
}

void
tree_sync(struct tree *tree, struct node *node)
{
	bool is_directory = S_ISDIR(node->live.stat.st_mode);

	tree_node_carry(node);
	for (size_t i = 0; i < tree->change_count; i++) {
		struct change *change = &tree->changes[i];

		change->marked = tree->promise == TREE_ORDERED ||
				 (is_directory ? is_about(change, node)
					       : change->subject == node);
	}
	mark_needed(tree);
	carry_marked(tree);
}

void
tree_sync_old_names(struct tree *tree, int64_t age_ms)
{
	int64_t until_ms = clock_monotonic_ms() - age_ms;

	if (tree->change_count == 0 || tree->changes[0].at_ms > until_ms)
		return;
	for (size_t i = 0; i < tree->change_count; i++)
		tree->changes[i].marked = tree->changes[i].at_ms <= until_ms;
	carry_marked(tree);
}

void
tree_sync_all(struct tree *tree)
{
	tree_sync_old_names(tree, 0);
	for (struct node *node = tree->nodes; node != NULL; node = node->next)
		tree_node_carry(node);
}

void
tree_tear(struct tree *tree, unsigned percent)
{
	/* One journal ends somewhere: nothing after it is there. */
	size_t end = random_below(tree->change_count + 1);

	for (size_t i = 0; i < tree->change_count; i++)
		tree->changes[i].marked = tree->promise == TREE_EACH
						  ? chance(percent)
						  : percent > 0 && i < end;
	mark_needed(tree);
	carry_marked(tree);
	for (struct node *node = tree->nodes; node != NULL; node = node->next)
		carry_pages(node, percent);
}
