/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Remembers for some minutes that a password matched a stored hash, so
 * that a mail client that logs in every few seconds does not cost a slow
 * hash each time. The key is a MAC over stored hash, service and password
 * with a key that lives as long as the process: a changed hash misses by
 * itself, and a memory dump gives no password away. Only matches are kept;
 * the oldest use leaves first.
 */
#ifndef AUTH_POSITIVE_CACHE_H
#define AUTH_POSITIVE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

#define POSITIVE_CACHE_KEY_BYTES 32

struct positive_cache;

struct positive_cache *positive_cache_new(size_t entries_max, int64_t ttl_ms);
void positive_cache_free(struct positive_cache **cache);
bool positive_cache_has(struct positive_cache *cache, const char *stored_hash,
	const char *service, struct span password, int64_t now_ms);
void positive_cache_add(struct positive_cache *cache, const char *stored_hash,
	const char *service, struct span password, int64_t now_ms);
size_t positive_cache_count(const struct positive_cache *cache);

#endif
