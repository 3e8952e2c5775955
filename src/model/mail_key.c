/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The id of a key is that of Dovecot 2.3 (dcrypt-openssl.c): SHA-256 over
 * the DER of SubjectPublicKeyInfo with a compressed point. The head of a
 * message is that of its format 2 (ostream-encrypt.c): magic, version,
 * flags, length, two object identifiers, rounds, length of the key's
 * part, number of keys; then the first key's kind and id.
 */
#include "model/mail_key.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "base/fs.h"
#include "model/mail_key_private.h"

#define CURVE "prime256v1"
#define PRIVATE_BEGIN "-----BEGIN PRIVATE KEY-----"
#define FINGERPRINT_BYTES 16
#define MAGIC "CRYPTED\x03\x07"
#define MAGIC_LENGTH 9
#define FORMAT 2
#define OBJECT_IDENTIFIER 0x06 /* DER's tag */
#define NUMBER_LENGTH 4

static const char *const NAMES[MAIL_KEY_COUNT] = { "mail-crypt", "mail-crypt-2",
	"mail-crypt-3", "mail-crypt-4", "mail-crypt-5", "mail-crypt-6",
	"mail-crypt-7", "mail-crypt-8", "mail-crypt-9" };

const char *
mail_key_name(size_t index)
{
	return NAMES[index];
}

void
mail_key_path(const struct paths *paths, size_t index, char path_out[PATHS_MAX])
{
	(void)snprintf(
		path_out, PATHS_MAX, "%.200s/%s", paths->secrets, NAMES[index]);
}

void
mail_key_public_path(const struct paths *paths, char path_out[PATHS_MAX])
{
	(void)snprintf(
		path_out, PATHS_MAX, "%.200s/%s.pub", paths->secrets, NAMES[0]);
}

int
mail_key_make(struct secret *pem_out, struct err *err)
{
	EVP_PKEY *key = EVP_EC_gen(CURVE);
	BIO *memory = BIO_new(BIO_s_secmem());
	char *data;
	long length;
	int result = -1;

	if (key != NULL && memory != NULL &&
		PEM_write_bio_PrivateKey(
			memory, key, NULL, NULL, 0, NULL, NULL) == 1) {
		length = BIO_get_mem_data(memory, &data);
		secret_set(pem_out, data, (size_t)length);
		result = 0;
	} else {
		(void)err_set(err, ERR_SYSTEM,
			"making a key for mail at rest failed");
	}
	(void)BIO_free(memory);
	EVP_PKEY_free(key);
	return result;
}

/* Nobody is asked for a password: Dovecot could not answer either. */
static int
no_password(UNUSED char *buffer, UNUSED int size, UNUSED int writing,
	UNUSED void *context)
{
	return -1;
}

/* Also that the public half, which is in it, is that of the private one. */
static bool
is_whole(EVP_PKEY *key)
{
	EVP_PKEY_CTX *context;
	bool whole;

	if (key == NULL || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC)
		return false;
	context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	whole = context != NULL && EVP_PKEY_check(context) == 1;
	EVP_PKEY_CTX_free(context);
	return whole;
}

EVP_PKEY *
mail_key_decode(struct span pem)
{
	BIO *memory;
	EVP_PKEY *key;

	/* Dovecot takes nothing before it, and no other form. */
	if (!span_starts_with(pem, PRIVATE_BEGIN) ||
		pem.length > MAIL_KEY_PEM_MAX)
		return NULL;
	memory = BIO_new_mem_buf(pem.data, (int)pem.length);
	key = PEM_read_bio_PrivateKey(memory, NULL, no_password, NULL);
	(void)BIO_free(memory);
	if (is_whole(key))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

int
mail_key_encode_public(EVP_PKEY *key, unsigned char **der_out)
{
	return EVP_PKEY_set_utf8_string_param(key,
		       "point-format" /* of i2d_PUBKEY */, "compressed") == 1
		       ? i2d_PUBKEY(key, der_out)
		       : -1;
}

static bool
write_fingerprint(EVP_PKEY *key, char out[MAIL_KEY_FINGERPRINT])
{
	unsigned char *der = NULL, hash[SHA256_DIGEST_LENGTH];
	struct strbuf hex;
	int length = mail_key_encode_public(key, &der);

	if (length <= 0)
		return false;
	(void)SHA256(der, (size_t)length, hash);
	OPENSSL_free(der);
	strbuf_init(&hex, MAIL_KEY_FINGERPRINT);
	hex_encode(&hex, hash, FINGERPRINT_BYTES);
	(void)snprintf(out, MAIL_KEY_FINGERPRINT, "%s", hex.data);
	strbuf_deinit(&hex);
	return true;
}

/* With the point in full, as other programs write it. */
static bool
write_public(EVP_PKEY *key, struct strbuf *out)
{
	BIO *memory = BIO_new(BIO_s_mem());
	bool done = EVP_PKEY_set_utf8_string_param(
			    key, "point-format", "uncompressed") == 1 &&
		    PEM_write_bio_PUBKEY(memory, key) == 1;
	char *data;
	long length;

	if (done) {
		length = BIO_get_mem_data(memory, &data);
		strbuf_add(out, data, (size_t)length);
	}
	(void)BIO_free(memory);
	return done;
}

static int
refuse(struct err *err)
{
	return err_set(err, ERR_CORRUPT,
		"this is no whole private EC key, which begins with " PRIVATE_BEGIN);
}

static int
describe(EVP_PKEY *key, char fingerprint_out[MAIL_KEY_FINGERPRINT],
	struct strbuf *public_out, struct err *err)
{
	return write_fingerprint(key, fingerprint_out) &&
			       (public_out == NULL ||
				       write_public(key, public_out))
		       ? 0
		       : refuse(err);
}

int
mail_key_identify(struct span pem, char fingerprint_out[MAIL_KEY_FINGERPRINT],
	struct strbuf *public_out, struct err *err)
{
	EVP_PKEY *key = mail_key_decode(pem);
	int result = key == NULL
			     ? refuse(err)
			     : describe(key, fingerprint_out, public_out, err);

	EVP_PKEY_free(key);
	return result;
}

static int
unusable(const char *path, const struct err *cause, struct err *err)
{
	(void)err_set(err, ERR_CORRUPT,
		"the key %s of mail at rest can not be used: %s", path,
		cause->text);
	return err_remedy(err,
		"it must be owned by " MAIL_KEY_OWNER
		", mode 0400; a damaged one: move it away, then put back the copy that was kept: mailherd key import FILE");
}

int
mail_key_load(const struct paths *paths, size_t index, EVP_PKEY **key_out,
	struct err *err)
{
	char path[PATHS_MAX];
	struct strbuf pem;
	struct err cause = { 0 };
	EVP_PKEY *key = NULL;
	int result;

	mail_key_path(paths, index, path);
	strbuf_init(&pem, MAIL_KEY_PEM_MAX + 1);
	result = fs_read(path, MAIL_KEY_PEM_MAX, &pem, &cause);
	if (result == 0)
		key = mail_key_decode(strbuf_span(&pem));
	if (result == 0 && key == NULL)
		result = refuse(&cause);
	secret_wipe(pem.data, pem.length);
	strbuf_deinit(&pem);
	if (result == 0) {
		*key_out = key;
		return 1;
	}
	return cause.code == ERR_NOT_FOUND ? 0 : unusable(path, &cause, err);
}

int
mail_key_read(const struct paths *paths, size_t index,
	char fingerprint_out[MAIL_KEY_FINGERPRINT], struct strbuf *public_out,
	struct err *err)
{
	EVP_PKEY *key = NULL;
	int result = mail_key_load(paths, index, &key, err);

	if (result == 1 &&
		describe(key, fingerprint_out, public_out, err) == -1)
		result = -1;
	EVP_PKEY_free(key);
	return result;
}

/* Skips so many bytes; false beyond the end. */
static bool
skip(struct span *rest, size_t length)
{
	if (rest->length < length)
		return false;
	rest->data += length;
	rest->length -= length;
	return true;
}

static bool
skip_identifier(struct span *rest)
{
	return rest->length > 2 && rest->data[0] == OBJECT_IDENTIFIER &&
	       (unsigned char)rest->data[1] < 0x80 &&
	       skip(rest, 2 + (size_t)(unsigned char)rest->data[1]);
}

enum mail_key_head
mail_key_head_parse(
	struct span head, char fingerprint_out[MAIL_KEY_FINGERPRINT])
{
	struct span rest = head;
	struct strbuf hex;

	if (rest.length < MAGIC_LENGTH ||
		memcmp(rest.data, MAGIC, MAGIC_LENGTH) != 0)
		return MAIL_KEY_HEAD_CLEAR;
	(void)skip(&rest, MAGIC_LENGTH);
	if (rest.length == 0 || rest.data[0] != FORMAT ||
		!skip(&rest, 1 + 2 * NUMBER_LENGTH) ||
		!skip_identifier(&rest) || !skip_identifier(&rest) ||
		!skip(&rest, 2 * NUMBER_LENGTH + 2) ||
		rest.length < FINGERPRINT_BYTES)
		return MAIL_KEY_HEAD_STRANGE;
	strbuf_init(&hex, MAIL_KEY_FINGERPRINT);
	hex_encode(&hex, rest.data, FINGERPRINT_BYTES);
	(void)snprintf(fingerprint_out, MAIL_KEY_FINGERPRINT, "%s", hex.data);
	strbuf_deinit(&hex);
	return MAIL_KEY_HEAD_KNOWN;
}
