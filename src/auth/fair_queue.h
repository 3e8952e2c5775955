/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The waiting room for slow password hashes: who is next is decided round
 * robin over sources (address prefixes), inside a source round robin over
 * accounts, inside an account by arrival. So a flood from one network
 * makes that network wait, not its neighbours.
 *
 * Bounded in total and per source. When a bound is reached, the newest
 * item of whoever has most waiting is pushed out, if that is somebody
 * else than the newcomer: the one who asks once is not refused because of
 * the one who asks a hundred times.
 *
 * Items belong to the caller and stay where they are. No clock, no
 * threads: judge.c adds both.
 */
#ifndef AUTH_FAIR_QUEUE_H
#define AUTH_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#define FAIR_QUEUE_KEY_MAX 384

struct fair_account;
struct fair_queue;

/* Embed it in what waits; the members are the queue's own. */
struct fair_item {
	TAILQ_ENTRY(fair_item) in_account;
	TAILQ_ENTRY(fair_item) by_age;
	struct fair_account *account; /* NULL: not waiting */
};

struct fair_queue *fair_queue_new(size_t total_max, size_t source_max);
/* Items that still wait are forgotten, not freed. */
void fair_queue_free(struct fair_queue **queue);
/*
 * False: refused. True: queued, and *pushed_out is the item that had to
 * leave for it, or NULL. Keys are cut at FAIR_QUEUE_KEY_MAX - 1 bytes.
 */
bool fair_queue_push(struct fair_queue *queue, struct fair_item *item,
	const char *source, const char *account, struct fair_item **pushed_out);
struct fair_item *fair_queue_pop(struct fair_queue *queue); /* NULL: empty */
/* The one that waits longest; it stays queued. NULL: empty. */
struct fair_item *fair_queue_oldest(const struct fair_queue *queue);
void fair_queue_remove(struct fair_queue *queue, struct fair_item *item);
size_t fair_queue_count(const struct fair_queue *queue);

#endif
