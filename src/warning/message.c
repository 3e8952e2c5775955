/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every line that is made here is shorter than 79 bytes, addresses aside. */
#include "warning/message.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/encode.h"
#include "base/utf8.h"
#include "model/quota_warning.h"

#define PLAIN_HEADER_MAX 60
#define WORD_BYTES 42 /* of text in one encoded word: 75 characters */
#define BODY_LINE_MAX 75 /* and a soft line end */

static bool
is_plain_header(const char *text)
{
	if (strlen(text) > PLAIN_HEADER_MAX || strstr(text, "=?") != NULL)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (*c < ' ' || *c >= 0x7f)
			return false;
	return text[0] != ' ';
}

void
message_encode_header(struct strbuf *out, const char *text)
{
	size_t left = strlen(text);

	if (is_plain_header(text)) {
		strbuf_add_text(out, text);
		return;
	}
	while (left > 0) {
		size_t length =
			left <= WORD_BYTES ? left : utf8_cut(text, WORD_BYTES);

		if (length == 0)
			length = 1; /* not UTF-8: cut anywhere */
		strbuf_add_text(out, "=?UTF-8?B?");
		base64_encode(out, text, length);
		strbuf_add_text(out, "?=");
		text += length;
		left -= length;
		if (left > 0)
			strbuf_add_text(out, "\n ");
	}
}

/* "From " would be quoted by mailboxes, "." is the end in SMTP. */
static bool
stands_for_itself(const char *at, size_t column)
{
	char byte = *at;

	if (byte == '=' || byte >= 0x7f || (byte < ' ' && byte != '\t'))
		return false;
	if (column == 0 && (byte == '.' || strncmp(at, "From ", 5) == 0))
		return false;
	/* A blank at the end of a line would be lost. */
	if (byte == ' ' || byte == '\t')
		return at[1] != '\n' && at[1] != '\0';
	return true;
}

void
message_encode_body(struct strbuf *out, const char *text)
{
	size_t column = 0;

	for (; *text != '\0'; text++) {
		bool plain = stands_for_itself(text, column);

		if (*text == '\n') {
			strbuf_add_char(out, '\n');
			column = 0;
			continue;
		}
		if (column + (plain ? 1 : 3) > BODY_LINE_MAX) {
			strbuf_add_text(out, "=\n");
			column = 0;
			plain = stands_for_itself(text, column);
		}
		if (plain)
			strbuf_add_char(out, *text);
		else
			strbuf_printf(out, "=%02X", (unsigned char)*text);
		column += plain ? 1 : 3;
	}
	if (column > 0)
		strbuf_add_char(out, '\n');
}

/* In the C locale's words, whatever locale there is. */
static void
write_date(struct strbuf *out, int64_t at)
{
	static const char *const DAYS[] = { "Sun", "Mon", "Tue", "Wed", "Thu",
		"Fri", "Sat" };
	static const char *const MONTHS[] = { "Jan", "Feb", "Mar", "Apr", "May",
		"Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)at;
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year > 9999 - 1900) {
		seconds = 0;
		(void)gmtime_r(&seconds, &tm);
	}
	strbuf_printf(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n",
		DAYS[tm.tm_wday], tm.tm_mday, MONTHS[tm.tm_mon],
		tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void
write_sender(struct strbuf *out, const struct facts *facts)
{
	if (facts->sender[0] != '\0')
		strbuf_printf(out, "From: %s\n", facts->sender);
	else
		strbuf_printf(out, "From: postmaster%s\n",
			strrchr(facts->address, '@'));
}

static void
write_recipients(
	struct strbuf *out, const struct facts *facts, enum message_part part)
{
	if (part == MESSAGE_TO_MAILBOX) {
		strbuf_printf(out, "To: %s\n", facts->address);
		return;
	}
	strbuf_add_text(out, "To: ");
	if (facts->copies[0] == NULL)
		strbuf_add_text(out, "undisclosed-recipients:;");
	for (size_t i = 0; facts->copies[i] != NULL; i++)
		strbuf_printf(
			out, "%s%s", i == 0 ? "" : ",\n ", facts->copies[i]);
	strbuf_add_char(out, '\n');
}

static void
write_head(struct strbuf *out, const struct facts *facts,
	enum message_part part, const char *hostname)
{
	write_date(out, facts->at);
	write_sender(out, facts);
	write_recipients(out, facts, part);
	strbuf_printf(out,
		"Message-ID: <quota.%" PRId64 ".%" PRId64 ".%" PRId64
		".%d@%s>\n",
		facts->mailbox_id, facts->level, facts->at, (int)part,
		hostname);
	strbuf_add_text(out, "Auto-Submitted: auto-generated\n"
			     "Precedence: bulk\n"
			     "MIME-Version: 1.0\n"
			     "Content-Type: text/plain; charset=utf-8\n"
			     "Content-Transfer-Encoding: quoted-printable\n");
}

static int
fill(const char *text, const char *name, const struct facts *facts,
	const char *hostname, struct arena *arena, const char **out,
	struct err *err)
{
	struct quota_warning_values values = { .username = facts->address,
		.hostname = hostname,
		.quota_bytes = facts->quota,
		.used_bytes = facts->used };
	struct strbuf filled;
	int status;

	strbuf_init(&filled, QUOTA_WARNING_FILLED_MAX);
	status = quota_warning_fill(text, name, &values, arena, &filled, err);
	*out = arena_strdup(arena, filled.data);
	strbuf_deinit(&filled);
	return status;
}

int
message_make(const struct facts *facts, enum message_part part,
	const char *hostname, struct arena *arena, struct strbuf *out,
	struct err *err)
{
	const char *subject = "", *text = "";

	if (fill(facts->subject, "subject", facts, hostname, arena, &subject,
		    err) < 0 ||
		fill(facts->text, "text", facts, hostname, arena, &text, err) <
			0)
		return -1;
	if (part == MESSAGE_TO_COPIES)
		subject =
			arena_printf(arena, "%s: %s", facts->address, subject);
	write_head(out, facts, part, hostname);
	strbuf_add_text(out, "Subject: ");
	message_encode_header(out, subject);
	strbuf_add_text(out, "\n\n");
	message_encode_body(out, text);
	if (strbuf_overflowed(out))
		return err_set(err, ERR_TOO_BIG, "the message is too large");
	return 0;
}
