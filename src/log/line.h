/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Cuts a service's output into lines that are fit for a log file: a line
 * that is too long is split into marked pieces, one that never ends is
 * cut off, and control characters, which could drive an administrator's
 * terminal, are written as \xNN. Knows nothing of files or time.
 *
 *	line_reader_init(&reader);
 *	line_feed(&reader, bytes, write_line, context);
 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"
#include "base/strbuf.h"

#define LINE_PIECE_MAX 8192 /* bytes of one piece, before escapes */
#define LINE_PIECES_MAX 8 /* of one line; what follows is dropped */

struct line_reader {
	char text[LINE_PIECE_MAX];
	size_t length;
	int pieces; /* of the line in hand that were handed out already */
};

enum line_kind {
	LINE_WHOLE,
	LINE_FIRST, /* the next piece continues it */
	LINE_MIDDLE,
	LINE_LAST,
	LINE_CUT /* the last piece that is kept: the rest is dropped */
};

struct line {
	struct span text; /* without newline and carriage return */
	enum line_kind kind;
};

typedef void line_fn(const struct line *line, void *context);

void line_reader_init(struct line_reader *reader);
/* Calls fn for each piece that is complete; keeps the rest. */
void line_feed(struct line_reader *reader, struct span bytes, line_fn *fn,
	void *context);
/* Hands out what has no newline yet: when the source has ended. */
void line_finish(struct line_reader *reader, line_fn *fn, void *context);
/* The piece with its marks and escapes, without a newline. */
void line_write(const struct line *line, struct strbuf *out);

#endif
