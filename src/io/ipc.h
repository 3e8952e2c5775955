/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one protocol between our own processes: a JSON object per packet on
 * a Unix SOCK_SEQPACKET socket, at most IPC_PACKET_MAX bytes. A request is
 * {"verb":..., "req":..., fields}; a reply {"ok":true, ...} or
 * {"ok":false,"code":...,"text":...,"field":...,"remedy":...}. A server is a table of
 * verbs; an unknown verb, a missing or oversized field or a peer that may
 * not send it closes that connection and is logged. A handler may send
 * several packets ("more":true) before the last one, for progress.
 */
#ifndef IO_IPC_H
#define IO_IPC_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/json_write.h"

#define IPC_PACKET_MAX (64 * 1024)
/* Of one server; beyond, the oldest that asks nothing is closed. */
#define IPC_CONNECTIONS_MAX 64

enum ipc_type {
	IPC_TEXT,
	IPC_NUMBER,
	IPC_BOOL,
	IPC_OBJECT,
	IPC_ARRAY
};

struct ipc_field {
	const char *name; /* NULL ends the list */
	enum ipc_type type;
	size_t length_max; /* of a text, or items; 0: the packet's limit */
	bool required;
};

struct ipc_call; /* one request waiting for its answer */

struct ipc_verb {
	const char *name; /* NULL ends the table */
	const struct ipc_field *fields;
	/* User names that may send it, NULL-ended; root and the server's own
	 * user always may. */
	const char *const *senders;
	/* Answers now or later, exactly once, by ipc_reply() or ipc_fail(). */
	void (*handler)(struct ipc_call *call, json_t *request, void *context);
};

struct ipc_server;

/* Owns listen_fd. Verbs and context outlive the server. */
struct ipc_server *ipc_server_new(struct event_base *loop, int listen_fd,
	const struct ipc_verb *verbs, void *context);
void ipc_server_free(struct ipc_server **server);

/* Begins a reply: write members, then ipc_reply(). The object is open. */
struct json_writer *ipc_answer(struct ipc_call *call);
/* Sends what was written with "more":true; the call stays open. */
void ipc_progress(struct ipc_call *call);
void ipc_reply(struct ipc_call *call); /* adds "ok":true; call is gone */
void ipc_fail(struct ipc_call *call, const struct err *err);
uid_t ipc_peer_uid(const struct ipc_call *call);
/* False when the peer is gone: nobody will read the answer. */
bool ipc_is_awaited(const struct ipc_call *call);

/*
 * Client, blocking, for CLI and helpers. request is a JSON object with
 * "verb" and stays the caller's; progress (may be NULL) gets each "more" packet. The reply is a
 * new reference. -1: ERR_UNAVAILABLE nobody listens, ERR_BUSY deadline,
 * else the code that the server sent.
 */
typedef void ipc_progress_fn(json_t *packet, void *context);
MUST_CHECK int ipc_request(const char *socket_path, json_t *request,
	int deadline_ms, ipc_progress_fn *progress, void *context,
	json_t **reply_out, struct err *err);

/*
 * Client inside a loop: done is called exactly once, reply NULL on error;
 * progress (may be NULL) before it, with each "more" packet.
 */
typedef void ipc_done_fn(json_t *reply, const struct err *err, void *context);
void ipc_request_async(struct event_base *loop, const char *socket_path,
	json_t *request, int deadline_ms, ipc_progress_fn *progress,
	ipc_done_fn *done, void *context);

#endif
