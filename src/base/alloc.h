/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Heap memory for objects that have one owner of their own. Memory is
 * zeroed and the functions never return NULL: a process without memory
 * ends and is started again. What dies together belongs in an arena
 * (arena.h) instead. Sizes that come from outside are checked against a
 * named limit before they reach these functions.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

#include "base/compiler.h"

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
/* New bytes are zeroed too: the old size is needed for that. */
void *xrealloc(void *pointer, size_t old_size, size_t new_size);
char *xstrdup(const char *text);
char *xstrndup(const char *text, size_t length);
/* Frees *pointer (NULL is fine) and clears it: x_free(&thing->name). */
#define x_free(pointer_to_pointer)                                             \
	do {                                                                   \
		x_release(*(pointer_to_pointer));                              \
		*(pointer_to_pointer) = NULL;                                  \
	} while (0)
void x_release(void *pointer);

#endif
