/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing byte buffer with a ceiling. Appending past the ceiling sets
 * the overflow mark and drops the bytes: callers build first and ask
 * strbuf_overflowed() once. The text is always NUL-terminated.
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"

struct strbuf {
	char *data; /* never NULL after init; owned by the buffer */
	size_t length;
	size_t capacity;
	size_t limit;
	bool overflowed;
};

void strbuf_init(struct strbuf *sb, size_t limit);
void strbuf_deinit(struct strbuf *sb); /* wipes nothing: secrets use secret.h */
void strbuf_reset(struct strbuf *sb); /* length 0, mark cleared */
void strbuf_add(struct strbuf *sb, const void *data, size_t length);
void strbuf_add_text(struct strbuf *sb, const char *text);
void strbuf_add_span(struct strbuf *sb, struct span span);
void strbuf_add_char(struct strbuf *sb, char byte);
void strbuf_printf(struct strbuf *sb, const char *format, ...)
	PRINTF_LIKE(2, 3);
/* Drops the first n bytes: for read buffers. */
void strbuf_consume(struct strbuf *sb, size_t n);
bool strbuf_overflowed(const struct strbuf *sb);
struct span strbuf_span(const struct strbuf *sb);
/* Hands the text over to the caller, who frees it with x_free(). */
char *strbuf_take(struct strbuf *sb);

#endif
