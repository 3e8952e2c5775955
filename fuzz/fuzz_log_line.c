/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: line_feed(), line_finish() and line_write(), with the
 * input cut into chunks whose sizes its first byte decides. No piece may
 * be longer than the limit, hold a newline or leave a control character
 * in what is written; how the input was cut must not change the result.
 */
#include <string.h>

#include "base/strbuf.h"
#include "fuzz.h"
#include "log/line.h"

#define OUTPUT_MAX (16 * 1024 * 1024)

static void
check_line(const struct line *line, void *context)
{
	struct strbuf *all = context;
	size_t begin = all->length;

	BUG_ON(line->text.length > LINE_PIECE_MAX);
	BUG_ON(span_find(line->text, '\n') >= 0);
	line_write(line, all);
	for (size_t i = begin; i < all->length; i++) {
		unsigned char byte = (unsigned char)all->data[i];

		BUG_ON((byte < 0x20 && byte != '\t') || byte == 0x7f);
	}
	strbuf_add_char(all, '\n');
}

static void
feed(struct span input, size_t chunk, struct strbuf *out)
{
	struct line_reader reader;

	line_reader_init(&reader);
	while (input.length > 0) {
		size_t take = input.length < chunk ? input.length : chunk;

		line_feed(&reader, (struct span){ input.data, take },
			check_line, out);
		input.data += take;
		input.length -= take;
	}
	line_finish(&reader, check_line, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf whole;
	struct strbuf pieces;
	struct span input;

	if (size == 0)
		return 0;
	input = (struct span){ (const char *)data + 1, size - 1 };
	strbuf_init(&whole, OUTPUT_MAX);
	strbuf_init(&pieces, OUTPUT_MAX);
	feed(input, input.length + 1, &whole);
	feed(input, (size_t)data[0] + 1, &pieces);
	BUG_ON(whole.length != pieces.length);
	BUG_ON(memcmp(whole.data, pieces.data, whole.length) != 0);
	strbuf_deinit(&whole);
	strbuf_deinit(&pieces);
	return 0;
}
