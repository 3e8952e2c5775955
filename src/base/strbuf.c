/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Capacity doubles up to the limit. After an overflow nothing is added any
 * more, so that what stands in the buffer is a clean beginning and never
 * a text with a hole.
 */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define STRBUF_FIRST_CAPACITY 64

void
strbuf_init(struct strbuf *sb, size_t limit)
{
	BUG_ON(limit > SIZE_MAX / 4);
	*sb = (struct strbuf){ .limit = limit,
		.capacity = STRBUF_FIRST_CAPACITY };
	sb->data = xmalloc(sb->capacity);
}

void
strbuf_deinit(struct strbuf *sb)
{
	x_free(&sb->data);
	sb->length = sb->capacity = 0;
}

void
strbuf_reset(struct strbuf *sb)
{
	sb->length = 0;
	sb->data[0] = '\0';
	sb->overflowed = false;
}

/* Room for length more bytes and the NUL; false marks the overflow. */
static bool
make_room(struct strbuf *sb, size_t length)
{
	if (sb->overflowed || length > sb->limit - sb->length) {
		sb->overflowed = true;
		return false;
	}
	size_t needed = sb->length + length + 1;
	if (needed <= sb->capacity)
		return true;
	size_t capacity = sb->capacity;
	while (capacity < needed)
		capacity *= 2;
	sb->data = xrealloc(sb->data, sb->capacity, capacity);
	sb->capacity = capacity;
	return true;
}

void
strbuf_add(struct strbuf *sb, const void *data, size_t length)
{
	if (length == 0 || !make_room(sb, length))
		return;
	memcpy(sb->data + sb->length, data, length);
	sb->length += length;
	sb->data[sb->length] = '\0';
}

void
strbuf_add_text(struct strbuf *sb, const char *text)
{
	strbuf_add(sb, text, strlen(text));
}

void
strbuf_add_span(struct strbuf *sb, struct span span)
{
	strbuf_add(sb, span.data, span.length);
}

void
strbuf_add_char(struct strbuf *sb, char byte)
{
	strbuf_add(sb, &byte, 1);
}

void
strbuf_printf(struct strbuf *sb, const char *format, ...)
{
	size_t room = sb->capacity - sb->length;
	va_list arguments;
	va_start(arguments, format);
	int length = vsnprintf(sb->data + sb->length, room, format, arguments);
	va_end(arguments);
	BUG_ON(length < 0);

	bool fits = (size_t)length < room;
	if (!make_room(sb, (size_t)length)) {
		/* What was written on trial is taken back. */
		sb->data[sb->length] = '\0';
		return;
	}
	if (!fits) {
		va_start(arguments, format);
		vsnprintf(sb->data + sb->length, (size_t)length + 1, format,
			arguments);
		va_end(arguments);
	}
	sb->length += (size_t)length;
}

void
strbuf_consume(struct strbuf *sb, size_t n)
{
	BUG_ON(n > sb->length);
	memmove(sb->data, sb->data + n, sb->length - n + 1);
	sb->length -= n;
}

bool
strbuf_overflowed(const struct strbuf *sb)
{
	return sb->overflowed;
}

struct span
strbuf_span(const struct strbuf *sb)
{
	return (struct span){ sb->data, sb->length };
}

char *
strbuf_take(struct strbuf *sb)
{
	char *text = sb->data;
	*sb = (struct strbuf){ .limit = sb->limit,
		.capacity = STRBUF_FIRST_CAPACITY };
	sb->data = xmalloc(sb->capacity);
	return text;
}
