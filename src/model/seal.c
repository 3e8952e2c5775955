/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A box is: version byte, nonce, crypto_secretbox_easy() output. */
#include "model/seal.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/random.h"
#include "base/strbuf.h"

#define SEAL_VERSION 1
#define SEAL_HEAD (1 + crypto_secretbox_NONCEBYTES)
#define SEAL_KEY_FILE_MAX 1024
#define SEAL_KEY_FILE_MIN 32

int
seal_load(const struct paths *paths, struct secret *key_out, struct err *err)
{
	char path[PATHS_MAX + 8];
	unsigned char key[crypto_secretbox_KEYBYTES];
	struct strbuf text;
	int status = -1;

	(void)snprintf(path, sizeof(path), "%s/seal", paths->secrets);
	strbuf_init(&text, SEAL_KEY_FILE_MAX);
	if (fs_read(path, SEAL_KEY_FILE_MAX, &text, err) != 0) {
		(void)err_remedy(err,
			"it opens the DKIM keys: restore it from a backup; mailherd-owned, mode 0400");
		goto out;
	}
	if (text.length < SEAL_KEY_FILE_MIN) {
		(void)err_set(err, ERR_CORRUPT, "%s is too short", path);
		goto out;
	}
	(void)crypto_generichash(key, sizeof(key),
		(const unsigned char *)text.data, text.length, NULL, 0);
	secret_set(key_out, key, sizeof(key));
	status = 0;
out:
	secret_wipe(key, sizeof(key));
	secret_wipe(text.data, text.length);
	strbuf_deinit(&text);
	return status;
}

static int
context_key(const struct secret *key, const char *context,
	unsigned char out[crypto_secretbox_KEYBYTES], struct err *err)
{
	if (key->length != crypto_secretbox_KEYBYTES)
		return err_set(err, ERR_SYSTEM,
			"the key of sealed columns was not loaded");
	(void)crypto_generichash(out, crypto_secretbox_KEYBYTES,
		(const unsigned char *)context, strlen(context),
		(const unsigned char *)key->bytes, key->length);
	return 0;
}

int
seal_wrap(const struct secret *key, const char *context, struct span plain,
	struct arena *arena, struct span *sealed_out, struct err *err)
{
	unsigned char box_key[crypto_secretbox_KEYBYTES];
	size_t length = SEAL_HEAD + plain.length + crypto_secretbox_MACBYTES;
	unsigned char *sealed;

	if (plain.length > SEAL_PLAIN_MAX)
		return err_set(err, ERR_TOO_BIG, "secret is too long to seal");
	if (context_key(key, context, box_key, err) != 0)
		return -1;
	sealed = arena_alloc(arena, length);
	sealed[0] = SEAL_VERSION;
	random_bytes(sealed + 1, crypto_secretbox_NONCEBYTES);
	(void)crypto_secretbox_easy(sealed + SEAL_HEAD,
		(const unsigned char *)plain.data, plain.length, sealed + 1,
		box_key);
	secret_wipe(box_key, sizeof(box_key));
	*sealed_out = (struct span){ (const char *)sealed, length };
	return 0;
}

static int
seal_corrupt(const char *context, struct err *err)
{
	(void)err_set(err, ERR_CORRUPT, "the sealed secret %s does not open",
		context);
	return err_remedy(
		err, "restore secrets/seal that belongs to this database");
}

int
seal_unwrap(const struct secret *key, const char *context, struct span sealed,
	struct secret *plain_out, struct err *err)
{
	const unsigned char *bytes = (const unsigned char *)sealed.data;
	unsigned char box_key[crypto_secretbox_KEYBYTES];
	unsigned char *plain;
	size_t length;
	int opened;

	if (sealed.length < SEAL_HEAD + crypto_secretbox_MACBYTES ||
		bytes[0] != SEAL_VERSION)
		return seal_corrupt(context, err);
	if (context_key(key, context, box_key, err) != 0)
		return -1;
	length = sealed.length - SEAL_HEAD - crypto_secretbox_MACBYTES;
	plain = xmalloc(length + 1);
	opened = crypto_secretbox_open_easy(plain, bytes + SEAL_HEAD,
		sealed.length - SEAL_HEAD, bytes + 1, box_key);
	if (opened == 0)
		secret_set(plain_out, plain, length);
	secret_wipe(box_key, sizeof(box_key));
	secret_wipe(plain, length);
	x_free(&plain);
	return opened == 0 ? 0 : seal_corrupt(context, err);
}
