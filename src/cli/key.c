/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd key`: the keys that must not get lost (key_file.h). `export`
 * writes them into one file for root, to be carried away; `import` puts
 * back what is missing and never replaces a key; `confirm` ends the
 * doctor's nagging.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/fs.h"
#include "base/json_write.h"
#include "cli/command.h"
#include "cli/key_file.h"

#define EXPORT_FORMAT "mailherd-keys-1"
#define EXPORT_MODE 0600
#define EXPORT_MAX (64 * 1024)
#define SECRET_MODE 0400

static void
print_json(const struct key_file *keys)
{
	struct json_writer w;
	struct strbuf out;

	strbuf_init(&out, EXPORT_MAX);
	json_writer_init(&w, &out);
	json_array_open(&w, NULL);
	for (size_t i = 0; i < KEY_FILE_COUNT; i++) {
		json_object_open(&w, NULL);
		json_text(&w, "name", keys[i].name);
		json_text(&w, "purpose", keys[i].purpose);
		json_text(&w, "fingerprint", keys[i].fingerprint);
		json_bool(&w, "present", keys[i].secret.length > 0);
		json_bool(&w, "confirmed", keys[i].confirmed);
		json_object_close(&w);
	}
	json_array_close(&w);
	puts(out.data);
	strbuf_deinit(&out);
}

static int
run_list(struct command_call *call)
{
	struct key_file keys[KEY_FILE_COUNT];
	struct err err = { 0 };

	if (key_files_read(&call->paths, call->arena, keys, &err) == -1)
		return command_fail(call, &err);
	if (call->json)
		print_json(keys);
	for (size_t i = 0; !call->json && i < KEY_FILE_COUNT; i++)
		printf("%-8s %s  %s; %s\n", keys[i].name,
			keys[i].secret.length > 0 ? keys[i].fingerprint
						  : "missing",
			keys[i].confirmed ? "a copy is kept"
					  : "no copy was confirmed",
			keys[i].purpose);
	key_files_deinit(keys);
	return 0;
}

static void
build_export(const struct key_file *keys, struct strbuf *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_object_open(&w, NULL);
	json_text(&w, "format", EXPORT_FORMAT);
	json_array_open(&w, "keys");
	for (size_t i = 0; i < KEY_FILE_COUNT; i++) {
		struct strbuf base64;

		if (keys[i].secret.length == 0)
			continue;
		strbuf_init(&base64, EXPORT_MAX);
		base64_encode(
			&base64, keys[i].secret.bytes, keys[i].secret.length);
		json_object_open(&w, NULL);
		json_text(&w, "name", keys[i].name);
		json_text(&w, "fingerprint", keys[i].fingerprint);
		json_text(&w, "secret", base64.data);
		json_object_close(&w);
		secret_wipe(base64.data, base64.length);
		strbuf_deinit(&base64);
	}
	json_array_close(&w);
	json_object_close(&w);
	strbuf_add_char(out, '\n');
}

/* A new file only: an older copy may hold the only key to older data. */
static int
write_export(const char *path, const struct strbuf *text, struct err *err)
{
	int fd = open(
		path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, EXPORT_MODE);
	bool written;

	if (fd == -1 && errno == EEXIST) {
		(void)err_set(err, ERR_EXISTS, "%s exists already", path);
		return err_remedy(err, "name a new file");
	}
	if (fd == -1)
		return err_errno(err, errno, "writing %s", path);
	written =
		write(fd, text->data, text->length) == (ssize_t)text->length &&
		fsync(fd) == 0;
	if (!written)
		(void)err_errno(err, errno, "writing %s", path);
	(void)close(fd);
	if (!written)
		(void)unlink(path);
	return written ? 0 : -1;
}

static int
run_export(struct command_call *call)
{
	const char *path = command_argument(call, 0);
	struct key_file keys[KEY_FILE_COUNT];
	struct err err = { 0 };
	struct strbuf text;
	int result;

	if (key_files_read(&call->paths, call->arena, keys, &err) == -1)
		return command_fail(call, &err);
	strbuf_init(&text, EXPORT_MAX);
	build_export(keys, &text);
	result = write_export(path, &text, &err);
	secret_wipe(text.data, text.length);
	strbuf_deinit(&text);
	key_files_deinit(keys);
	if (result == -1)
		return command_fail(call, &err);
	if (call->json)
		puts("{\"exported\":true}");
	else
		printf("written to %s, for root only. Keep it away from this machine, then: mailherd key confirm\n",
			path);
	return 0;
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
put_back(struct command_call *call, struct key_file *key, const char *base64,
	struct err *err)
{
	unsigned char bytes[KEY_FILE_SIZE_MAX];
	size_t length = 0;
	uid_t uid;
	gid_t gid;
	int result;

	if (base64 == NULL ||
		base64_decode(span_from(base64), bytes, sizeof(bytes),
			&length) == -1 ||
		length == 0)
		return err_set(err, ERR_INVALID,
			"the key %s in the file is damaged", key->name);
	if (key->secret.length > 0) {
		bool same = secret_equal(&key->secret, bytes, length);

		secret_wipe(bytes, sizeof(bytes));
		if (same)
			return 0;
		(void)err_set(err, ERR_EXISTS,
			"%s holds another key, which is never replaced",
			key->path);
		return err_remedy(err,
			"move that file away first, if you are sure that nothing needs it");
	}
	result = fs_user(key->owner, &uid, &gid, err);
	if (result == 0)
		result = fs_write_atomic(
			key->path, bytes, length, SECRET_MODE, uid, gid, err);
	secret_wipe(bytes, sizeof(bytes));
	if (result == 0 && !call->json)
		printf("%s is back\n", key->name);
	return result;
}

static int
import_all(struct command_call *call, json_t *file, struct key_file *keys,
	struct err *err)
{
	const char *format = json_string_value(json_object_get(file, "format"));
	json_t *item;
	size_t i;

	if (format == NULL || strcmp(format, EXPORT_FORMAT) != 0)
		return err_set(err, ERR_INVALID,
			"this file was not written by mailherd key export");
	json_array_foreach(json_object_get(file, "keys"), i, item)
	{
		struct key_file *key = find_key(
			keys, json_string_value(json_object_get(item, "name")));

		if (key != NULL && put_back(call, key,
					   json_string_value(json_object_get(
						   item, "secret")),
					   err) == -1)
			return -1;
	}
	return 0;
}

static int
run_import(struct command_call *call)
{
	struct key_file keys[KEY_FILE_COUNT];
	struct err err = { 0 };
	struct strbuf text;
	json_t *file;
	int result;

	strbuf_init(&text, EXPORT_MAX);
	if (fs_read(command_argument(call, 0), EXPORT_MAX, &text, &err) == -1) {
		strbuf_deinit(&text);
		return command_fail(call, &err);
	}
	file = json_loadb(text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	secret_wipe(text.data, text.length);
	strbuf_deinit(&text);
	result = key_files_read(&call->paths, call->arena, keys, &err);
	if (result == 0) {
		result = import_all(call, file, keys, &err);
		key_files_deinit(keys);
	}
	json_decref(file);
	if (result == -1)
		return command_fail(call, &err);
	puts(call->json ? "{\"imported\":true}"
			: "all keys of the file are in place; programs read them when they start: mailherd restart");
	return 0;
}

static int
run_confirm(struct command_call *call)
{
	struct key_file keys[KEY_FILE_COUNT];
	struct err err = { 0 };
	int result;

	if (key_files_read(&call->paths, call->arena, keys, &err) == -1)
		return command_fail(call, &err);
	result = key_files_confirm(&call->paths, keys, &err);
	key_files_deinit(keys);
	if (result == -1)
		return command_fail(call, &err);
	puts(call->json ? "{\"confirmed\":true}"
			: "noted: copies of all present keys are kept elsewhere");
	return 0;
}

const struct command key_commands[] = {
	{ .name = "key list",
		.usage = "",
		.summary = "Show the keys that must not get lost",
		.privilege = COMMAND_ROOT,
		.run = run_list,
		.description =
			"Name, fingerprint, what it is for, and whether it was confirmed that a copy of it is kept." },
	{ .name = "key export",
		.usage = "FILE",
		.summary =
			"Write those keys to a new file, to be kept elsewhere",
		.privilege = COMMAND_ROOT,
		.run = run_export,
		.arguments_min = 1,
		.arguments_max = 1,
		.description =
			"The file is readable by root only and holds the keys as they are: move it to a safe place (a password manager, an encrypted disk), not beside the backups of the data." },
	{ .name = "key import",
		.usage = "FILE",
		.summary = "Put back missing keys from such a file",
		.privilege = COMMAND_ROOT,
		.run = run_import,
		.arguments_min = 1,
		.arguments_max = 1,
		.description =
			"A key that is there is never replaced; another one in its place is an error." },
	{ .name = "key confirm",
		.usage = "",
		.summary =
			"Note that copies of the present keys are kept elsewhere",
		.privilege = COMMAND_ROOT,
		.run = run_confirm,
		.description =
			"Until then, and after each change of a key, `mailherd doctor` reminds of it." },
	{ .name = NULL },
};
