/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * JSON has neither tabs nor line ends in it, so the dict protocol's escapes
 * do not occur.
 */
#include "warning/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/strbuf.h"

/* Major and minor version, type of values, user, name of the dictionary. */
#define HELLO "H2\t0\t0\t\tquota-warning\n"
#define FOUND 'O'
#define NOT_FOUND 'N'

static int
invalid(const char *member, struct err *err)
{
	return err_field(err, ERR_CORRUPT, member,
		"the directory's answer has no usable \"%s\"", member);
}

static bool
is_address(const char *text)
{
	if (strchr(text, '@') == NULL || text[0] == '-')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f ||
			strchr("<>(),;:\"\\[]", *text) != NULL)
			return false;
	return true;
}

static int
take_text(const json_t *object, const char *member, struct arena *arena,
	const char **out, struct err *err)
{
	const char *text = json_string_value(json_object_get(object, member));

	if (text == NULL)
		return invalid(member, err);
	*out = arena_strdup(arena, text);
	return 0;
}

static int
take_number(
	const json_t *object, const char *member, int64_t *out, struct err *err)
{
	const json_t *value = json_object_get(object, member);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return invalid(member, err);
	*out = json_integer_value(value);
	return 0;
}

static int
take_copies(const json_t *object, struct arena *arena, struct facts *facts,
	struct err *err)
{
	const json_t *list = json_object_get(object, "copies");
	size_t count = json_array_size(list);

	if (!json_is_array(list) || count > FACTS_COPIES_MAX)
		return invalid("copies", err);
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (text == NULL || !is_address(text))
			return invalid("copies", err);
		facts->copies[i] = arena_strdup(arena, text);
	}
	return 0;
}

static int
take_all(const json_t *object, struct arena *arena, struct facts *facts,
	struct err *err)
{
	if (take_text(object, "address", arena, &facts->address, err) < 0 ||
		take_text(object, "sender", arena, &facts->sender, err) < 0 ||
		take_text(object, "subject", arena, &facts->subject, err) < 0 ||
		take_text(object, "text", arena, &facts->text, err) < 0 ||
		take_number(object, "mailbox", &facts->mailbox_id, err) < 0 ||
		take_number(object, "level", &facts->level, err) < 0 ||
		take_number(object, "used", &facts->used, err) < 0 ||
		take_number(object, "quota", &facts->quota, err) < 0 ||
		take_number(object, "at", &facts->at, err) < 0)
		return -1;
	if (!is_address(facts->address))
		return invalid("address", err);
	if (facts->sender[0] != '\0' && !is_address(facts->sender))
		return invalid("sender", err);
	return take_copies(object, arena, facts, err);
}

int
facts_parse(struct span json, struct arena *arena, struct facts *facts_out,
	struct err *err)
{
	json_t *object = json_loadb(
		json.data, json.length, JSON_REJECT_DUPLICATES, NULL);
	struct facts facts = { .copies = { NULL } };
	int status;

	if (!json_is_object(object)) {
		json_decref(object);
		return err_set(err, ERR_CORRUPT,
			"the directory's answer is no JSON object");
	}
	status = take_all(object, arena, &facts, err);
	json_decref(object);
	if (status == 0)
		*facts_out = facts;
	return status;
}

static int
connect_to(const char *path, int *fd_out, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(err, ERR_INVALID, "socket path too long");
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_errno(err, errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		*fd_out = fd;
		return 0;
	}
	(void)err_errno(err, errno, "nobody answers at %s", path);
	(void)close(fd);
	return -1;
}

/* Until the line's end. */
static int
read_line(int fd, int deadline_ms, struct strbuf *line, struct err *err)
{
	int64_t until_ms = clock_monotonic_ms() + deadline_ms;
	char chunk[4096];

	while (memchr(line->data, '\n', line->length) == NULL) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int64_t left_ms = until_ms - clock_monotonic_ms();
		ssize_t got;

		if (left_ms <= 0 || strbuf_overflowed(line))
			return err_set(err, ERR_UNAVAILABLE,
				"the directory does not answer");
		if (poll(&poll_fd, 1, (int)left_ms) <= 0)
			continue;
		got = read(fd, chunk, sizeof(chunk));
		if (got <= 0)
			return err_set(err, ERR_UNAVAILABLE,
				"the directory closed the connection");
		strbuf_add(line, chunk, (size_t)got);
	}
	return 0;
}

static int
send_question(int fd, int64_t mailbox_id, struct err *err)
{
	char question[128];
	int length = snprintf(question, sizeof(question),
		HELLO "Lshared/quota-warning/%" PRId64 "\n", mailbox_id);

	if (send(fd, question, (size_t)length, MSG_NOSIGNAL) == length)
		return 0;
	return err_errno(err, errno, "asking the directory");
}

static int
read_answer(struct strbuf *line, struct arena *arena, struct facts *facts_out,
	struct err *err)
{
	struct span rest = strbuf_span(line), answer;

	(void)span_split(&rest, '\n', &answer);
	if (answer.length == 1 && answer.data[0] == NOT_FOUND)
		return 0;
	if (answer.length == 0 || answer.data[0] != FOUND)
		return err_set(err, ERR_UNAVAILABLE,
			"the directory can not answer now");
	answer.data++;
	answer.length--;
	return facts_parse(answer, arena, facts_out, err) < 0 ? -1 : 1;
}

int
facts_ask(const char *socket_path, int64_t mailbox_id, int deadline_ms,
	struct arena *arena, struct facts *facts_out, struct err *err)
{
	struct strbuf line;
	int fd = -1, status;

	if (connect_to(socket_path, &fd, err) < 0)
		return -1;
	strbuf_init(&line, FACTS_REPLY_MAX);
	status = send_question(fd, mailbox_id, err);
	if (status == 0)
		status = read_line(fd, deadline_ms, &line, err);
	if (status == 0)
		status = read_answer(&line, arena, facts_out, err);
	strbuf_deinit(&line);
	(void)close(fd);
	return status;
}
