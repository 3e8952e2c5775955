/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys of mail at rest: EC keys (prime256v1) with which Dovecot's
 * mail_crypt encrypts what it stores. The files are secrets/mail-crypt, with
 * which new mail is encrypted, its public half mail-crypt.pub, and
 * mail-crypt-2 to mail-crypt-9, imported keys that only read older mail.
 *
 * A key is told by the id that Dovecot writes into the head of each
 * message: SHA-256 over the public key, of which we show 16 bytes. So what
 * encrypted a file is seen without any key. Which keys a store of mail
 * needs is judged by mail_keeper.h.
 */
#ifndef MODEL_MAIL_KEY_H
#define MODEL_MAIL_KEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/paths.h"
#include "base/secret.h"
#include "base/span.h"
#include "base/strbuf.h"

#define MAIL_KEY_COUNT 9 /* the main one and those that are imported */
#define MAIL_KEY_FINGERPRINT 33 /* hex digits of 16 bytes, and NUL */
#define MAIL_KEY_PEM_MAX 4096
#define MAIL_KEY_MODE 0400
#define MAIL_KEY_PUBLIC_MODE 0444
#define MAIL_KEY_OWNER "vmail"
#define MAIL_KEY_HEAD_MAX 128 /* bytes of a message that name its key */

/* "mail-crypt", "mail-crypt-2" ... */
const char *mail_key_name(size_t index);
void mail_key_path(
	const struct paths *paths, size_t index, char path_out[PATHS_MAX]);
void mail_key_public_path(const struct paths *paths, char path_out[PATHS_MAX]);

/* A new private key, as PEM. */
MUST_CHECK int mail_key_make(struct secret *pem_out, struct err *err);
/*
 * The fingerprint of a private key in PEM. public_out (may be NULL) gets
 * its public half, as PEM. ERR_CORRUPT when it is no whole private EC key
 * in the form that Dovecot takes (PKCS 8, without a password).
 */
MUST_CHECK int mail_key_identify(struct span pem,
	char fingerprint_out[MAIL_KEY_FINGERPRINT], struct strbuf *public_out,
	struct err *err);
/*
 * The same of a file of ours, as vmail: 1, 0 it is not there, -1 it can
 * not be used: err has cause and remedy.
 */
MUST_CHECK int mail_key_read(const struct paths *paths, size_t index,
	char fingerprint_out[MAIL_KEY_FINGERPRINT], struct strbuf *public_out,
	struct err *err);

enum mail_key_head {
	MAIL_KEY_HEAD_CLEAR, /* not encrypted by mail_crypt */
	MAIL_KEY_HEAD_KNOWN, /* fingerprint_out is filled */
	MAIL_KEY_HEAD_STRANGE /* encrypted, in a format that we do not read */
};

/* Which key encrypted a message, by its first bytes. */
enum mail_key_head mail_key_head_parse(
	struct span head, char fingerprint_out[MAIL_KEY_FINGERPRINT]);

#endif
