/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes JSON (RFC 8259) straight into a strbuf: commas and escapes are
 * its business, order is the caller's. Text that is not UTF-8 has its bad
 * bytes replaced by U+FFFD. Misnesting is a BUG_ON.
 *
 *	json_object_open(&w, NULL);
 *	json_text(&w, "name", name);
 *	json_number(&w, "size", size);
 *	json_object_close(&w);
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "base/strbuf.h"

#define JSON_WRITE_DEPTH_MAX 32

struct json_writer {
	struct strbuf *out;
	int depth;
	bool need_comma[JSON_WRITE_DEPTH_MAX + 1];
	bool is_object[JSON_WRITE_DEPTH_MAX + 1];
};

void json_writer_init(struct json_writer *w, struct strbuf *out);
/* key is NULL inside arrays and at the top. */
void json_object_open(struct json_writer *w, const char *key);
void json_object_close(struct json_writer *w);
void json_array_open(struct json_writer *w, const char *key);
void json_array_close(struct json_writer *w);
void json_text(struct json_writer *w, const char *key,
	const char *value); /* NULL writes null */
void json_span(struct json_writer *w, const char *key, struct span value);
void json_number(struct json_writer *w, const char *key, int64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
/* Not json_null: jansson has one. */
void json_write_null(struct json_writer *w, const char *key);

#endif
