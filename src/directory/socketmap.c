/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers are composed in a scratch buffer of the connection because a
 * netstring begins with its length. The snapshot is ended as soon as the
 * bytes that were read hold no further whole request: the next read may
 * bring one that was sent after a later commit.
 */
#include "directory/socketmap.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"

#define LENGTH_DIGITS_MAX 6
#define OUTPUT_MAX (1024 * 1024)
#define SNAPSHOT_OUTPUT_MAX (OUTPUT_MAX / 4) /* stream.c stalls at half */

struct connection {
	struct directory *directory;
	struct strbuf scratch;
};

/* Bytes of the netstring at the start, its payload in payload_out; 0, -1. */
static ptrdiff_t
netstring_parse(struct span input, struct span *payload_out)
{
	size_t length = 0;
	size_t i = 0;

	while (i < input.length && input.data[i] != ':') {
		if (input.data[i] < '0' || input.data[i] > '9' ||
			i == LENGTH_DIGITS_MAX)
			return -1;
		length = length * 10 + (size_t)(input.data[i] - '0');
		i++;
	}
	if (i == input.length)
		return 0;
	if (i == 0 || length > SOCKETMAP_REQUEST_MAX)
		return -1;
	i++;
	if (input.length - i <= length)
		return 0;
	if (input.data[i + length] != ',')
		return -1;
	*payload_out = (struct span){ input.data + i, length };
	return (ptrdiff_t)(i + length + 1);
}

static void
netstring_write(struct strbuf *out, const char *status, struct span text)
{
	char digits[24];
	size_t at = sizeof(digits);
	size_t status_length = strlen(status);
	size_t length = status_length + text.length;

	digits[--at] = ':';
	do
		digits[--at] = (char)('0' + length % 10);
	while ((length /= 10) > 0);
	strbuf_add(out, digits + at, sizeof(digits) - at);
	strbuf_add(out, status, status_length);
	strbuf_add_span(out, text);
	strbuf_add_char(out, ',');
}

static enum lookup_answer
answer(struct directory *directory, struct span request, struct strbuf *value,
	struct err *err)
{
	const struct lookup_map *map;
	enum lookup_answer found;
	struct span name;

	if (!span_split(&request, ' ', &name) || request.data == NULL) {
		(void)err_set(err, ERR_INVALID, "request without a key");
		return LOOKUP_TEMP;
	}
	map = lookup_map_find(name);
	if (map == NULL) {
		(void)err_set(err, ERR_INVALID, "no map \"%.*s\"",
			(int)(name.length > 64 ? 64 : name.length), name.data);
		return LOOKUP_TEMP;
	}
	found = lookup_ask(directory->lookup, map, request, value, err);
	if (found == LOOKUP_FOUND &&
		(strbuf_overflowed(value) ||
			value->length > SOCKETMAP_REPLY_MAX - 3)) {
		(void)err_set(err, ERR_TOO_BIG,
			"answer exceeds the %d bytes that Postfix takes",
			SOCKETMAP_REPLY_MAX);
		return LOOKUP_TEMP;
	}
	return found;
}

static void
reply_temporary(struct directory *directory, struct span request,
	const struct err *err, struct strbuf *output)
{
	char text[160];
	size_t length = request.length;

	if (length >= sizeof(text))
		length = sizeof(text) - 1;
	memcpy(text, request.data, length);
	text[length] = '\0';
	directory_count(directory, DIRECTORY_SOCKETMAP_TEMP);
	/* A database that is away is said once, by databases.c. */
	if (err->code != ERR_UNAVAILABLE)
		log_warn("map answered temporary failure, mail waits",
			LOG_TEXT("request", text), LOG_ERR(err));
	netstring_write(output, "TEMP ", span_from(err->text));
}

ptrdiff_t
socketmap_input(struct directory *directory, struct span input,
	struct strbuf *scratch, struct strbuf *output)
{
	struct err err = { 0 };
	struct span request;
	ptrdiff_t used = netstring_parse(input, &request);

	if (used <= 0)
		return used;
	directory_count(directory, DIRECTORY_SOCKETMAP);
	strbuf_reset(scratch);
	switch (answer(directory, request, scratch, &err)) {
	case LOOKUP_FOUND:
		netstring_write(output, "OK ", strbuf_span(scratch));
		break;
	case LOOKUP_NOT_FOUND:
		netstring_write(output, "NOTFOUND ", span_from(""));
		break;
	case LOOKUP_TEMP:
		reply_temporary(directory, request, &err, output);
		break;
	}
	return used;
}

static void *
socketmap_open(struct stream *stream, void *context)
{
	struct connection *connection = xmalloc(sizeof(*connection));

	(void)stream;
	connection->directory = context;
	strbuf_init(&connection->scratch, SOCKETMAP_REPLY_MAX);
	return connection;
}

static ptrdiff_t
socketmap_stream_input(struct stream *stream, void *state, struct span input)
{
	struct connection *connection = state;
	struct strbuf *output = stream_output(stream);
	ptrdiff_t used = socketmap_input(
		connection->directory, input, &connection->scratch, output);

	/* A peer that does not fetch its replies must not hold a snapshot. */
	if (used <= 0 || (size_t)used == input.length ||
		output->length > SNAPSHOT_OUTPUT_MAX)
		lookup_end(connection->directory->lookup);
	return used;
}

static void
socketmap_close(void *state)
{
	struct connection *connection = state;

	lookup_end(connection->directory->lookup);
	strbuf_deinit(&connection->scratch);
	x_free(&connection);
}

const struct stream_protocol socketmap_protocol = {
	.name = "socketmap",
	.input_max = SOCKETMAP_REQUEST_MAX + LENGTH_DIGITS_MAX + 2,
	.output_max = OUTPUT_MAX,
	.open = socketmap_open,
	.input = socketmap_stream_input,
	.close = socketmap_close,
};
