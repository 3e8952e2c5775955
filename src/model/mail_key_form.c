/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Format 2 of Dovecot 2.3 (dcrypt-openssl.c), fields between colons:
 *
 *	private: 2, curve, 0 (no password), number, id
 *	public: 2, DER of SubjectPublicKeyInfo, id
 *
 * The curve is its object identifier. The number is hex of OpenSSL's MPI:
 * four bytes of length, then the number without leading zeros, but with
 * one where its top bit is set. The id is SHA-256 over that DER, whose point
 * is compressed; Dovecot computes it anew and refuses a key that it does not
 * fit. No line ends: Dovecot would take them for a part of the id.
 */
#include "model/mail_key_form.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/sha.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "model/mail_key_private.h"

#define DIRECTORY "mail-keys"
#define DIRECTORY_MODE 0700
#define CURVE_SIZE 80 /* name or identifier */
#define NUMBER_MAX 128 /* bytes of an MPI */
#define DER_MAX 256
#define HEX_SIZE(bytes) (2 * (bytes) + 1)

struct forms {
	struct secret private;
	struct secret public;
};

void
mail_key_form_directory(const struct paths *paths, char path_out[PATHS_MAX])
{
	(void)snprintf(path_out, PATHS_MAX, "%.200s/" DIRECTORY, paths->run);
}

void
mail_key_form_path(
	const struct paths *paths, size_t index, char path_out[PATHS_MAX])
{
	(void)snprintf(path_out, PATHS_MAX, "%.200s/" DIRECTORY "/%s",
		paths->run, mail_key_name(index));
}

void
mail_key_form_public_path(const struct paths *paths, char path_out[PATHS_MAX])
{
	(void)snprintf(path_out, PATHS_MAX, "%.200s/" DIRECTORY "/%s.pub",
		paths->run, mail_key_name(0));
}

static bool
write_curve(EVP_PKEY *key, char out[CURVE_SIZE])
{
	char name[CURVE_SIZE];
	ASN1_OBJECT *curve = NULL;
	int length = -1;

	if (EVP_PKEY_get_group_name(key, name, sizeof(name), NULL) == 1)
		curve = OBJ_txt2obj(name, /* also names */ 0);
	if (curve != NULL)
		length = OBJ_obj2txt(
			out, CURVE_SIZE, curve, /* only numbers */ 1);
	ASN1_OBJECT_free(curve);
	return length > 0 && length < CURVE_SIZE;
}

static bool
write_number(EVP_PKEY *key, char out[HEX_SIZE(NUMBER_MAX)])
{
	unsigned char bytes[NUMBER_MAX];
	BIGNUM *number = NULL;
	int length = -1;

	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1)
		length = BN_bn2mpi(number, NULL);
	if (length > 0 && length <= NUMBER_MAX) {
		(void)BN_bn2mpi(number, bytes);
		(void)sodium_bin2hex(
			out, HEX_SIZE(NUMBER_MAX), bytes, (size_t)length);
		OPENSSL_cleanse(bytes, sizeof(bytes));
	}
	BN_clear_free(number);
	return length > 0 && length <= NUMBER_MAX;
}

static bool
write_public(EVP_PKEY *key, char der_out[HEX_SIZE(DER_MAX)],
	char id_out[HEX_SIZE(SHA256_DIGEST_LENGTH)])
{
	unsigned char *der = NULL, hash[SHA256_DIGEST_LENGTH];
	int length = mail_key_encode_public(key, &der);
	bool fits = length > 0 && length <= DER_MAX;

	if (fits) {
		(void)SHA256(der, (size_t)length, hash);
		(void)sodium_bin2hex(
			der_out, HEX_SIZE(DER_MAX), der, (size_t)length);
		(void)sodium_bin2hex(
			id_out, HEX_SIZE(sizeof(hash)), hash, sizeof(hash));
	}
	OPENSSL_free(der);
	return fits;
}

static int
write_forms(EVP_PKEY *key, struct forms *out, struct err *err)
{
	char curve[CURVE_SIZE], number[HEX_SIZE(NUMBER_MAX)],
		der[HEX_SIZE(DER_MAX)], id[HEX_SIZE(SHA256_DIGEST_LENGTH)],
		text[MAIL_KEY_FORM_MAX];
	bool done = write_curve(key, curve) && write_public(key, der, id) &&
		    write_number(key, number);
	int length;

	if (!done)
		return err_set(err, ERR_CORRUPT,
			"Dovecot has no form for a key like this one");
	length =
		snprintf(text, sizeof(text), "2:%s:0:%s:%s", curve, number, id);
	OPENSSL_cleanse(number, sizeof(number));
	secret_set(&out->private, text, (size_t)length);
	OPENSSL_cleanse(text, sizeof(text));
	length = snprintf(text, sizeof(text), "2:%s:%s", der, id);
	secret_set(&out->public, text, (size_t)length);
	return 0;
}

static void
deinit_forms(struct forms *forms)
{
	secret_deinit(&forms->private);
	secret_deinit(&forms->public);
}

int
mail_key_form_write(struct span pem, struct secret *private_out,
	struct secret *public_out, struct err *err)
{
	struct forms forms = { 0 };
	EVP_PKEY *key = mail_key_decode(pem);
	int result;

	if (key == NULL)
		return err_set(err, ERR_CORRUPT, "this is no private EC key");
	result = write_forms(key, &forms, err);
	EVP_PKEY_free(key);
	if (result == -1)
		return -1;
	*private_out = forms.private;
	*public_out = forms.public;
	return 0;
}

/* The files. */

int
mail_key_form_prepare(const struct paths *paths, struct err *err)
{
	char path[PATHS_MAX];
	uid_t uid;
	gid_t gid;

	mail_key_form_directory(paths, path);
	if (fs_user(MAIL_KEY_OWNER, &uid, &gid, err) == -1)
		return -1;
	return fs_make_directory(path, DIRECTORY_MODE, uid, gid, err);
}

/* What stands there: these bytes, for nobody else. */
static bool
is_as_wanted(const char *path, const struct secret *want)
{
	struct strbuf text;
	struct stat st;
	bool same;

	if (lstat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
		(st.st_mode & ALLPERMS) != MAIL_KEY_MODE ||
		st.st_uid != geteuid())
		return false;
	strbuf_init(&text, MAIL_KEY_FORM_MAX);
	same = fs_read(path, MAIL_KEY_FORM_MAX, &text, NULL) == 0 &&
	       secret_equal(want, text.data, text.length);
	secret_wipe(text.data, text.length);
	strbuf_deinit(&text);
	return same;
}

static int
put(const char *path, const struct secret *want, struct err *err)
{
	return is_as_wanted(path, want)
		       ? 0
		       : fs_write_atomic(path, want->bytes, want->length,
				 MAIL_KEY_MODE, (uid_t)-1, (gid_t)-1, err);
}

static int
drop(const char *path, struct err *err)
{
	return unlink(path) == 0 || errno == ENOENT
		       ? 0
		       : err_errno(err, errno, "removing %s", path);
}

static int
refresh_key(
	const struct paths *paths, size_t index, EVP_PKEY *key, struct err *err)
{
	char path[PATHS_MAX], public_path[PATHS_MAX];
	struct forms forms = { 0 };
	int result = write_forms(key, &forms, err);

	mail_key_form_path(paths, index, path);
	mail_key_form_public_path(paths, public_path);
	if (result == 0)
		result = put(path, &forms.private, err);
	if (result == 0 && index == 0)
		result = put(public_path, &forms.public, err);
	deinit_forms(&forms);
	return result;
}

int
mail_key_form_refresh(const struct paths *paths, struct err *err)
{
	for (size_t i = 0; i < MAIL_KEY_COUNT; i++) {
		char path[PATHS_MAX];
		EVP_PKEY *key = NULL;
		int result = mail_key_load(paths, i, &key, err);

		mail_key_form_path(paths, i, path);
		if (result == 1)
			result = refresh_key(paths, i, key, err);
		else if (result == 0)
			result = drop(path, err);
		EVP_PKEY_free(key);
		if (result == -1)
			return err_prefix(err, "%s", path);
	}
	return 0;
}
