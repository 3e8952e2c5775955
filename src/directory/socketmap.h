/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Postfix's socketmap protocol (socketmap_table(5)): each request is a
 * netstring "NAME KEY", each reply a netstring that begins with OK,
 * NOTFOUND or TEMP. Many requests may wait in one read; they share one
 * snapshot of the database. Which map answers what is lookup.h's business.
 */
#ifndef DIRECTORY_SOCKETMAP_H
#define DIRECTORY_SOCKETMAP_H

#include "io/stream.h"

#define SOCKETMAP_REQUEST_MAX 4096 /* payload of a request's netstring */
#define SOCKETMAP_REPLY_MAX 100000 /* what Postfix accepts; above: TEMP */

extern const struct stream_protocol socketmap_protocol;

struct directory;

/*
 * The protocol without a socket, for tests and the fuzz target: answers at
 * most one request at the beginning of input into output. Bytes used, 0
 * when more are needed, -1 when this is not the protocol.
 */
ptrdiff_t socketmap_input(struct directory *directory, struct span input,
	struct strbuf *scratch, struct strbuf *output);

#endif
