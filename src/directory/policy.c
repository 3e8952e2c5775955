/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A request is name=value lines that end with an empty line; names that we
 * do not know are skipped, as the documentation asks.
 */
#include "directory/policy.h"

#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/usage.h"

#define ACTION_NONE "DUNNO"
#define ACTION_TEMPORARY "451 4.3.0 Temporary lookup failure"
#define ACTION_FULL "452 4.2.2 Mailbox full"
#define ACTION_NEVER_FITS                                                      \
	"552 5.2.2 Message is larger than the mailbox may ever hold"

struct request {
	struct span type; /* request */
	struct span state; /* protocol_state */
	struct span recipient;
	struct span size; /* declared by the client, "0" when not */
};

static const struct attribute {
	const char *name;
	size_t offset;
} attributes[] = {
	{ "request", offsetof(struct request, type) },
	{ "protocol_state", offsetof(struct request, state) },
	{ "recipient", offsetof(struct request, recipient) },
	{ "size", offsetof(struct request, size) },
};

static void
request_take(struct request *request, struct span name, struct span value)
{
	for (size_t i = 0; i < ARRAY_LENGTH(attributes); i++)
		if (span_equal_text(name, attributes[i].name))
			memcpy((char *)request + attributes[i].offset, &value,
				sizeof(value));
}

/* Bytes of a whole request, 0 when its empty line is not there yet, -1. */
static ptrdiff_t
request_parse(struct span input, struct request *request_out)
{
	size_t at = 0;

	while (at < input.length) {
		struct span line = { input.data + at, input.length - at };
		struct span name;
		ptrdiff_t length = span_find(line, '\n');

		if (length < 0)
			return 0;
		at += (size_t)length + 1;
		if (length == 0)
			return (ptrdiff_t)at;
		line.length = (size_t)length;
		if (!span_split(&line, '=', &name) || line.data == NULL)
			return -1;
		request_take(request_out, name, line);
	}
	return 0;
}

static const char *
judge_room(struct directory *directory, const struct lookup_mailbox *mailbox,
	uint64_t size, struct err *err)
{
	int64_t used = 0;
	int64_t messages;

	if (mailbox->quota_bytes <= 0)
		return ACTION_NONE;
	if (size > (uint64_t)mailbox->quota_bytes)
		return ACTION_NEVER_FITS;
	/* Nothing was reported yet: nothing is used. */
	if (usage_quota(directory->usage_writer, mailbox->id, &used, &messages,
		    err) == -1)
		return ACTION_TEMPORARY;
	if (used >= mailbox->quota_bytes ||
		size > (uint64_t)(mailbox->quota_bytes - used))
		return ACTION_FULL;
	return ACTION_NONE;
}

static const char *
judge_recipient(struct directory *directory, const struct request *request,
	struct err *err)
{
	struct lookup_mailbox mailbox;
	uint64_t size = 0;

	if (!span_equal_text(request->type, "smtpd_access_policy") ||
		!span_equal_text(request->state, "RCPT"))
		return ACTION_NONE;
	/* An unreadable size counts as undeclared. */
	if (span_parse_uint64(request->size, INT64_MAX, &size) == -1)
		size = 0;
	switch (lookup_only_mailbox(
		directory->lookup, request->recipient, &mailbox, err)) {
	case LOOKUP_FOUND:
		return judge_room(directory, &mailbox, size, err);
	case LOOKUP_NOT_FOUND:
		return ACTION_NONE;
	case LOOKUP_TEMP:
		break;
	}
	return ACTION_TEMPORARY;
}

ptrdiff_t
policy_input(
	struct directory *directory, struct span input, struct strbuf *output)
{
	struct request request = { 0 };
	struct err err = { 0 };
	const char *action;
	ptrdiff_t used = request_parse(input, &request);

	if (used <= 0)
		return used;
	directory_count(directory, DIRECTORY_POLICY);
	action = judge_recipient(directory, &request, &err);
	if (strcmp(action, ACTION_NONE) != 0)
		directory_count(directory, DIRECTORY_POLICY_REFUSED);
	if (err.code != ERR_NONE && err.code != ERR_UNAVAILABLE)
		log_warn("recipient refused for now", LOG_ERR(&err));
	strbuf_add_text(output, "action=");
	strbuf_add_text(output, action);
	strbuf_add_text(output, "\n\n");
	return used;
}

static void *
policy_open(struct stream *stream, void *context)
{
	(void)stream;
	return context;
}

static ptrdiff_t
policy_stream_input(struct stream *stream, void *state, struct span input)
{
	struct directory *directory = state;
	ptrdiff_t used = policy_input(directory, input, stream_output(stream));

	/* Postfix sends one at a time: nothing is gained by a longer one. */
	lookup_end(directory->lookup);
	return used;
}

static void
policy_close(void *state)
{
	struct directory *directory = state;

	lookup_end(directory->lookup);
}

const struct stream_protocol policy_protocol = {
	.name = "policy",
	.input_max = POLICY_REQUEST_MAX,
	.output_max = 64 * 1024,
	.open = policy_open,
	.input = policy_stream_input,
	.close = policy_close,
};
