/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server side of Dovecot's dict protocol (lib-dict/dict-client.h of
 * Dovecot 2.3, major version 2 or 3), which Dovecot speaks to "proxy:"
 * dictionaries. Keys:
 *
 *	shared/userdb/<user>	look-up and iteration: where the mailbox is
 *	priv/quota/storage	look-up and write, bytes, of the line's user
 *	priv/quota/messages	the same in messages
 *	shared/quota-warning/<id>	look-up: what to write to whom
 *	shared/last-login/<service>/<user>/<ip>		write: Unix time
 *
 * A user is found when mail may be delivered (states 1 and 2); an address
 * in an alias domain finds the mailbox of the target. Other keys are not
 * found, and writes to them are accepted and forgotten. What cannot be
 * answered now is F (failed), never N (not found).
 */
#ifndef DIRECTORY_DICT_H
#define DIRECTORY_DICT_H

#include "io/stream.h"

/* Its context is the struct directory. */
extern const struct stream_protocol dict_protocol;

#endif
