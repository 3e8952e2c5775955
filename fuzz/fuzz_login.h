/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the targets of the login protocols share: one directory with a few
 * mailboxes for the whole run, and one connection per input.
 */
#ifndef FUZZ_FUZZ_LOGIN_H
#define FUZZ_FUZZ_LOGIN_H

#include "fuzz.h"
#include "io/stream.h"

/*
 * Opens a connection, sends prefix and input, waits for answers and hangs
 * up; a few inputs (by their last byte) hang up before the answer.
 */
void fuzz_login_conversation(const struct stream_protocol *protocol,
	const char *prefix, const uint8_t *data, size_t size);

#endif
