/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys that nothing can make again: what was sealed or encrypted with one
 * is lost with it. Each is a file below secrets/. Here stand which there
 * are, their fingerprints, and whether the administrator confirmed that a
 * copy is kept elsewhere (the file key-backup.json of the state directory,
 * which names fingerprints, never keys). Keys of mail at rest are told
 * apart by what Dovecot calls them (mail_key.h), others by a hash.
 */
#ifndef CLI_KEY_FILE_H
#define CLI_KEY_FILE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "base/secret.h"
#include "model/mail_key.h"

#define KEY_FILE_COUNT (1 + MAIL_KEY_COUNT)
#define KEY_FILE_MAIL 1 /* the first of mail at rest: the main one */
#define KEY_FILE_SIZE_MAX 4096

struct key_file {
	const char *name; /* "seal" */
	const char *purpose; /* what is lost without it */
	const char *owner; /* its one consumer */
	const char *path;
	struct secret secret; /* length 0: the file is not there */
	/* "" when it is not there, or is of mail and can not be used */
	const char *fingerprint;
	bool optional; /* nothing is lost when it is not there */
	bool confirmed; /* a copy of this very key is kept elsewhere */
};

/* Reads all KEY_FILE_COUNT; texts live in arena, key_files_deinit() wipes. */
MUST_CHECK int key_files_read(const struct paths *paths, struct arena *arena,
	struct key_file keys[KEY_FILE_COUNT], struct err *err);
void key_files_deinit(struct key_file keys[KEY_FILE_COUNT]);
/* Notes that copies of all keys that are there are kept. */
MUST_CHECK int key_files_confirm(const struct paths *paths,
	const struct key_file keys[KEY_FILE_COUNT], struct err *err);
/* A mail key that is there, and that Dovecot could not use. */
bool key_file_is_damaged(const struct key_file *key);
const char *key_fingerprint(
	const char *name, const struct secret *secret, struct arena *arena);

#endif
