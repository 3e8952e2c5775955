/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The running directory: its modules put together, one stream server per
 * socket, and an orderly end. main.c says which sockets and who may.
 */
#ifndef DIRECTORY_SERVER_H
#define DIRECTORY_SERVER_H

#include "base/err.h"
#include "io/service.h"
#include "io/stream.h"

/* Which protocol is spoken at the socket of the same index; NULL: IPC. */
struct server_protocols {
	const struct stream_protocol *protocols[SERVICE_SOCKETS_MAX];
};

/* As root: who owns the mail. Sets state->program. */
MUST_CHECK int server_prepare(struct service_state *state, struct err *err);
/* In the jail. Never fails for a database: that is waited for. */
void server_start(
	struct service_state *state, const struct server_protocols *protocols);
/* Answers what was asked, writes what was reported, then service_done(). */
void server_drain(struct service_state *state);

#endif
