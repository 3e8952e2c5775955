/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reader holds one piece. A line of LINE_PIECE_MAX bytes and its
 * newline is whole: only the byte after that makes it a long one.
 */
#include "log/line.h"

#include <string.h>

#include "base/utf8.h"

static const struct {
	const char *before;
	const char *after;
} MARKS[] = {
	[LINE_WHOLE] = { "", "" },
	[LINE_FIRST] = { "", " [continues]" },
	[LINE_MIDDLE] = { "[continued] ", " [continues]" },
	[LINE_LAST] = { "[continued] ", "" },
	[LINE_CUT] = { "[continued] ", " [rest dropped]" },
};

void
line_reader_init(struct line_reader *reader)
{
	reader->length = 0;
	reader->pieces = 0;
}

static void
hand_out(struct line_reader *reader, enum line_kind kind, line_fn *fn,
	void *context)
{
	struct line line = { { reader->text, reader->length }, kind };

	fn(&line, context);
	reader->length = 0;
}

static void
end_line(struct line_reader *reader, line_fn *fn, void *context)
{
	if (reader->pieces < LINE_PIECES_MAX) {
		if (reader->length > 0 &&
			reader->text[reader->length - 1] == '\r')
			reader->length--;
		hand_out(reader, reader->pieces == 0 ? LINE_WHOLE : LINE_LAST,
			fn, context);
	}
	line_reader_init(reader);
}

/* The piece is full and the line goes on. */
static void
end_piece(struct line_reader *reader, line_fn *fn, void *context)
{
	enum line_kind kind = LINE_MIDDLE;

	if (reader->pieces == 0)
		kind = LINE_FIRST;
	else if (reader->pieces == LINE_PIECES_MAX - 1)
		kind = LINE_CUT;
	hand_out(reader, kind, fn, context);
	reader->pieces++;
}

/* Takes bytes of one line, none of them a newline. */
static void
add_bytes(struct line_reader *reader, struct span bytes, line_fn *fn,
	void *context)
{
	while (bytes.length > 0 && reader->pieces < LINE_PIECES_MAX) {
		size_t room = sizeof(reader->text) - reader->length;
		size_t take = bytes.length < room ? bytes.length : room;

		if (room == 0) {
			end_piece(reader, fn, context);
			continue;
		}
		memcpy(reader->text + reader->length, bytes.data, take);
		reader->length += take;
		bytes.data += take;
		bytes.length -= take;
	}
}

void
line_feed(struct line_reader *reader, struct span bytes, line_fn *fn,
	void *context)
{
	while (bytes.length > 0) {
		ptrdiff_t end = span_find(bytes, '\n');
		size_t take = end < 0 ? bytes.length : (size_t)end;

		add_bytes(
			reader, (struct span){ bytes.data, take }, fn, context);
		if (end < 0)
			return;
		end_line(reader, fn, context);
		bytes.data += take + 1;
		bytes.length -= take + 1;
	}
}

void
line_finish(struct line_reader *reader, line_fn *fn, void *context)
{
	if (reader->length > 0 || reader->pieces > 0)
		end_line(reader, fn, context);
}

/*
 * Bytes of the character at the start of text that may be shown as they
 * are; 0 for what a terminal could take for a command: the control
 * characters of ASCII, those of U+0080 to U+009F, and bytes that are no
 * UTF-8, which some terminals take for the latter.
 */
static size_t
plain_length(struct span text)
{
	unsigned char first = (unsigned char)text.data[0];
	size_t length;

	if (first < 0x80)
		return (first >= 0x20 || first == '\t') && first != 0x7f;
	length = utf8_length(text.data, text.length);
	if (length == 2 && first == 0xc2 && (unsigned char)text.data[1] < 0xa0)
		return 0;
	return length;
}

static size_t
plain_prefix(struct span text)
{
	size_t plain = 0;
	size_t length;

	while (plain < text.length &&
		(length = plain_length((struct span){
			 text.data + plain, text.length - plain })) > 0)
		plain += length;
	return plain;
}

void
line_write(const struct line *line, struct strbuf *out)
{
	struct span rest = line->text;

	strbuf_add_text(out, MARKS[line->kind].before);
	while (rest.length > 0) {
		size_t plain = plain_prefix(rest);

		strbuf_add(out, rest.data, plain);
		if (plain < rest.length) {
			strbuf_printf(out, "\\x%02x",
				(unsigned char)rest.data[plain]);
			plain++;
		}
		rest.data += plain;
		rest.length -= plain;
	}
	strbuf_add_text(out, MARKS[line->kind].after);
}
