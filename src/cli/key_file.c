/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A fingerprint is a hash with the key's name in it, 16 bytes: it tells
 * keys apart and says nothing about them. (For mail keys it is overwritten
 * by the beginning of the id that Dovecot gives them.)
 */
#include "cli/key_file.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/fs.h"
#include "base/json_write.h"
#include "cli/mail_keys.h"

#define FINGERPRINT_BYTES 16
#define RECORD_MAX 4096
#define RECORD_MODE 0600

static const struct key_file SEAL = {
	.name = "seal",
	.purpose = "opens the sealed columns of core.db (DKIM keys)",
	.owner = "mailherd",
};

static void
name_keys(struct key_file keys[KEY_FILE_COUNT])
{
	keys[0] = SEAL;
	for (size_t i = 0; i < MAIL_KEY_COUNT; i++)
		keys[KEY_FILE_MAIL + i] = (struct key_file){
			.name = mail_key_name(i),
			.purpose = i == 0 ? "decrypts mail on disk"
					  : "decrypts older mail on disk",
			.owner = MAIL_KEY_OWNER,
			.optional = i > 0,
		};
}

const char *
key_fingerprint(
	const char *name, const struct secret *secret, struct arena *arena)
{
	unsigned char hash[FINGERPRINT_BYTES];
	crypto_generichash_state state;
	struct strbuf text;
	const char *copy;

	(void)crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	(void)crypto_generichash_update(
		&state, (const unsigned char *)name, strlen(name) + 1);
	(void)crypto_generichash_update(
		&state, (const unsigned char *)secret->bytes, secret->length);
	(void)crypto_generichash_final(&state, hash, sizeof(hash));
	strbuf_init(&text, 2 * sizeof(hash) + 1);
	hex_encode(&text, hash, sizeof(hash));
	copy = arena_strdup(arena, text.data);
	strbuf_deinit(&text);
	return copy;
}

static const char *
record_path(const struct paths *paths, struct arena *arena)
{
	return arena_printf(arena, "%s/key-backup.json", paths->state);
}

/* NULL when nothing was ever confirmed, or it can not be read. */
static json_t *
read_record(const struct paths *paths, struct arena *arena)
{
	struct strbuf text;
	json_t *record = NULL;

	strbuf_init(&text, RECORD_MAX);
	if (fs_read(record_path(paths, arena), RECORD_MAX, &text, NULL) == 0)
		record = json_loadb(
			text.data, text.length, JSON_REJECT_DUPLICATES, NULL);
	strbuf_deinit(&text);
	return record;
}

static int
read_key(const struct paths *paths, struct arena *arena, struct key_file *key,
	struct err *err)
{
	struct strbuf bytes;
	struct err cause;
	int result;

	key->path = arena_printf(arena, "%s/%s", paths->secrets, key->name);
	key->fingerprint = "";
	strbuf_init(&bytes, KEY_FILE_SIZE_MAX);
	result = fs_read(key->path, KEY_FILE_SIZE_MAX, &bytes, &cause);
	if (result == 0) {
		secret_set(&key->secret, bytes.data, bytes.length);
		key->fingerprint =
			key_fingerprint(key->name, &key->secret, arena);
	} else if (cause.code == ERR_NOT_FOUND) {
		result = 0;
	} else if (err != NULL) {
		*err = cause;
	}
	secret_wipe(bytes.data, bytes.length);
	strbuf_deinit(&bytes);
	return result;
}

static int
identify_mail_keys(const struct paths *paths, struct arena *arena,
	struct key_file keys[KEY_FILE_COUNT], struct err *err)
{
	struct mail_keys mail = { 0 };
	bool some = false;

	for (size_t i = KEY_FILE_MAIL; i < KEY_FILE_COUNT; i++)
		some = some || keys[i].secret.length > 0;
	if (some && mail_keys_look(paths, &mail, err) == -1)
		return -1;
	for (size_t i = 0; i < MAIL_KEY_COUNT; i++)
		keys[KEY_FILE_MAIL + i].fingerprint =
			arena_strdup(arena, mail.fingerprints[i]);
	return 0;
}

bool
key_file_is_damaged(const struct key_file *key)
{
	return key->secret.length > 0 && key->fingerprint[0] == '\0';
}

int
key_files_read(const struct paths *paths, struct arena *arena,
	struct key_file keys[KEY_FILE_COUNT], struct err *err)
{
	json_t *record = read_record(paths, arena);
	int result = 0;

	name_keys(keys);
	for (size_t i = 0; result == 0 && i < KEY_FILE_COUNT; i++)
		result = read_key(paths, arena, &keys[i], err);
	if (result == 0)
		result = identify_mail_keys(paths, arena, keys, err);
	for (size_t i = 0; result == 0 && i < KEY_FILE_COUNT; i++) {
		const char *known = json_string_value(
			json_object_get(record, keys[i].name));

		keys[i].confirmed = known != NULL &&
				    keys[i].fingerprint[0] != '\0' &&
				    strcmp(known, keys[i].fingerprint) == 0;
	}
	json_decref(record);
	if (result == -1)
		key_files_deinit(keys);
	return result;
}

void
key_files_deinit(struct key_file keys[KEY_FILE_COUNT])
{
	for (size_t i = 0; i < KEY_FILE_COUNT; i++)
		secret_deinit(&keys[i].secret);
}

int
key_files_confirm(const struct paths *paths,
	const struct key_file keys[KEY_FILE_COUNT], struct err *err)
{
	struct arena *arena = arena_new();
	struct json_writer w;
	struct strbuf out;
	int result;

	strbuf_init(&out, RECORD_MAX);
	json_writer_init(&w, &out);
	json_object_open(&w, NULL);
	json_number(&w, "at", clock_wall_seconds());
	for (size_t i = 0; i < KEY_FILE_COUNT; i++)
		if (keys[i].fingerprint[0] != '\0')
			json_text(&w, keys[i].name, keys[i].fingerprint);
	json_object_close(&w);
	result = fs_write_atomic(record_path(paths, arena), out.data,
		out.length, RECORD_MODE, 0, 0, err);
	strbuf_deinit(&out);
	arena_free(&arena);
	return result;
}
