/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line, one verdict; the password is wiped as soon as the judge has its
 * own copy. A line that is not of the protocol loses the connection: only
 * our own glue speaks it.
 */
#include "directory/login_line.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/secret.h"
#include "directory/login.h"
#include "directory/tab_escape.h"

#define LINE_MAX_BYTES 4096
#define OUTPUT_MAX 65536
#define IP_SIZE 48
#define FIELD_COUNT 6

enum field {
	FIELD_VERB,
	FIELD_SERVICE,
	FIELD_IP,
	FIELD_TLS,
	FIELD_USER,
	FIELD_PASSWORD
};

struct connection {
	struct directory *directory;
};

static void *
login_line_open(struct stream *stream UNUSED, void *context)
{
	struct connection *connection = xmalloc(sizeof(*connection));

	connection->directory = context;
	return connection;
}

static void
login_line_close(void *state)
{
	struct connection *connection = state;

	x_free(&connection);
}

static void
reply(const struct judge_verdict *verdict, struct strbuf *output,
	void *context UNUSED)
{
	static const char *const words[] = {
		[JUDGE_OK] = "OK",
		[JUDGE_FAIL] = "FAIL",
		[JUDGE_TEMP] = "TEMP",
	};

	strbuf_printf(output, "%s\t", words[verdict->outcome]);
	if (verdict->outcome == JUDGE_OK)
		tab_escape(output, span_from(verdict->address));
	else
		strbuf_add_text(output, login_public_reason(verdict));
	strbuf_add_char(output, '\n');
}

static int
split_fields(struct span line, struct span fields[FIELD_COUNT])
{
	int count = 0;

	while (count < FIELD_COUNT && span_split(&line, '\t', &fields[count]))
		count++;
	return count == FIELD_COUNT && line.data == NULL ? 0 : -1;
}

static int
copy_ip(struct span field, char out[IP_SIZE])
{
	if (field.length >= IP_SIZE || span_find(field, '\0') >= 0)
		return -1;
	out[0] = '\0';
	if (!span_equal_text(field, "-"))
		(void)snprintf(
			out, IP_SIZE, "%.*s", (int)field.length, field.data);
	return 0;
}

/* 0, or -1 when the line is not of the protocol. */
static int
handle(struct connection *connection, struct stream *stream, struct span line)
{
	struct span fields[FIELD_COUNT];
	char user[JUDGE_USER_MAX + 1];
	char ip[IP_SIZE];
	char password[LINE_MAX_BYTES];
	struct judge_request request = { .user = user, .remote_ip = ip };
	struct judge_verdict no_service = { .outcome = JUDGE_FAIL,
		.reason = "unknown-service" };

	if (split_fields(line, fields) < 0 ||
		!span_equal_text(fields[FIELD_VERB], "AUTH") ||
		copy_ip(fields[FIELD_IP], ip) < 0 ||
		tab_unescape(fields[FIELD_USER], user, sizeof(user)) < 0 ||
		base64_decode(fields[FIELD_PASSWORD], password,
			sizeof(password), &request.password.length) < 0)
		return -1;
	request.secured = span_equal_text(fields[FIELD_TLS], "1");
	request.password.data = password;
	if (account_service_parse(fields[FIELD_SERVICE], &request.service) < 0)
		reply(&no_service, stream_output(stream), connection);
	else
		login_submit(connection->directory, stream, &request,
			DIRECTORY_LOGIN, reply, connection);
	secret_wipe(password, sizeof(password));
	return 0;
}

static ptrdiff_t
login_line_input(struct stream *stream, void *state, struct span input)
{
	ptrdiff_t end = span_find(input, '\n');

	if (end < 0)
		return 0;
	if (handle(state, stream, (struct span){ input.data, (size_t)end }) < 0)
		return -1;
	return end + 1;
}

const struct stream_protocol login_line_protocol = {
	.name = "login-line",
	.input_max = LINE_MAX_BYTES,
	.output_max = OUTPUT_MAX,
	.open = login_line_open,
	.input = login_line_input,
	.close = login_line_close,
};
