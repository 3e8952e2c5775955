/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What stands in the packets of ipc.h: strict parsing, checking against a
 * verb's fields, errors out and in. No sockets here, so that tests and the
 * fuzzer reach it; for ipc.c, ipc_client.c and those only.
 */
#ifndef IO_IPC_PACKET_H
#define IO_IPC_PACKET_H

#include "base/secret.h"
#include "base/span.h"
#include "io/ipc.h"

#define IPC_DEPTH_MAX 16

/* A JSON object without duplicate keys, or NULL with err set. */
json_t *ipc_packet_parse(struct span packet, struct err *err);
/* Every member is known, of its type and within its limit. */
MUST_CHECK int ipc_packet_check(
	const json_t *request, const struct ipc_field *fields, struct err *err);
/* Replaces what is in out by the reply that says err. */
void ipc_packet_write_error(struct strbuf *out, const struct err *err);
/* 1 for a last reply, 0 for progress, -1 with the server's error. */
MUST_CHECK int ipc_packet_result(const json_t *reply, struct err *err);

#endif
