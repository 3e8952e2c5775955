/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Postfix's policy delegation (SMTPD_POLICY_README): at RCPT, is there room
 * in the mailbox? RFC 5321 4.2.2 and RFC 3463 3.3:
 *
 *	452 4.2.2  the mailbox is full now, or this message does not fit in
 *	           what is left: the owner may make room, the sender tries again
 *	552 5.2.2  the declared SIZE is more than the whole limit: it can never fit
 *
 * Only an address that ends in exactly one mailbox is judged; for lists
 * Dovecot decides per recipient at delivery. Trouble with a database is a
 * temporary refusal. Everything else is DUNNO: the next restriction decides.
 */
#ifndef DIRECTORY_POLICY_H
#define DIRECTORY_POLICY_H

#include "io/stream.h"

#define POLICY_REQUEST_MAX 16384

extern const struct stream_protocol policy_protocol;

struct directory;

/*
 * The protocol without a socket: answers at most one request at the
 * beginning of input into output. Bytes used, 0 when more are needed, -1
 * when this is not the protocol.
 */
ptrdiff_t policy_input(
	struct directory *directory, struct span input, struct strbuf *output);

#endif
