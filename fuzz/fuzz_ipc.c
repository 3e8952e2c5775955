/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: parsing and checking of IPC requests against a verb's
 * fields, reading of replies, and that an error written as a packet is
 * read back with the same text.
 */
#include <string.h>

#include "fuzz.h"
#include "io/ipc_packet.h"

static const struct ipc_field FIELDS[] = {
	{ "text", IPC_TEXT, 16, true },
	{ "number", IPC_NUMBER, 0, false },
	{ "yes", IPC_BOOL, 0, false },
	{ "list", IPC_ARRAY, 3, false },
	{ "object", IPC_OBJECT, 3, false },
	{ 0 },
};

/* What was refused is told to the peer: that packet must be well formed. */
static void
check_round_trip(const struct err *err)
{
	struct strbuf text;
	struct err read_back = { 0 };
	strbuf_init(&text, IPC_PACKET_MAX);
	ipc_packet_write_error(&text, err);
	json_t *reply = ipc_packet_parse(strbuf_span(&text), &read_back);
	BUG_ON(!reply);
	BUG_ON(ipc_packet_result(reply, &read_back) != -1);
	BUG_ON(read_back.code != err->code);
	json_decref(reply);
	strbuf_deinit(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span packet = { (const char *)data, size };
	struct err err = { 0 };
	json_t *request = ipc_packet_parse(packet, &err);
	if (!request) {
		check_round_trip(&err);
		return 0;
	}
	if (ipc_packet_check(request, FIELDS, &err) < 0) {
		check_round_trip(&err);
	} else {
		const json_t *text = json_object_get(request, "text");
		BUG_ON(!json_is_string(text) || json_string_length(text) > 16);
	}
	if (ipc_packet_result(request, &err) < 0)
		check_round_trip(&err);
	json_decref(request);
	return 0;
}
