/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A key that can not be put back does not keep the others from it: the
 * first fault is told at the end. Afterwards the public half of the main
 * mail key is brought in line with it.
 */
#include "cli/key_import.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/fs.h"
#include "cli/key_file.h"
#include "cli/mail_keys.h"
#include "cli/setup_data.h"

#define SECRET_MODE 0400

struct import {
	struct command_call *call;
	struct key_file keys[KEY_FILE_COUNT];
	bool read_only;
	int added;
	struct err fault; /* the first; code ERR_NONE: none */
};

static void
note_fault(struct import *import, const struct err *err)
{
	if (import->fault.code == ERR_NONE)
		import->fault = *err;
}

static struct key_file *
find_key(struct key_file *keys, const char *name)
{
	for (size_t i = 0; name != NULL && i < KEY_FILE_COUNT; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int
write_key(struct import *import, struct key_file *key, struct span bytes,
	struct err *err)
{
	uid_t uid;
	gid_t gid;

	if (fs_user(key->owner, &uid, &gid, err) == -1 ||
		fs_write_new(key->path, bytes.data, bytes.length, SECRET_MODE,
			uid, gid, err) == -1)
		return -1;
	secret_set(&key->secret, bytes.data, bytes.length);
	import->added++;
	return 0;
}

static int
put_back(struct import *import, struct key_file *key, struct span bytes,
	struct err *err)
{
	if (key->secret.length == 0) {
		if (write_key(import, key, bytes, err) == -1)
			return -1;
		if (!import->call->json)
			printf("%s is back\n", key->name);
		return 0;
	}
	if (secret_equal(&key->secret, bytes.data, bytes.length))
		return 0;
	(void)err_set(err, ERR_EXISTS,
		"%s holds another key, which is never replaced", key->path);
	return err_remedy(err,
		key->optional || strcmp(key->owner, MAIL_KEY_OWNER) == 0
			? "to read older mail with it: mailherd key import --read-only FILE; to go back to it, move the present file away first"
			: "move that file away first, if you are sure that nothing needs it");
}

/* The first place for a key that only reads, or NULL. */
static struct key_file *
find_place(struct import *import, const char *fingerprint, bool *known_out)
{
	struct key_file *place = NULL;

	*known_out = false;
	for (size_t i = KEY_FILE_MAIL; i < KEY_FILE_COUNT; i++) {
		struct key_file *key = &import->keys[i];

		if (strcmp(key->fingerprint, fingerprint) == 0)
			*known_out = true;
		if (place == NULL && key->optional && key->secret.length == 0)
			place = key;
	}
	return place;
}

static int
add_reader(struct import *import, struct span bytes, struct err *err)
{
	struct command_call *call = import->call;
	char fingerprint[MAIL_KEY_FINGERPRINT];
	struct key_file *place;
	bool known;

	if (mail_keys_identify(&call->paths, bytes, fingerprint, err) == -1)
		return err_remedy(err,
			"openssl pkey -in OLD -out NEW writes a key in that form");
	place = find_place(import, fingerprint, &known);
	if (known) {
		if (!call->json)
			printf("%s is there already\n", fingerprint);
		return 0;
	}
	if (place == NULL) {
		(void)err_set(err, ERR_LIMIT,
			"there are %d imported keys already",
			MAIL_KEY_COUNT - 1);
		return err_remedy(err,
			"take out one that no mail needs: docs/admin/at-rest.md");
	}
	if (write_key(import, place, bytes, err) == -1)
		return -1;
	place->fingerprint = arena_strdup(call->arena, fingerprint);
	if (!call->json)
		printf("%s is added as %s\n", fingerprint, place->name);
	return 0;
}

static void
import_key(struct import *import, const json_t *item)
{
	const char *name = json_string_value(json_object_get(item, "name"));
	const char *base64 = json_string_value(json_object_get(item, "secret"));
	struct key_file *key = find_key(import->keys, name);
	unsigned char bytes[KEY_FILE_SIZE_MAX];
	size_t length = 0;
	struct err err = { 0 };
	int result;

	if (key == NULL ||
		(import->read_only && strcmp(key->owner, MAIL_KEY_OWNER) != 0))
		return;
	if (base64 == NULL ||
		base64_decode(span_from(base64), bytes, sizeof(bytes),
			&length) == -1 ||
		length == 0) {
		(void)err_set(&err, ERR_INVALID,
			"the key %s in the file is damaged", name);
		note_fault(import, &err);
		return;
	}
	result = (import->read_only
			  ? add_reader(import,
				    (struct span){ (char *)bytes, length },
				    &err)
			  : put_back(import, key,
				    (struct span){ (char *)bytes, length },
				    &err));
	secret_wipe(bytes, sizeof(bytes));
	if (result == -1)
		note_fault(import, &err);
}

static int
import_export(struct import *import, struct span text, struct err *err)
{
	json_t *file = json_loadb(
		text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	const char *format = json_string_value(json_object_get(file, "format"));
	json_t *item;
	size_t i;

	if (format == NULL || strcmp(format, KEY_EXPORT_FORMAT) != 0) {
		json_decref(file);
		(void)err_set(err, ERR_INVALID,
			"this file was not written by mailherd key export");
		return import->read_only
			       ? -1
			       : err_remedy(err,
					 "a key of another installation is added with --read-only");
	}
	json_array_foreach(json_object_get(file, "keys"), i, item)
		import_key(import, item);
	json_decref(file);
	return 0;
}

static int
import_text(struct import *import, struct span text, struct err *err)
{
	bool ensured;

	if (import->read_only && !span_starts_with(text, "{")) {
		if (add_reader(import, text, err) == -1)
			return -1;
	} else if (import_export(import, text, err) == -1) {
		return -1;
	}
	if (import->fault.code != ERR_NONE) {
		*err = import->fault;
		return -1;
	}
	/* Before the first setup there is nothing to bring in line. */
	return fs_exists(import->call->paths.config)
		       ? mail_keys_ensure(&import->call->paths, &ensured, err)
		       : 0;
}

/* A machine that is to become another one gets its keys before its setup. */
static int
run(struct import *import, struct strbuf *text, struct err *err)
{
	struct command_call *call = import->call;
	int result;

	if (fs_read(command_argument(call, 0), KEY_EXPORT_MAX, text, err) ==
			-1 ||
		setup_directories(&call->paths, call->arena, err) == -1 ||
		key_files_read(&call->paths, call->arena, import->keys, err) ==
			-1)
		return -1;
	result = import_text(import, strbuf_span(text), err);
	key_files_deinit(import->keys);
	return result;
}

int
key_import(struct command_call *call)
{
	struct import import = { .call = call,
		.read_only = command_option(call, "read-only") != NULL };
	struct err err = { 0 };
	struct strbuf text;
	int result;

	strbuf_init(&text, KEY_EXPORT_MAX + 1);
	result = run(&import, &text, &err);
	secret_wipe(text.data, text.length);
	strbuf_deinit(&text);
	if (result == -1)
		return command_fail(call, &err);
	if (call->json)
		puts("{\"imported\":true}");
	else if (import.read_only)
		puts("all keys of the file are in place; they are read with from the next mailherd restart --changed");
	else
		puts("all keys of the file are in place; programs read them when they start: mailherd restart");
	return 0;
}
