/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A list of blocks, the newest first. An object goes into the newest block
 * when it fits; a larger one than a block gets a block of its own behind
 * the newest, so that the rest of that is not lost.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define ARENA_BLOCK_SIZE 8000
#define ARENA_ALIGNMENT _Alignof(max_align_t)

struct arena_block {
	struct arena_block *next;
	size_t size;
	size_t used;
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct arena_block *newest;
	struct arena_block *first; /* the one that a reset keeps */
};

static struct arena_block *
block_new(size_t size)
{
	struct arena_block *block = xmalloc(sizeof(*block) + size);
	block->size = size;
	return block;
}

struct arena *
arena_new(void)
{
	struct arena *arena = xmalloc(sizeof(*arena));
	arena->newest = arena->first = block_new(ARENA_BLOCK_SIZE);
	return arena;
}

static void
free_blocks_except(struct arena *arena, const struct arena_block *kept)
{
	struct arena_block *next;
	for (struct arena_block *b = arena->newest; b; b = next) {
		next = b->next;
		if (b != kept)
			x_release(b);
	}
}

void
arena_free(struct arena **arena)
{
	if (!*arena)
		return;
	free_blocks_except(*arena, NULL);
	x_free(arena);
}

void
arena_reset(struct arena *arena)
{
	free_blocks_except(arena, arena->first);
	arena->newest = arena->first;
	memset(arena->first->bytes, 0, arena->first->used);
	arena->first->used = 0;
	arena->first->next = NULL;
}

static void *
block_take(struct arena_block *block, size_t size)
{
	char *object = block->bytes + block->used;
	block->used += size;
	return object;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	BUG_ON(size > SIZE_MAX / 2);
	size = (size + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
	struct arena_block *newest = arena->newest;
	if (size <= newest->size - newest->used)
		return block_take(newest, size);
	if (size > ARENA_BLOCK_SIZE / 4) {
		struct arena_block *own = block_new(size);
		own->next = newest->next;
		newest->next = own;
		return block_take(own, size);
	}
	arena->newest = block_new(ARENA_BLOCK_SIZE);
	arena->newest->next = newest;
	return block_take(arena->newest, size);
}

char *
arena_strdup(struct arena *arena, const char *text)
{
	return arena_strndup(arena, text, strlen(text));
}

char *
arena_strndup(struct arena *arena, const char *text, size_t length)
{
	length = strnlen(text, length);
	char *copy = arena_alloc(arena, length + 1);
	memcpy(copy, text, length);
	return copy;
}

char *
arena_printf(struct arena *arena, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	BUG_ON(length < 0);

	char *text = arena_alloc(arena, (size_t)length + 1);
	va_start(arguments, format);
	vsnprintf(text, (size_t)length + 1, format, arguments);
	va_end(arguments);
	return text;
}
