/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources and accounts exist only while something of theirs waits, so
 * memory follows the bound on items. The ring of a source (and of its
 * accounts) is a list whose head is served and then moved to the tail.
 */
#include "auth/fair_queue.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/compiler.h"
#include "base/map.h"
#include "base/span.h"

TAILQ_HEAD(fair_items, fair_item);
TAILQ_HEAD(fair_accounts, fair_account);
TAILQ_HEAD(fair_sources, fair_source);

struct fair_source;

struct fair_account {
	char key[FAIR_QUEUE_KEY_MAX];
	struct fair_source *source;
	struct fair_items items;
	size_t count;
	TAILQ_ENTRY(fair_account) ring;
};

struct fair_source {
	char key[FAIR_QUEUE_KEY_MAX];
	struct fair_accounts accounts;
	size_t count;
	TAILQ_ENTRY(fair_source) ring;
};

struct fair_queue {
	struct fair_sources sources;
	struct fair_items by_age;
	struct map *source_by_key;
	size_t count;
	size_t total_max;
	size_t source_max;
};

struct fair_queue *
fair_queue_new(size_t total_max, size_t source_max)
{
	struct fair_queue *queue = xmalloc(sizeof(*queue));

	TAILQ_INIT(&queue->sources);
	TAILQ_INIT(&queue->by_age);
	queue->source_by_key = map_new();
	queue->total_max = total_max;
	queue->source_max = source_max;
	return queue;
}

static struct fair_source *
source_find_or_add(struct fair_queue *queue, const char *key)
{
	char cut[FAIR_QUEUE_KEY_MAX];
	struct fair_source *source;

	(void)snprintf(cut, sizeof(cut), "%s", key);
	source = map_find(queue->source_by_key, cut);
	if (source != NULL)
		return source;
	source = xmalloc(sizeof(*source));
	(void)snprintf(source->key, sizeof(source->key), "%s", cut);
	TAILQ_INIT(&source->accounts);
	TAILQ_INSERT_TAIL(&queue->sources, source, ring);
	map_set(queue->source_by_key, source->key, source);
	return source;
}

/* A source has at most source_max accounts: a walk is fine. */
static struct fair_account *
account_find_or_add(struct fair_source *source, const char *key)
{
	char cut[FAIR_QUEUE_KEY_MAX];
	struct fair_account *account;

	(void)snprintf(cut, sizeof(cut), "%s", key);
	TAILQ_FOREACH(account, &source->accounts, ring)
	{
		if (span_equal_text(span_from(cut), account->key))
			return account;
	}
	account = xmalloc(sizeof(*account));
	(void)snprintf(account->key, sizeof(account->key), "%s", cut);
	account->source = source;
	TAILQ_INIT(&account->items);
	TAILQ_INSERT_TAIL(&source->accounts, account, ring);
	return account;
}

/* Drops account and source when nothing of theirs waits any more. */
static void
release_if_empty(struct fair_queue *queue, struct fair_account *account)
{
	struct fair_source *source = account->source;

	if (account->count == 0) {
		TAILQ_REMOVE(&source->accounts, account, ring);
		x_free(&account);
	}
	if (TAILQ_EMPTY(&source->accounts)) {
		TAILQ_REMOVE(&queue->sources, source, ring);
		map_remove(queue->source_by_key, source->key);
		x_free(&source);
	}
}

static void
detach(struct fair_queue *queue, struct fair_item *item)
{
	struct fair_account *account = item->account;

	TAILQ_REMOVE(&account->items, item, in_account);
	TAILQ_REMOVE(&queue->by_age, item, by_age);
	item->account = NULL;
	account->count--;
	account->source->count--;
	queue->count--;
}

void
fair_queue_remove(struct fair_queue *queue, struct fair_item *item)
{
	struct fair_account *account = item->account;

	BUG_ON(account == NULL);
	detach(queue, item);
	release_if_empty(queue, account);
}

static struct fair_source *
largest_source(struct fair_queue *queue)
{
	struct fair_source *largest = TAILQ_FIRST(&queue->sources);
	struct fair_source *source;

	TAILQ_FOREACH(source, &queue->sources, ring)
	{
		if (source->count > largest->count)
			largest = source;
	}
	return largest;
}

static struct fair_account *
largest_account(struct fair_source *source)
{
	struct fair_account *largest = TAILQ_FIRST(&source->accounts);
	struct fair_account *account;

	TAILQ_FOREACH(account, &source->accounts, ring)
	{
		if (account->count > largest->count)
			largest = account;
	}
	return largest;
}

/*
 * Who must leave so that one more of account fits: NULL with *fits true
 * when there is room, NULL with *fits false when the newcomer is the one
 * with most waiting.
 */
static struct fair_item *
find_victim(struct fair_queue *queue, struct fair_account *account, bool *fits)
{
	struct fair_source *source = account->source;
	struct fair_account *largest;

	*fits = source->count < queue->source_max &&
		queue->count < queue->total_max;
	if (*fits)
		return NULL;
	if (source->count < queue->source_max)
		source = largest_source(queue);
	largest = largest_account(source);
	if (source != account->source &&
		source->count > account->source->count + 1) {
		*fits = true;
	} else if (source == account->source && largest != NULL &&
		   largest->count > account->count + 1) {
		*fits = true;
	}
	return *fits ? TAILQ_LAST(&largest->items, fair_items) : NULL;
}

bool
fair_queue_push(struct fair_queue *queue, struct fair_item *item,
	const char *source_key, const char *account_key,
	struct fair_item **pushed_out)
{
	struct fair_source *source = source_find_or_add(queue, source_key);
	struct fair_account *account = account_find_or_add(source, account_key);
	bool fits;

	BUG_ON(item->account != NULL);
	*pushed_out = find_victim(queue, account, &fits);
	if (!fits) {
		release_if_empty(queue, account);
		return false;
	}
	TAILQ_INSERT_TAIL(&account->items, item, in_account);
	TAILQ_INSERT_TAIL(&queue->by_age, item, by_age);
	item->account = account;
	account->count++;
	source->count++;
	queue->count++;
	if (*pushed_out != NULL)
		fair_queue_remove(queue, *pushed_out);
	return true;
}

struct fair_item *
fair_queue_pop(struct fair_queue *queue)
{
	struct fair_source *source = TAILQ_FIRST(&queue->sources);
	struct fair_account *account;
	struct fair_item *item;

	if (source == NULL)
		return NULL;
	account = TAILQ_FIRST(&source->accounts);
	item = TAILQ_FIRST(&account->items);
	TAILQ_REMOVE(&queue->sources, source, ring);
	TAILQ_INSERT_TAIL(&queue->sources, source, ring);
	TAILQ_REMOVE(&source->accounts, account, ring);
	TAILQ_INSERT_TAIL(&source->accounts, account, ring);
	detach(queue, item);
	release_if_empty(queue, account);
	return item;
}

struct fair_item *
fair_queue_oldest(const struct fair_queue *queue)
{
	return TAILQ_FIRST(&queue->by_age);
}

size_t
fair_queue_count(const struct fair_queue *queue)
{
	return queue->count;
}

void
fair_queue_free(struct fair_queue **queue)
{
	struct fair_item *item;

	if (*queue == NULL)
		return;
	while ((item = fair_queue_pop(*queue)) != NULL)
		continue;
	map_free(&(*queue)->source_by_key);
	x_free(queue);
}
