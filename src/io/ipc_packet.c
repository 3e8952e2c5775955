/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Depth is counted before jansson sees the packet: its own limit is 2048,
 * which is a lot of stack for a peer to choose.
 */
#include "io/ipc_packet.h"

#include <stdio.h>
#include <string.h>

#define IPC_REQ_LENGTH_MAX 64

/* Members that every request may have beside its verb's fields. */
static const struct ipc_field COMMON_FIELDS[] = {
	{ "verb", IPC_TEXT, IPC_REQ_LENGTH_MAX, true },
	{ "req", IPC_TEXT, IPC_REQ_LENGTH_MAX, false },
	{ 0 },
};

static bool
is_too_deep(struct span packet)
{
	int depth = 0;
	bool in_string = false;
	for (size_t i = 0; i < packet.length; i++) {
		char byte = packet.data[i];
		if (in_string && byte == '\\')
			i++;
		else if (byte == '"')
			in_string = !in_string;
		else if (!in_string && (byte == '{' || byte == '['))
			depth++;
		else if (!in_string && (byte == '}' || byte == ']'))
			depth--;
		if (depth > IPC_DEPTH_MAX)
			return true;
	}
	return false;
}

json_t *
ipc_packet_parse(struct span packet, struct err *err)
{
	json_error_t error;
	if (packet.length > IPC_PACKET_MAX) {
		err_set(err, ERR_TOO_BIG, "the packet is too big");
		return NULL;
	}
	if (is_too_deep(packet)) {
		err_set(err, ERR_INVALID, "the packet is nested too deeply");
		return NULL;
	}
	json_t *value = json_loadb(
		packet.data, packet.length, JSON_REJECT_DUPLICATES, &error);
	if (!value) {
		err_set(err, ERR_INVALID, "bad JSON at byte %d: %s",
			error.position, error.text);
		return NULL;
	}
	if (!json_is_object(value)) {
		json_decref(value);
		err_set(err, ERR_INVALID, "the packet is not an object");
		return NULL;
	}
	return value;
}

struct type_row {
	json_type json;
	const char *name;
};

static const struct type_row TYPE_ROWS[] = {
	[IPC_TEXT] = { JSON_STRING, "text" },
	[IPC_NUMBER] = { JSON_INTEGER, "number" },
	[IPC_BOOL] = { JSON_TRUE, "bool" },
	[IPC_OBJECT] = { JSON_OBJECT, "object" },
	[IPC_ARRAY] = { JSON_ARRAY, "array" },
};

static bool
has_type(const json_t *value, enum ipc_type type)
{
	if (type == IPC_BOOL)
		return json_is_boolean(value);
	return json_typeof(value) == TYPE_ROWS[type].json;
}

/* The length that length_max is about; 0 for what has none. */
static size_t
length_of(const json_t *value)
{
	if (json_is_string(value))
		return json_string_length(value);
	if (json_is_array(value))
		return json_array_size(value);
	return json_is_object(value) ? json_object_size(value) : 0;
}

static int
check_field(
	const json_t *request, const struct ipc_field *field, struct err *err)
{
	const json_t *value = json_object_get(request, field->name);
	if (!value && !field->required)
		return 0;
	if (!value)
		return err_field(err, ERR_INVALID, field->name,
			"member %s is missing", field->name);
	if (!has_type(value, field->type))
		return err_field(err, ERR_INVALID, field->name,
			"member %s is not of type %s", field->name,
			TYPE_ROWS[field->type].name);
	if (field->length_max && length_of(value) > field->length_max)
		return err_field(err, ERR_INVALID, field->name,
			"member %s is longer than %zu", field->name,
			field->length_max);
	return 0;
}

static bool
is_known(const struct ipc_field *fields, const char *name)
{
	for (const struct ipc_field *f = fields; f && f->name; f++) {
		if (strcmp(f->name, name) == 0)
			return true;
	}
	return false;
}

int
ipc_packet_check(
	const json_t *request, const struct ipc_field *fields, struct err *err)
{
	for (const struct ipc_field *f = COMMON_FIELDS; f->name; f++) {
		if (check_field(request, f, err) < 0)
			return -1;
	}
	for (const struct ipc_field *f = fields; f && f->name; f++) {
		if (check_field(request, f, err) < 0)
			return -1;
	}
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)request, name, value)
	{
		if (!is_known(COMMON_FIELDS, name) && !is_known(fields, name))
			return err_set(err, ERR_INVALID,
				"member %.64s is not known", name);
	}
	return 0;
}

void
ipc_packet_write_error(struct strbuf *out, const struct err *err)
{
	struct json_writer w;
	strbuf_reset(out);
	json_writer_init(&w, out);
	json_object_open(&w, NULL);
	json_bool(&w, "ok", false);
	json_text(&w, "code", err_code_name(err->code));
	json_text(&w, "text", err->text);
	if (err->field[0])
		json_text(&w, "field", err->field);
	if (err->remedy[0])
		json_text(&w, "remedy", err->remedy);
	json_object_close(&w);
}

static enum err_code
code_from_name(const char *name)
{
	for (int code = ERR_NONE + 1; code < ERR_CODE_COUNT; code++) {
		if (strcmp(err_code_name((enum err_code)code), name) == 0)
			return (enum err_code)code;
	}
	return ERR_SYSTEM;
}

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

int
ipc_packet_result(const json_t *reply, struct err *err)
{
	if (json_is_true(json_object_get(reply, "more")))
		return 0;
	if (json_is_true(json_object_get(reply, "ok")))
		return 1;
	err_field(err, code_from_name(text_of(reply, "code")),
		text_of(reply, "field"), "%s", text_of(reply, "text"));
	if (text_of(reply, "remedy")[0])
		err_remedy(err, "%s", text_of(reply, "remedy"));
	return -1;
}
