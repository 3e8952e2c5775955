/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What mail_key.c and mail_key_form.c share: keys as OpenSSL holds them. */
#ifndef MODEL_MAIL_KEY_PRIVATE_H
#define MODEL_MAIL_KEY_PRIVATE_H

#include <openssl/evp.h>

#include "model/mail_key.h"

/* A whole EC key, whose halves belong together; else NULL. */
EVP_PKEY *mail_key_decode(struct span pem);
/* The same of a file of ours: 1, 0 it is not there, -1 and err. */
MUST_CHECK int mail_key_load(const struct paths *paths, size_t index,
	EVP_PKEY **key_out, struct err *err);
/*
 * DER of SubjectPublicKeyInfo with a compressed point, of which Dovecot
 * makes the key's id. Its length, or -1; OPENSSL_free() it.
 */
MUST_CHECK int mail_key_encode_public(EVP_PKEY *key, unsigned char **der_out);

#endif
