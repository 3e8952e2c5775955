/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A dialogue is an AUTH whose mechanism still waits for a response (CONT).
 * Postfix has one at a time; a few are allowed, as the protocol has ids.
 */
#include "directory/sasl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/secret.h"
#include "directory/login.h"
#include "directory/tab_escape.h"

#define LINE_MAX_BYTES 8192
#define OUTPUT_MAX (256 * 1024)
#define DIALOGUES_MAX 8
#define RESPONSE_MAX 2048
#define IP_SIZE 48
#define ID_MAX UINT32_MAX
#define COOKIE_BYTES 16

struct connection;
struct dialogue;

struct mechanism {
	const char *name;
	/* response: decoded; NULL data when there was none. */
	void (*respond)(struct connection *connection,
		struct dialogue *dialogue, struct span response);
};

struct dialogue {
	const struct mechanism *mechanism; /* NULL: free */
	uint64_t id;
	enum account_service service;
	bool secured;
	char ip[IP_SIZE];
	bool has_user; /* LOGIN: the user name came already */
	char user[JUDGE_USER_MAX + 1];
};

struct connection {
	struct directory *directory;
	struct stream *stream;
	bool greeted; /* VERSION was read */
	uint64_t judged_id; /* of the login that is being judged */
	struct dialogue dialogues[DIALOGUES_MAX];
};

static void
send_fail(struct connection *connection, uint64_t id, const char *reason)
{
	strbuf_printf(stream_output(connection->stream),
		"FAIL\t%" PRIu64 "\treason=%s\n", id, reason);
}

static void
send_challenge(struct connection *connection, uint64_t id, const char *text)
{
	struct strbuf *output = stream_output(connection->stream);

	strbuf_printf(output, "CONT\t%" PRIu64 "\t", id);
	base64_encode(output, text, strlen(text));
	strbuf_add_char(output, '\n');
}

static void
reply(const struct judge_verdict *verdict, struct strbuf *output, void *context)
{
	struct connection *connection = context;

	if (verdict->outcome == JUDGE_TEMP) {
		stream_close(connection->stream); /* sasl.h says why */
		return;
	}
	if (verdict->outcome == JUDGE_FAIL) {
		send_fail(connection, connection->judged_id,
			login_public_reason(verdict));
		return;
	}
	strbuf_printf(output, "OK\t%" PRIu64 "\tuser=", connection->judged_id);
	tab_escape(output, span_from(verdict->address));
	strbuf_add_char(output, '\n');
}

/* Ends the dialogue: the judge has the word. */
static void
judge_it(struct connection *connection, struct dialogue *dialogue,
	const char *user, struct span password)
{
	struct judge_request request = {
		.user = user,
		.password = password,
		.service = dialogue->service,
		.remote_ip = dialogue->ip,
		.secured = dialogue->secured,
	};

	connection->judged_id = dialogue->id;
	dialogue->mechanism = NULL;
	login_submit(connection->directory, connection->stream, &request,
		DIRECTORY_SASL, reply, connection);
}

static void
refuse(struct connection *connection, struct dialogue *dialogue,
	const char *reason)
{
	dialogue->mechanism = NULL;
	send_fail(connection, dialogue->id, reason);
}

/* authzid NUL authcid NUL password; acting as another user is not offered. */
static void
respond_plain(struct connection *connection, struct dialogue *dialogue,
	struct span response)
{
	struct span authzid;
	struct span authcid;
	char user[JUDGE_USER_MAX + 1];

	if (response.data == NULL) {
		send_challenge(connection, dialogue->id, "");
		return;
	}
	if (!span_split(&response, '\0', &authzid) ||
		!span_split(&response, '\0', &authcid) ||
		response.data == NULL || authcid.length >= sizeof(user) ||
		authcid.length == 0) {
		refuse(connection, dialogue, "malformed-response");
		return;
	}
	if (authzid.length > 0 && !span_equal(authzid, authcid)) {
		refuse(connection, dialogue, "authorization-not-supported");
		return;
	}
	(void)snprintf(
		user, sizeof(user), "%.*s", (int)authcid.length, authcid.data);
	judge_it(connection, dialogue, user, response);
}

static void
respond_login(struct connection *connection, struct dialogue *dialogue,
	struct span response)
{
	char user[JUDGE_USER_MAX + 1];

	if (response.data == NULL) {
		send_challenge(connection, dialogue->id, "Username:");
		return;
	}
	if (dialogue->has_user) {
		memcpy(user, dialogue->user, sizeof(user));
		judge_it(connection, dialogue, user, response);
		return;
	}
	if (response.length == 0 || response.length >= sizeof(user) ||
		span_find(response, '\0') >= 0) {
		refuse(connection, dialogue, "malformed-response");
		return;
	}
	(void)snprintf(dialogue->user, sizeof(dialogue->user), "%.*s",
		(int)response.length, response.data);
	dialogue->has_user = true;
	send_challenge(connection, dialogue->id, "Password:");
}

static const struct mechanism mechanisms[] = {
	{ "PLAIN", respond_plain },
	{ "LOGIN", respond_login },
};

/* Decodes a response and hands it to the mechanism. */
static void
respond(struct connection *connection, struct dialogue *dialogue,
	struct span base64)
{
	char decoded[RESPONSE_MAX];
	struct span response = { .data = decoded };

	if (base64_decode(base64, decoded, sizeof(decoded), &response.length) <
		0) {
		refuse(connection, dialogue, "malformed-response");
		return;
	}
	dialogue->mechanism->respond(connection, dialogue, response);
	secret_wipe(decoded, sizeof(decoded));
}

static struct dialogue *
dialogue_find(struct connection *connection, uint64_t id)
{
	for (int i = 0; i < DIALOGUES_MAX; i++) {
		struct dialogue *dialogue = &connection->dialogues[i];

		if (dialogue->mechanism != NULL && dialogue->id == id)
			return dialogue;
	}
	return NULL;
}

/* The one of that id is begun anew; NULL when too many are open. */
static struct dialogue *
dialogue_take(struct connection *connection, uint64_t id)
{
	struct dialogue *dialogue = dialogue_find(connection, id);

	for (int i = 0; dialogue == NULL && i < DIALOGUES_MAX; i++) {
		if (connection->dialogues[i].mechanism == NULL)
			dialogue = &connection->dialogues[i];
	}
	if (dialogue != NULL)
		*dialogue = (struct dialogue){ .id = id };
	return dialogue;
}

/* Value of "name=value" when parameter has that name. */
static bool
parameter_value(struct span parameter, const char *name, struct span *value_out)
{
	size_t length = strlen(name);

	if (!span_starts_with(parameter, name))
		return false;
	value_out->data = parameter.data + length;
	value_out->length = parameter.length - length;
	return true;
}

struct parameters {
	struct span service;
	struct span ip;
	struct span response; /* data NULL: none */
	bool secured;
};

static struct parameters
parse_parameters(struct span rest)
{
	struct parameters parsed = { 0 };
	struct span parameter;

	while (span_split(&rest, '\t', &parameter)) {
		struct span value;

		if (parameter_value(parameter, "service=", &value))
			parsed.service = value;
		else if (parameter_value(parameter, "rip=", &value))
			parsed.ip = value;
		else if (parameter_value(parameter, "resp=", &value))
			parsed.response = value;
		else if (span_equal_text(parameter, "secured") ||
			 span_starts_with(parameter, "secured="))
			parsed.secured = true;
	}
	return parsed;
}

static const struct mechanism *
mechanism_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(mechanisms); i++) {
		if (span_equal_text(name, mechanisms[i].name))
			return &mechanisms[i];
	}
	return NULL;
}

static int
take_id(struct span *rest, uint64_t *id_out)
{
	struct span id;

	if (!span_split(rest, '\t', &id))
		return -1;
	return span_parse_uint64(id, ID_MAX, id_out);
}

/* AUTH <id> <mechanism> <parameters> */
static int
handle_auth(struct connection *connection, struct span rest)
{
	struct parameters parameters;
	const struct mechanism *mechanism;
	struct dialogue *dialogue;
	struct span name;
	uint64_t id;

	if (!connection->greeted || take_id(&rest, &id) < 0 ||
		!span_split(&rest, '\t', &name))
		return -1;
	parameters = parse_parameters(rest);
	mechanism = mechanism_find(name);
	dialogue = dialogue_take(connection, id);
	if (dialogue == NULL || mechanism == NULL ||
		parameters.ip.length >= IP_SIZE ||
		account_service_parse(parameters.service, &dialogue->service) <
			0) {
		send_fail(connection, id,
			mechanism == NULL ? "unknown-mechanism"
					  : "bad-request");
		return 0;
	}
	dialogue->mechanism = mechanism;
	dialogue->secured = parameters.secured;
	(void)snprintf(dialogue->ip, IP_SIZE, "%.*s", (int)parameters.ip.length,
		parameters.ip.data);
	if (parameters.response.data == NULL)
		mechanism->respond(connection, dialogue, (struct span){ 0 });
	else
		respond(connection, dialogue, parameters.response);
	return 0;
}

/* CONT <id> <base64> */
static int
handle_cont(struct connection *connection, struct span rest)
{
	struct dialogue *dialogue;
	uint64_t id;

	if (take_id(&rest, &id) < 0)
		return -1;
	dialogue = dialogue_find(connection, id);
	if (dialogue == NULL)
		send_fail(connection, id, "no-such-dialogue");
	else
		respond(connection, dialogue,
			rest.data == NULL ? span_from("") : rest);
	return 0;
}

static int
handle_cancel(struct connection *connection, struct span rest)
{
	struct dialogue *dialogue;
	uint64_t id;

	if (take_id(&rest, &id) < 0)
		return -1;
	dialogue = dialogue_find(connection, id);
	if (dialogue != NULL)
		dialogue->mechanism = NULL;
	return 0;
}

/* VERSION <major> <minor>: another major is another protocol. */
static int
handle_version(struct connection *connection, struct span rest)
{
	struct span major;

	if (!span_split(&rest, '\t', &major) || !span_equal_text(major, "1"))
		return -1;
	connection->greeted = true;
	return 0;
}

static const struct {
	const char *name;
	int (*handle)(struct connection *connection, struct span rest);
} commands[] = {
	{ "AUTH", handle_auth },
	{ "CONT", handle_cont },
	{ "CANCEL", handle_cancel },
	{ "VERSION", handle_version },
};

static int
handle(struct connection *connection, struct span line)
{
	struct span name;

	if (!span_split(&line, '\t', &name))
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(commands); i++) {
		if (span_equal_text(name, commands[i].name))
			return commands[i].handle(connection, line);
	}
	return 0; /* CPID and what later versions add */
}

static void *
sasl_open(struct stream *stream, void *context)
{
	struct connection *connection = xmalloc(sizeof(*connection));
	struct strbuf *output = stream_output(stream);
	char cookie[2 * COOKIE_BYTES + 1];

	connection->directory = context;
	connection->stream = stream;
	random_hex(cookie, COOKIE_BYTES);
	strbuf_add_text(output, "VERSION\t1\t2\n");
	for (size_t i = 0; i < ARRAY_LENGTH(mechanisms); i++)
		strbuf_printf(
			output, "MECH\t%s\tplaintext\n", mechanisms[i].name);
	strbuf_printf(output, "SPID\t%ld\nCUID\t1\nCOOKIE\t%s\nDONE\n",
		(long)getpid(), cookie);
	return connection;
}

static void
sasl_close(void *state)
{
	struct connection *connection = state;

	x_free(&connection);
}

static ptrdiff_t
sasl_input(struct stream *stream UNUSED, void *state, struct span input)
{
	ptrdiff_t end = span_find(input, '\n');

	if (end < 0)
		return 0;
	if (handle(state, (struct span){ input.data, (size_t)end }) < 0)
		return -1;
	return end + 1;
}

const struct stream_protocol sasl_protocol = {
	.name = "sasl",
	.input_max = LINE_MAX_BYTES,
	.output_max = OUTPUT_MAX,
	.open = sasl_open,
	.input = sasl_input,
	.close = sasl_close,
};
