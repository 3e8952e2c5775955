/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs of plain bytes are copied as they are; only what RFC 8259 7 wants
 * escaped, and DEL, leaves the run.
 */
#include "base/json_write.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void
json_writer_init(struct json_writer *w, struct strbuf *out)
{
	*w = (struct json_writer){ .out = out };
}

static void
write_escaped(struct strbuf *out, unsigned char byte)
{
	static const char PLAIN[] = "\"\\\b\f\n\r\t";
	static const char NAMES[] = "\"\\bfnrt";
	const char *found = byte ? strchr(PLAIN, byte) : NULL;
	if (found) {
		strbuf_add_char(out, '\\');
		strbuf_add_char(out, NAMES[found - PLAIN]);
	} else {
		strbuf_printf(out, "\\u%04x", byte);
	}
}

static bool
is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

static void
write_string(struct strbuf *out, struct span text)
{
	strbuf_add_char(out, '"');
	size_t i = 0;
	while (i < text.length) {
		size_t start = i;
		while (i < text.length && is_plain((unsigned char)text.data[i]))
			i++;
		strbuf_add(out, text.data + start, i - start);
		if (i == text.length)
			break;
		unsigned char byte = (unsigned char)text.data[i];
		if (byte < 0x80) {
			write_escaped(out, byte);
			i++;
			continue;
		}
		size_t length = utf8_length(text.data + i, text.length - i);
		if (length)
			strbuf_add(out, text.data + i, length);
		else
			strbuf_add_text(out, REPLACEMENT);
		i += length ? length : 1;
	}
	strbuf_add_char(out, '"');
}

/* Comma and key: what stands before any value. */
static void
begin_value(struct json_writer *w, const char *key)
{
	bool in_object = w->depth > 0 && w->is_object[w->depth];
	BUG_ON(in_object != (key != NULL));
	if (w->need_comma[w->depth])
		strbuf_add_char(w->out, ',');
	w->need_comma[w->depth] = true;
	if (key) {
		write_string(w->out, span_from(key));
		strbuf_add_char(w->out, ':');
	}
}

static void
open_nested(struct json_writer *w, const char *key, bool is_object)
{
	begin_value(w, key);
	BUG_ON(w->depth == JSON_WRITE_DEPTH_MAX);
	w->depth++;
	w->need_comma[w->depth] = false;
	w->is_object[w->depth] = is_object;
	strbuf_add_char(w->out, is_object ? '{' : '[');
}

static void
close_nested(struct json_writer *w, bool is_object)
{
	BUG_ON(w->depth == 0 || w->is_object[w->depth] != is_object);
	w->depth--;
	strbuf_add_char(w->out, is_object ? '}' : ']');
}

void
json_object_open(struct json_writer *w, const char *key)
{
	open_nested(w, key, true);
}

void
json_object_close(struct json_writer *w)
{
	close_nested(w, true);
}

void
json_array_open(struct json_writer *w, const char *key)
{
	open_nested(w, key, false);
}

void
json_array_close(struct json_writer *w)
{
	close_nested(w, false);
}

void
json_text(struct json_writer *w, const char *key, const char *value)
{
	if (!value) {
		json_write_null(w, key);
		return;
	}
	json_span(w, key, span_from(value));
}

void
json_span(struct json_writer *w, const char *key, struct span value)
{
	begin_value(w, key);
	write_string(w->out, value);
}

void
json_number(struct json_writer *w, const char *key, int64_t value)
{
	begin_value(w, key);
	strbuf_printf(w->out, "%" PRId64, value);
}

void
json_bool(struct json_writer *w, const char *key, bool value)
{
	begin_value(w, key);
	strbuf_add_text(w->out, value ? "true" : "false");
}

void
json_write_null(struct json_writer *w, const char *key)
{
	begin_value(w, key);
	strbuf_add_text(w->out, "null");
}
