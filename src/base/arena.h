/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for things that die together: one arena per request, connection
 * or rendered generation. Allocation never fails and is zeroed; single
 * objects are not freed. An arena is not shared between threads.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/compiler.h"

struct arena;

struct arena *arena_new(void);
/* Frees all of it and clears the pointer; accepts NULL inside. */
void arena_free(struct arena **arena);
/* Forgets every object but keeps the first block for the next request. */
void arena_reset(struct arena *arena);
/* Aligned for any type. */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t length);
char *arena_printf(struct arena *arena, const char *format, ...)
	PRINTF_LIKE(2, 3);

#endif
