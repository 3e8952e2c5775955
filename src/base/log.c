/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line is at most PIPE_BUF bytes, so that one write(2) to the service's
 * FIFO is never mixed with another's. Longer lines end in "...".
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "base/utf8.h"

/* The process-wide state that log.h announces. */
static enum log_level threshold = LOG_LEVEL_INFO;
static log_sink_fn *sink_fn;
static void *sink_context;
static atomic_int dropped; /* lines, since the last one that was written */

static const char *const LEVEL_NAMES[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

static bool
is_bare(struct span text)
{
	for (size_t i = 0; i < text.length; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if (byte <= ' ' || byte >= 0x7f || strchr("\"\\=", byte))
			return false;
	}
	return text.length > 0;
}

/* One character at the start of text; returns its bytes. */
static size_t
write_character(struct strbuf *out, struct span text)
{
	static const char PLAIN[] = "\"\\\n\r\t";
	static const char NAMES[] = "\"\\nrt";
	unsigned char byte = (unsigned char)text.data[0];
	const char *found = byte ? strchr(PLAIN, byte) : NULL;
	size_t length = utf8_length(text.data, text.length);
	/* U+0080-U+009F are control characters too. */
	bool control = byte < ' ' || byte == 0x7f ||
		       (byte == 0xc2 && length == 2 &&
			       (unsigned char)text.data[1] < 0xa0);
	if (found) {
		char pair[] = { '\\', NAMES[found - PLAIN] };
		strbuf_add(out, pair, sizeof(pair));
		return 1;
	}
	if (control || length == 0) {
		strbuf_printf(out, "\\x%02x", byte);
		return 1;
	}
	strbuf_add(out, text.data, length);
	return length;
}

static void
write_quoted(struct strbuf *out, struct span text)
{
	strbuf_add_char(out, '"');
	while (text.length > 0) {
		size_t used = write_character(out, text);
		text.data += used;
		text.length -= used;
	}
	strbuf_add_char(out, '"');
}

static void
write_field(struct strbuf *out, const struct log_field *field)
{
	strbuf_add_char(out, ' ');
	strbuf_add_text(out, field->key);
	strbuf_add_char(out, '=');
	struct span text = span_from(field->text ? field->text : "");
	if (field->is_number)
		strbuf_printf(out, "%" PRId64, field->number);
	else if (is_bare(text))
		strbuf_add_span(out, text);
	else
		write_quoted(out, text);
}

/* False when there is no room: standard error does not block. */
static bool
write_line(const char *line, size_t length)
{
	ssize_t written;

	do {
		written = write(STDERR_FILENO, line, length);
	} while (written < 0 && errno == EINTR);
	return written >= 0 || errno != EAGAIN;
}

/* What was dropped is said as soon as there is room again. */
static void
write_or_count(const char *line, size_t length)
{
	char text[64];
	int count = atomic_exchange(&dropped, 0);
	int text_length = snprintf(text, sizeof(text),
		"warn: log lines were dropped count=%d\n", count);

	if (count > 0 && !write_line(text, (size_t)text_length))
		atomic_fetch_add(&dropped, count);
	if (!write_line(line, length))
		atomic_fetch_add(&dropped, 1);
}

static void
deliver(struct strbuf *line)
{
	if (sink_fn) {
		sink_fn(line->data, sink_context);
		return;
	}
	if (strbuf_overflowed(line)) {
		line->overflowed = false;
		line->limit = PIPE_BUF;
		strbuf_add_text(line, "...");
	}
	strbuf_add_char(line, '\n');
	write_or_count(line->data, line->length);
}

void
log_event(enum log_level level, const char *sentence,
	const struct log_field *fields)
{
	if (level > threshold)
		return;
	struct strbuf line;
	strbuf_init(&line, PIPE_BUF - sizeof("...\n"));
	strbuf_printf(&line, "%s: %s", LEVEL_NAMES[level], sentence);
	for (const struct log_field *f = fields; f->key; f++)
		write_field(&line, f);
	deliver(&line);
	strbuf_deinit(&line);
}

void
log_never_block(void)
{
	struct stat status;
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	if (flags != -1 && fstat(STDERR_FILENO, &status) == 0 &&
		S_ISFIFO(status.st_mode))
		(void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

void
log_set_sink(log_sink_fn *sink, void *context)
{
	sink_fn = sink;
	sink_context = context;
}
