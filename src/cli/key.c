/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd key`: the keys that must not get lost (key_file.h). `export`
 * writes them into one file for root, to be carried away; `import` puts
 * back what is missing and never replaces a key; `confirm` ends the
 * doctor's nagging.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/encode.h"
#include "base/json_write.h"
#include "cli/command.h"
#include "cli/key_file.h"
#include "cli/key_import.h"

#define EXPORT_MODE 0600

static bool
is_listed(const struct key_file *key)
{
	return key->secret.length > 0 || !key->optional;
}

static void
print_text(const struct key_file *key)
{
	const char *state = key->fingerprint;

	if (key->secret.length == 0)
		state = "missing";
	else if (key_file_is_damaged(key))
		state = "damaged";
	printf("%-12s %-32s  %s; %s\n", key->name, state,
		key->confirmed ? "a copy is kept" : "no copy was confirmed",
		key->purpose);
}

static void
print_json(const struct key_file *keys)
{
	struct json_writer w;
	struct strbuf out;

	strbuf_init(&out, KEY_EXPORT_MAX);
	json_writer_init(&w, &out);
	json_array_open(&w, NULL);
	for (size_t i = 0; i < KEY_FILE_COUNT; i++) {
		if (!is_listed(&keys[i]))
			continue;
		json_object_open(&w, NULL);
		json_text(&w, "name", keys[i].name);
		json_text(&w, "purpose", keys[i].purpose);
		json_text(&w, "fingerprint", keys[i].fingerprint);
		json_bool(&w, "present", keys[i].secret.length > 0);
		json_bool(&w, "damaged", key_file_is_damaged(&keys[i]));
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
		if (is_listed(&keys[i]))
			print_text(&keys[i]);
	key_files_deinit(keys);
	return 0;
}

static void
build_export(const struct key_file *keys, struct strbuf *out)
{
	struct json_writer w;

	json_writer_init(&w, out);
	json_object_open(&w, NULL);
	json_text(&w, "format", KEY_EXPORT_FORMAT);
	json_array_open(&w, "keys");
	for (size_t i = 0; i < KEY_FILE_COUNT; i++) {
		struct strbuf base64;

		if (keys[i].secret.length == 0)
			continue;
		strbuf_init(&base64, KEY_EXPORT_MAX);
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
	strbuf_init(&text, KEY_EXPORT_MAX);
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

static const struct command_option IMPORT_OPTIONS[] = {
	{ "read-only", NULL,
		"Add the file's mail keys beside the main one, for older mail" },
	{ .name = NULL },
};

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
		.run = key_import,
		.arguments_min = 1,
		.arguments_max = 1,
		.options = IMPORT_OPTIONS,
		.description =
			"A key that is there is never replaced; another one in its place is an error, and the other "
			"keys of the file are put back all the same. With --read-only, keys of mail at rest are added that only read "
			"what another installation encrypted: from such a file, or from a private EC key in PEM." },
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
