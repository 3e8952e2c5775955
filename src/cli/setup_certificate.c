/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key before certificate: a lone key is used again, a lone leaf is not. */
#include "cli/setup_certificate.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/secret.h"

#define VALID_SECONDS (825L * 24 * 3600)
#define BACKDATE_SECONDS (24L * 3600) /* clocks of others may be slow */
#define SERIAL_BITS 159 /* RFC 5280 4.1.2.2: at most 20 octets, positive */
#define COMMON_NAME_MAX 64

static int
fail(struct err *err, const char *what)
{
	return err_set(err, ERR_SYSTEM, "making the certificate: %s: %s", what,
		ERR_error_string(ERR_get_error(), NULL));
}

static bool
add_extension(X509 *leaf, X509V3_CTX *context, int nid, const char *value)
{
	X509_EXTENSION *extension =
		X509V3_EXT_conf_nid(NULL, context, nid, value);
	bool added = extension != NULL && X509_add_ext(leaf, extension, -1);

	X509_EXTENSION_free(extension);
	return added;
}

static bool
add_extensions(X509 *leaf, const char *names)
{
	X509V3_CTX context;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, leaf, leaf, NULL, NULL, 0);
	return add_extension(leaf, &context, NID_basic_constraints,
		       "critical,CA:FALSE") &&
	       add_extension(leaf, &context, NID_key_usage,
		       "critical,digitalSignature") &&
	       add_extension(leaf, &context, NID_ext_key_usage, "serverAuth") &&
	       add_extension(
		       leaf, &context, NID_subject_key_identifier, "hash") &&
	       add_extension(leaf, &context, NID_subject_alt_name, names);
}

static bool
set_serial(X509 *leaf)
{
	BIGNUM *number = BN_new();
	bool set =
		number != NULL &&
		BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY,
			BN_RAND_BOTTOM_ANY) &&
		BN_to_ASN1_INTEGER(number, X509_get_serialNumber(leaf)) != NULL;

	BN_free(number);
	return set;
}

/* The common name has its limit; the names that count are in names. */
static bool
set_subject(X509 *leaf, const char *hostname)
{
	X509_NAME *subject = X509_get_subject_name(leaf);
	const char *name =
		strlen(hostname) <= COMMON_NAME_MAX ? hostname : "mailherd";

	return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
		       (const unsigned char *)name, -1, -1, 0) &&
	       X509_set_issuer_name(leaf, subject);
}

static X509 *
make_leaf(EVP_PKEY *key, const char *hostname, const char *names)
{
	X509 *leaf = X509_new();

	if (leaf != NULL && X509_set_version(leaf, X509_VERSION_3) &&
		set_serial(leaf) && set_subject(leaf, hostname) &&
		X509_gmtime_adj(X509_getm_notBefore(leaf), -BACKDATE_SECONDS) &&
		X509_gmtime_adj(X509_getm_notAfter(leaf), VALID_SECONDS) &&
		X509_set_pubkey(leaf, key) && add_extensions(leaf, names) &&
		X509_sign(leaf, key, EVP_sha256()))
		return leaf;
	X509_free(leaf);
	return NULL;
}

static int
write_bio(BIO *bio, const char *path, mode_t mode, struct err *err)
{
	char *text;
	long length = BIO_get_mem_data(bio, &text);

	return fs_write_atomic(path, text, (size_t)length, mode, 0, 0, err);
}

static int
write_key(EVP_PKEY *key, const char *path, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	int result = -1;

	if (bio == NULL ||
		!PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL))
		(void)fail(err, "key");
	else
		result = write_bio(bio, path, 0600, err);
	BIO_free(bio);
	return result;
}

static int
write_leaf(X509 *leaf, const char *path, struct err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int result = -1;

	if (bio == NULL || !PEM_write_bio_X509(bio, leaf))
		(void)fail(err, "certificate");
	else
		result = write_bio(bio, path, 0644, err);
	BIO_free(bio);
	return result;
}

static EVP_PKEY *
read_key(const char *path)
{
	BIO *bio = BIO_new_file(path, "r");
	EVP_PKEY *key = NULL;

	if (bio != NULL)
		key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	BIO_free(bio);
	return key;
}

static int
make(const char *key_path, const char *leaf_path, const char *hostname,
	const char *names, struct err *err)
{
	bool has_key = fs_exists(key_path);
	EVP_PKEY *key = has_key ? read_key(key_path) : EVP_EC_gen("P-256");
	X509 *leaf = NULL;
	int result = -1;

	if (key == NULL) {
		(void)fail(err, has_key ? key_path : "key");
		return -1;
	}
	leaf = make_leaf(key, hostname, names);
	if (leaf == NULL)
		(void)fail(err, "signature");
	else if (has_key || write_key(key, key_path, err) == 0)
		result = write_leaf(leaf, leaf_path, err);
	X509_free(leaf);
	EVP_PKEY_free(key);
	return result;
}

bool
setup_certificate_names(
	const struct paths *paths, struct arena *arena, const char *hostname)
{
	BIO *bio = BIO_new_file(
		arena_printf(arena, "%s/tls/cert.pem", paths->state), "r");
	X509 *leaf =
		bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
	bool names = leaf == NULL ||
		     X509_check_host(leaf, hostname, 0, 0, NULL) == 1;

	X509_free(leaf);
	BIO_free(bio);
	return names;
}

int
setup_certificate(const struct paths *paths, struct arena *arena,
	const char *hostname, const char *domain, bool *made_out,
	struct err *err)
{
	const char *key = arena_printf(arena, "%s/tls/key.pem", paths->state);
	const char *leaf = arena_printf(arena, "%s/tls/cert.pem", paths->state);
	const char *names = arena_printf(arena, "DNS:%s", hostname);

	*made_out = false;
	if (fs_exists(key) && fs_exists(leaf))
		return 0;
	if (domain != NULL)
		names = arena_printf(arena,
			"%s,DNS:autoconfig.%s,DNS:autodiscover.%s", names,
			domain, domain);
	if (make(key, leaf, hostname, names, err) == -1)
		return -1;
	*made_out = true;
	return 0;
}
