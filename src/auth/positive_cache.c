/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A map from the MAC in hexadecimal to an entry on a list in the order of
 * use. Each field goes into the MAC behind its length, so that no two
 * triples give the same bytes.
 */
#include "auth/positive_cache.h"

#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/random.h"

#define KEY_TEXT_SIZE (2 * POSITIVE_CACHE_KEY_BYTES + 1)

struct entry {
	char key[KEY_TEXT_SIZE];
	int64_t expires_ms;
	TAILQ_ENTRY(entry) by_use;
};

TAILQ_HEAD(entries, entry);

struct positive_cache {
	unsigned char process_key[crypto_auth_hmacsha256_KEYBYTES];
	struct map *by_key;
	struct entries entries; /* the head was used longest ago */
	size_t entries_max;
	int64_t ttl_ms;
};

struct positive_cache *
positive_cache_new(size_t entries_max, int64_t ttl_ms)
{
	struct positive_cache *cache = xmalloc(sizeof(*cache));

	random_bytes(cache->process_key, sizeof(cache->process_key));
	cache->by_key = map_new();
	TAILQ_INIT(&cache->entries);
	cache->entries_max = entries_max;
	cache->ttl_ms = ttl_ms;
	return cache;
}

static void
drop(struct positive_cache *cache, struct entry *entry)
{
	TAILQ_REMOVE(&cache->entries, entry, by_use);
	map_remove(cache->by_key, entry->key);
	x_free(&entry);
}

void
positive_cache_free(struct positive_cache **cache)
{
	struct entry *entry;

	if (*cache == NULL)
		return;
	while ((entry = TAILQ_FIRST(&(*cache)->entries)) != NULL)
		drop(*cache, entry);
	map_free(&(*cache)->by_key);
	sodium_memzero((*cache)->process_key, sizeof((*cache)->process_key));
	x_free(cache);
}

static void
mac_field(crypto_auth_hmacsha256_state *state, struct span field)
{
	uint64_t length = field.length;

	crypto_auth_hmacsha256_update(
		state, (const unsigned char *)&length, sizeof(length));
	crypto_auth_hmacsha256_update(
		state, (const unsigned char *)field.data, field.length);
}

static void
mac_key(const struct positive_cache *cache, const char *stored_hash,
	const char *service, struct span password, char key_out[KEY_TEXT_SIZE])
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(
		&state, cache->process_key, sizeof(cache->process_key));
	mac_field(&state, span_from(stored_hash));
	mac_field(&state, span_from(service));
	mac_field(&state, password);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(key_out, KEY_TEXT_SIZE, mac, sizeof(mac));
}

static void
touch(struct positive_cache *cache, struct entry *entry)
{
	TAILQ_REMOVE(&cache->entries, entry, by_use);
	TAILQ_INSERT_TAIL(&cache->entries, entry, by_use);
}

bool
positive_cache_has(struct positive_cache *cache, const char *stored_hash,
	const char *service, struct span password, int64_t now_ms)
{
	char key[KEY_TEXT_SIZE];
	struct entry *entry;

	mac_key(cache, stored_hash, service, password, key);
	entry = map_find(cache->by_key, key);
	if (entry == NULL)
		return false;
	if (entry->expires_ms <= now_ms) {
		drop(cache, entry);
		return false;
	}
	touch(cache, entry);
	return true;
}

void
positive_cache_add(struct positive_cache *cache, const char *stored_hash,
	const char *service, struct span password, int64_t now_ms)
{
	char key[KEY_TEXT_SIZE];
	struct entry *entry;

	if (cache->entries_max == 0)
		return;
	mac_key(cache, stored_hash, service, password, key);
	entry = map_find(cache->by_key, key);
	if (entry != NULL) {
		entry->expires_ms = now_ms + cache->ttl_ms;
		touch(cache, entry);
		return;
	}
	if (map_count(cache->by_key) >= cache->entries_max)
		drop(cache, TAILQ_FIRST(&cache->entries));
	entry = xmalloc(sizeof(*entry));
	memcpy(entry->key, key, sizeof(key));
	entry->expires_ms = now_ms + cache->ttl_ms;
	TAILQ_INSERT_TAIL(&cache->entries, entry, by_use);
	map_set(cache->by_key, entry->key, entry);
}

size_t
positive_cache_count(const struct positive_cache *cache)
{
	return map_count(cache->by_key);
}
