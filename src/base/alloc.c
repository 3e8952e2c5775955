/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The only callers of malloc and free besides arena.c. Out of memory is a
 * broken invariant: limits were checked before, so the machine is the one
 * that failed, and the supervisor starts the process again.
 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *
xmalloc(size_t size)
{
	return xcalloc(1, size);
}

void *
xcalloc(size_t count, size_t size)
{
	/* calloc(0) may return NULL; nobody here wants to know. */
	void *pointer = count && size ? calloc(count, size) : calloc(1, 1);
	BUG_ON(!pointer);
	return pointer;
}

void *
xrealloc(void *pointer, size_t old_size, size_t new_size)
{
	char *grown = realloc(pointer, new_size ? new_size : 1);
	BUG_ON(!grown);
	if (new_size > old_size)
		memset(grown + old_size, 0, new_size - old_size);
	return grown;
}

char *
xstrdup(const char *text)
{
	return xstrndup(text, strlen(text));
}

char *
xstrndup(const char *text, size_t length)
{
	length = strnlen(text, length);
	BUG_ON(length == SIZE_MAX);
	char *copy = xmalloc(length + 1);
	memcpy(copy, text, length);
	return copy;
}

void
x_release(void *pointer)
{
	free(pointer);
}
