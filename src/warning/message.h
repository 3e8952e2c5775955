/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes the mail of a quota warning: RFC 5322 with texts in UTF-8, as
 * encoded words (RFC 2047) in the subject and quoted-printable (RFC 2045)
 * below it; marked as written by a machine (RFC 3834), so that nobody
 * replies to it. Made twice it is the same, its Message-ID too.
 */
#ifndef WARNING_MESSAGE_H
#define WARNING_MESSAGE_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "warning/facts.h"

#define MESSAGE_SIZE_MAX (1024 * 1024)

enum message_part {
	MESSAGE_TO_MAILBOX,
	MESSAGE_TO_COPIES /* the subject names the mailbox */
};

/* Lines end with a line feed. -1: a template can not be filled. */
MUST_CHECK int message_make(const struct facts *facts, enum message_part part,
	const char *hostname, struct arena *arena, struct strbuf *out,
	struct err *err);

/* For the test. A text as it may stand in a header, folded. */
void message_encode_header(struct strbuf *out, const char *text);
/* A text as quoted-printable; ends with a line end. */
void message_encode_body(struct strbuf *out, const char *text);

#endif
