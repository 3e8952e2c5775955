/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server for line- or frame-based protocols on a listening Unix socket:
 * accepts, buffers within limits, calls the protocol's parser, writes
 * replies. The protocol (socketmap, dict, SASL, policy) is a table entry;
 * peers that break a limit lose their connection, never the process.
 * Requests of one connection are handled in the order of arrival; a
 * handler may answer later (stream_pause/stream_resume).
 */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/span.h"
#include "base/strbuf.h"

struct stream; /* one connection */

struct stream_protocol {
	const char *name;
	size_t input_max; /* bytes of one unfinished request */
	size_t output_max; /* bytes waiting for a slow peer: closed above */
	int idle_ms; /* 0: no limit */
	/*
	 * Of one socket; 0: the process's descriptors. Others wait to be
	 * accepted. For peers that could starve those of other sockets.
	 */
	unsigned connections_max;
	/* Once per connection; the return value is the protocol's own state. */
	void *(*open)(struct stream *stream, void *context);
	/*
	 * Consumes at most one request from input: bytes used (> 0), 0 when
	 * more is needed, -1 when the peer is to be dropped (logged here).
	 * Replies are appended to stream_output().
	 */
	ptrdiff_t (*input)(
		struct stream *stream, void *state, struct span input);
	void (*close)(void *state); /* always called once after open */
};

struct stream_server;

/* Owns listen_fd (non-blocking). context is handed to open. */
struct stream_server *stream_server_new(struct event_base *loop, int listen_fd,
	const struct stream_protocol *protocol, void *context);
void stream_server_free(struct stream_server **server);
/* Stops accepting, finishes what is buffered, for drain. */
void stream_server_drain(struct stream_server *server);

struct strbuf *stream_output(struct stream *stream);
/* Sends what was appended outside of input(); input() sends by itself. */
void stream_flush(struct stream *stream);
/*
 * An answer comes later: no further request of this connection is parsed
 * until stream_resume(). A reference keeps the struct valid after the peer
 * is gone; stream_alive() tells whether an answer still has a reader.
 */
void stream_pause(struct stream *stream);
void stream_resume(struct stream *stream);
void stream_ref(struct stream *stream);
void stream_unref(struct stream *stream);
bool stream_alive(const struct stream *stream);
/*
 * Ends the connection after what was appended so far: for protocols whose
 * peers take an end for "ask again later". close() follows, at the latest
 * when input() has returned.
 */
void stream_close(struct stream *stream);
/* Effective uid of the peer (SO_PEERCRED). */
unsigned stream_peer_uid(const struct stream *stream);

#endif
