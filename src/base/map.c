/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Open addressing with linear probing, at most three quarters full.
 * Removal moves later entries of the run back (Knuth 6.4 R), so there are
 * no tombstones and a map that lives long does not get slow.
 */
#include "base/map.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"

#define MAP_FIRST_CAPACITY 16 /* a power of two */

struct map_entry {
	char *key; /* NULL: free */
	void *value;
	uint64_t hash;
};

struct map {
	struct map_entry *entries;
	size_t capacity;
	size_t count;
	unsigned char hash_key[crypto_shorthash_KEYBYTES];
};

struct map *
map_new(void)
{
	struct map *map = xmalloc(sizeof(*map));
	map->capacity = MAP_FIRST_CAPACITY;
	map->entries = xcalloc(map->capacity, sizeof(*map->entries));
	random_bytes(map->hash_key, sizeof(map->hash_key));
	return map;
}

void
map_free(struct map **map)
{
	if (!*map)
		return;
	for (size_t i = 0; i < (*map)->capacity; i++)
		x_release((*map)->entries[i].key);
	x_free(&(*map)->entries);
	x_free(map);
}

static uint64_t
hash_of(const struct map *map, const char *key)
{
	uint64_t hash;
	_Static_assert(sizeof(hash) == crypto_shorthash_BYTES, "SipHash-2-4");
	crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key,
		strlen(key), map->hash_key);
	return hash;
}

/* The key's entry, or the free one where it would go. */
static struct map_entry *
slot_of(const struct map *map, const char *key, uint64_t hash)
{
	size_t mask = map->capacity - 1;
	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_entry *entry = &map->entries[i];
		if (!entry->key)
			return entry;
		if (entry->hash == hash && strcmp(entry->key, key) == 0)
			return entry;
	}
}

static void
grow(struct map *map)
{
	struct map_entry *old = map->entries;
	size_t old_capacity = map->capacity;
	map->capacity *= 2;
	map->entries = xcalloc(map->capacity, sizeof(*map->entries));
	for (size_t i = 0; i < old_capacity; i++) {
		if (old[i].key)
			*slot_of(map, old[i].key, old[i].hash) = old[i];
	}
	x_release(old);
}

void *
map_find(const struct map *map, const char *key)
{
	return slot_of(map, key, hash_of(map, key))->value;
}

void *
map_set(struct map *map, const char *key, void *value)
{
	uint64_t hash = hash_of(map, key);
	struct map_entry *entry = slot_of(map, key, hash);
	if (entry->key) {
		void *before = entry->value;
		entry->value = value;
		return before;
	}
	if ((map->count + 1) * 4 > map->capacity * 3) {
		grow(map);
		entry = slot_of(map, key, hash);
	}
	*entry = (struct map_entry){ xstrdup(key), value, hash };
	map->count++;
	return NULL;
}

/* Closes the hole that a removed entry left in its run. */
static void
close_hole(struct map *map, size_t hole)
{
	size_t mask = map->capacity - 1;
	for (size_t i = (hole + 1) & mask; map->entries[i].key;
		i = (i + 1) & mask) {
		size_t home = map->entries[i].hash & mask;
		/* May stay when its home lies behind the hole. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		map->entries[hole] = map->entries[i];
		hole = i;
	}
	map->entries[hole] = (struct map_entry){ 0 };
}

void *
map_remove(struct map *map, const char *key)
{
	struct map_entry *entry = slot_of(map, key, hash_of(map, key));
	if (!entry->key)
		return NULL;
	void *value = entry->value;
	x_free(&entry->key);
	close_hole(map, (size_t)(entry - map->entries));
	map->count--;
	return value;
}

size_t
map_count(const struct map *map)
{
	return map->count;
}

bool
map_next(const struct map *map, size_t *cursor, const char **key_out,
	void **value_out)
{
	for (; *cursor < map->capacity; (*cursor)++) {
		const struct map_entry *entry = &map->entries[*cursor];
		if (!entry->key)
			continue;
		if (key_out)
			*key_out = entry->key;
		if (value_out)
			*value_out = entry->value;
		(*cursor)++;
		return true;
	}
	return false;
}
