/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a login in one of the protocols to its verdict: asks the judge,
 * holds the connection until the answer, counts, and logs refusals once
 * with the judge's reason.
 */
#ifndef DIRECTORY_LOGIN_H
#define DIRECTORY_LOGIN_H

#include "auth/judge.h"
#include "directory/directory.h"
#include "io/stream.h"

/*
 * Appends the reply; the connection is alive, context is what the protocol
 * gave (its own state: valid as long as the connection is).
 */
typedef void login_reply_fn(const struct judge_verdict *verdict,
	struct strbuf *output, void *context);

/*
 * Call it from the protocol's input(): replies at once, or pauses the
 * stream and replies later. request may die afterwards.
 */
void login_submit(struct directory *directory, struct stream *stream,
	const struct judge_request *request, enum directory_counter counter,
	login_reply_fn *reply, void *context);
/* What a client may learn: does not tell unknown users from passwords. */
const char *login_public_reason(const struct judge_verdict *verdict);

#endif
