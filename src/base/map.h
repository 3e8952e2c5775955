/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hash map from text to pointer, with SipHash so that peers cannot
 * choose collisions. Keys are copied; values belong to the caller.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void);
void map_free(struct map **map);
void *map_find(const struct map *map, const char *key); /* NULL: absent */
/* Returns the value that was there before, or NULL. */
void *map_set(struct map *map, const char *key, void *value);
void *map_remove(struct map *map, const char *key);
size_t map_count(const struct map *map);
/* Start with cursor 0; false at the end. The map must not change meanwhile. */
bool map_next(const struct map *map, size_t *cursor, const char **key_out,
	void **value_out);

#endif
