/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How each scheme is written, after Dovecot's password-schemes page and
 * doveadm-pw(1), on whose output the test runs:
 *
 *	digests		base64 or hexadecimal, told apart by length; salted
 *			ones are digest(password + salt) + salt
 *	crypt(3) family	the string of libcrypt, with bounds on its cost
 *	ARGON2I, -ID	the string of libsodium and libargon2, bounded
 *	PBKDF2		$1$<salt>$<rounds>$<hex>, HMAC-SHA-1, salt as text
 *	PBKDF2-SHA512	<rounds>$<base64 salt>$<base64 hash> (389 Directory
 *			Server, FreeIPA), or the form of PBKDF2
 *	SCRAM-SHA-*	<rounds>,<salt>,<stored key>,<server key> (RFC 5802)
 *	CRAM-MD5	the two MD5 states after one block, in hexadecimal
 *	PLAIN-TRUNC	<length>-<text>, or the text alone
 *
 * A stored hash that asks for more work or memory than the bounds below is
 * UNKNOWN: an imported row must not be able to stop the hash threads.
 * MD4 and the inner state of MD5 exist only behind OpenSSL's low-level
 * functions.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "auth/scheme.h"

#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/md4.h>
#include <openssl/md5.h>
#include <sodium.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/strbuf.h"

#define BCRYPT_COST 10
#define BCRYPT_COST_MAX 15
#define SHA_CRYPT_ROUNDS_MAX 1000000
#define PBKDF2_ROUNDS_MAX 2000000
#define ARGON2_PASSES 3
#define ARGON2_MEMORY_KIB (64 * 1024)
#define ARGON2_PASSES_MAX 20
#define ARGON2_MEMORY_KIB_MAX (256 * 1024)
#define ARGON2_LANES_MAX 16
#define SALT_BYTES 16
#define SALT_BYTES_MAX 128

enum encoding {
	ENCODING_NONE,
	ENCODING_BASE64,
	ENCODING_HEX
};

struct scheme;

/* data: the decoded text behind the prefix, NUL-terminated. */
typedef enum scheme_answer verify_fn(const struct scheme *scheme,
	struct span data, const char *password, size_t password_length);

struct scheme {
	const char *name;
	verify_fn *verify;
	const EVP_MD *(*digest)(void);
	enum encoding encoding;
	size_t digest_bytes; /* hexadecimal is recognised by it */
	bool fast;
};

static enum scheme_answer
same_bytes(const void *a, const void *b, size_t length)
{
	return CRYPTO_memcmp(a, b, length) == 0 ? SCHEME_MATCH
						: SCHEME_MISMATCH;
}

static enum scheme_answer
same_text(struct span data, const char *password, size_t length)
{
	if (data.length != length)
		return SCHEME_MISMATCH;
	return same_bytes(data.data, password, length);
}

static enum scheme_answer
verify_plain(const struct scheme *scheme UNUSED, struct span data,
	const char *password, size_t password_length)
{
	return same_text(data, password, password_length);
}

static enum scheme_answer
verify_plain_trunc(const struct scheme *scheme UNUSED, struct span data,
	const char *password, size_t password_length)
{
	struct span digits = data;
	uint64_t kept;
	ptrdiff_t dash = span_find(data, '-');

	if (dash < 0)
		return same_text(data, password, password_length);
	digits.length = (size_t)dash;
	if (span_parse_uint64(digits, SCHEME_PASSWORD_MAX, &kept) < 0)
		return same_text(data, password, password_length);
	data.data += dash + 1;
	data.length -= (size_t)dash + 1;
	if (kept > 0 && data.length == kept && password_length > kept)
		password_length = kept;
	return same_text(data, password, password_length);
}

static int
digest_salted(const EVP_MD *digest, const char *password, size_t length,
	struct span salt, unsigned char out[EVP_MAX_MD_SIZE])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok = ctx != NULL && EVP_DigestInit_ex(ctx, digest, NULL) == 1 &&
		 EVP_DigestUpdate(ctx, password, length) == 1 &&
		 EVP_DigestUpdate(ctx, salt.data, salt.length) == 1 &&
		 EVP_DigestFinal_ex(ctx, out, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -1;
}

/* Salted and not: what follows the digest is the salt. */
static enum scheme_answer
verify_digest(const struct scheme *scheme, struct span data,
	const char *password, size_t password_length)
{
	unsigned char computed[EVP_MAX_MD_SIZE];
	struct span salt;

	if (data.length < scheme->digest_bytes)
		return SCHEME_UNKNOWN;
	salt.data = data.data + scheme->digest_bytes;
	salt.length = data.length - scheme->digest_bytes;
	if (salt.length > SALT_BYTES_MAX)
		return SCHEME_UNKNOWN;
	if (digest_salted(scheme->digest(), password, password_length, salt,
		    computed) < 0)
		return SCHEME_FAILED;
	return same_bytes(data.data, computed, scheme->digest_bytes);
}

static enum scheme_answer
verify_unsalted(const struct scheme *scheme, struct span data,
	const char *password, size_t password_length)
{
	if (data.length != scheme->digest_bytes)
		return SCHEME_UNKNOWN;
	return verify_digest(scheme, data, password, password_length);
}

static enum scheme_answer
verify_md4(const struct scheme *scheme, struct span data, const char *password,
	size_t password_length)
{
	unsigned char computed[MD4_DIGEST_LENGTH];

	if (data.length != scheme->digest_bytes)
		return SCHEME_UNKNOWN;
	if (MD4((const unsigned char *)password, password_length, computed) ==
		NULL)
		return SCHEME_FAILED;
	return same_bytes(data.data, computed, sizeof(computed));
}

static void
put_le32(unsigned char *out, unsigned int word)
{
	for (int i = 0; i < 4; i++)
		out[i] = (unsigned char)(word >> (8 * i));
}

/* The MD5 state after the key block xor pad, as CRAM-MD5 stores it. */
static void
cram_state(const unsigned char key[MD5_CBLOCK], unsigned char pad,
	unsigned char out[MD5_DIGEST_LENGTH])
{
	unsigned char block[MD5_CBLOCK];
	MD5_CTX ctx;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	MD5_Init(&ctx);
	MD5_Transform(&ctx, block);
	put_le32(out, ctx.A);
	put_le32(out + 4, ctx.B);
	put_le32(out + 8, ctx.C);
	put_le32(out + 12, ctx.D);
	secret_wipe(block, sizeof(block));
}

static enum scheme_answer
verify_cram_md5(const struct scheme *scheme, struct span data,
	const char *password, size_t password_length)
{
	unsigned char key[MD5_CBLOCK] = { 0 };
	unsigned char computed[2 * MD5_DIGEST_LENGTH];

	if (data.length != scheme->digest_bytes)
		return SCHEME_UNKNOWN;
	if (password_length > sizeof(key))
		MD5((const unsigned char *)password, password_length, key);
	else
		memcpy(key, password, password_length);
	cram_state(key, 0x5c, computed);
	cram_state(key, 0x36, computed + MD5_DIGEST_LENGTH);
	secret_wipe(key, sizeof(key));
	return same_bytes(data.data, computed, sizeof(computed));
}

static enum scheme_answer
pbkdf2_equal(const EVP_MD *digest, struct span salt, uint64_t rounds,
	const void *stored, size_t stored_length, const char *password,
	size_t password_length)
{
	unsigned char computed[EVP_MAX_MD_SIZE * 4];

	if (stored_length == 0 || stored_length > sizeof(computed))
		return SCHEME_UNKNOWN;
	if (PKCS5_PBKDF2_HMAC(password, (int)password_length,
		    (const unsigned char *)salt.data, (int)salt.length,
		    (int)rounds, digest, (int)stored_length, computed) != 1)
		return SCHEME_FAILED;
	return same_bytes(stored, computed, stored_length);
}

/* "1$<salt>$<rounds>$<hex>", what follows the first "$". */
static enum scheme_answer
verify_pbkdf2_dovecot(const EVP_MD *digest, struct span data,
	const char *password, size_t password_length)
{
	struct span version;
	struct span salt;
	struct span rounds_text;
	uint64_t rounds;
	unsigned char stored[SCHEME_HASH_MAX];
	size_t stored_length;

	if (!span_split(&data, '$', &version) ||
		!span_equal_text(version, "1") ||
		!span_split(&data, '$', &salt) ||
		!span_split(&data, '$', &rounds_text) || data.data == NULL)
		return SCHEME_UNKNOWN;
	if (span_parse_uint64(rounds_text, PBKDF2_ROUNDS_MAX, &rounds) < 0 ||
		rounds == 0 ||
		hex_decode(data, stored, sizeof(stored), &stored_length) < 0)
		return SCHEME_UNKNOWN;
	return pbkdf2_equal(digest, salt, rounds, stored, stored_length,
		password, password_length);
}

static enum scheme_answer
verify_pbkdf2_ldap(const EVP_MD *digest, struct span data, const char *password,
	size_t password_length)
{
	struct span rounds_text;
	struct span salt_text;
	char salt[SALT_BYTES_MAX];
	struct span salt_span = { .data = salt };
	unsigned char stored[SCHEME_HASH_MAX];
	size_t stored_length;
	uint64_t rounds;

	if (!span_split(&data, '$', &rounds_text) ||
		!span_split(&data, '$', &salt_text) || data.data == NULL)
		return SCHEME_UNKNOWN;
	if (span_parse_uint64(rounds_text, PBKDF2_ROUNDS_MAX, &rounds) < 0 ||
		rounds == 0 ||
		base64_decode(
			salt_text, salt, sizeof(salt), &salt_span.length) < 0 ||
		base64_decode(data, stored, sizeof(stored), &stored_length) < 0)
		return SCHEME_UNKNOWN;
	return pbkdf2_equal(digest, salt_span, rounds, stored, stored_length,
		password, password_length);
}

static enum scheme_answer
verify_pbkdf2(const struct scheme *scheme, struct span data,
	const char *password, size_t password_length)
{
	if (!span_starts_with(data, "$"))
		return verify_pbkdf2_ldap(
			scheme->digest(), data, password, password_length);
	data.data++;
	data.length--;
	return verify_pbkdf2_dovecot(
		scheme->digest(), data, password, password_length);
}

static int
scram_stored_key(const struct scheme *scheme, struct span salt, uint64_t rounds,
	const char *password, size_t password_length,
	unsigned char out[EVP_MAX_MD_SIZE])
{
	static const char label[] = "Client Key";
	const EVP_MD *digest = scheme->digest();
	unsigned char salted[EVP_MAX_MD_SIZE];
	unsigned char client_key[EVP_MAX_MD_SIZE];
	int ok = PKCS5_PBKDF2_HMAC(password, (int)password_length,
			 (const unsigned char *)salt.data, (int)salt.length,
			 (int)rounds, digest, (int)scheme->digest_bytes,
			 salted) == 1 &&
		 HMAC(digest, salted, (int)scheme->digest_bytes,
			 (const unsigned char *)label, sizeof(label) - 1,
			 client_key, NULL) != NULL &&
		 EVP_Digest(client_key, scheme->digest_bytes, out, NULL, digest,
			 NULL) == 1;

	secret_wipe(salted, sizeof(salted));
	secret_wipe(client_key, sizeof(client_key));
	return ok ? 0 : -1;
}

static enum scheme_answer
verify_scram(const struct scheme *scheme, struct span data,
	const char *password, size_t password_length)
{
	struct span rounds_text;
	struct span salt_text;
	struct span key_text;
	char salt[SALT_BYTES_MAX];
	struct span salt_span = { .data = salt };
	unsigned char stored[EVP_MAX_MD_SIZE];
	unsigned char computed[EVP_MAX_MD_SIZE];
	size_t stored_length;
	uint64_t rounds;

	if (!span_split(&data, ',', &rounds_text) ||
		!span_split(&data, ',', &salt_text) ||
		!span_split(&data, ',', &key_text))
		return SCHEME_UNKNOWN;
	if (span_parse_uint64(rounds_text, PBKDF2_ROUNDS_MAX, &rounds) < 0 ||
		rounds == 0 ||
		base64_decode(
			salt_text, salt, sizeof(salt), &salt_span.length) < 0 ||
		base64_decode(
			key_text, stored, sizeof(stored), &stored_length) < 0 ||
		stored_length != scheme->digest_bytes)
		return SCHEME_UNKNOWN;
	if (scram_stored_key(scheme, salt_span, rounds, password,
		    password_length, computed) < 0)
		return SCHEME_FAILED;
	return same_bytes(stored, computed, stored_length);
}

/* "$2b$10$..." */
static bool
bcrypt_bounded(const char *text)
{
	return isdigit((unsigned char)text[0]) &&
	       isdigit((unsigned char)text[1]) && text[2] == '$' &&
	       (text[0] - '0') * 10 + (text[1] - '0') <= BCRYPT_COST_MAX;
}

/* "rounds=5000$salt$...", or the salt at once. */
static bool
sha_crypt_bounded(const char *text)
{
	static const char prefix[] = "rounds=";
	struct span rest = span_from(text);
	struct span digits;
	uint64_t rounds;

	if (!span_starts_with(rest, prefix))
		return true;
	rest.data += sizeof(prefix) - 1;
	rest.length -= sizeof(prefix) - 1;
	return span_split(&rest, '$', &digits) &&
	       span_parse_uint64(digits, SHA_CRYPT_ROUNDS_MAX, &rounds) == 0;
}

/* "j9T$": flavour j, N by one character, block size T. 'C' is 128 MiB. */
static bool
yescrypt_bounded(const char *text)
{
	return text[0] == 'j' &&
	       (isdigit((unsigned char)text[1]) ||
		       (text[1] >= 'A' && text[1] <= 'C')) &&
	       text[2] == 'T' && text[3] == '$';
}

/* "CU..../....": N as a power of two, r = 32, p = 1. 'E' is 256 MiB. */
static bool
scrypt_bounded(const char *text)
{
	return (isdigit((unsigned char)text[0]) ||
		       (text[0] >= 'A' && text[0] <= 'E')) &&
	       strncmp(text + 1, "U..../....", 10) == 0;
}

static bool
always_bounded(const char *text UNUSED)
{
	return true;
}

static bool
crypt_bounded(const char *text)
{
	static const struct {
		const char *prefix;
		bool (*bounded)(const char *text);
	} methods[] = {
		{ "$1$", always_bounded },
		{ "$2a$", bcrypt_bounded },
		{ "$2b$", bcrypt_bounded },
		{ "$2x$", bcrypt_bounded },
		{ "$2y$", bcrypt_bounded },
		{ "$3$", always_bounded },
		{ "$5$", sha_crypt_bounded },
		{ "$6$", sha_crypt_bounded },
		{ "$7$", scrypt_bounded },
		{ "$y$", yescrypt_bounded },
		{ "$gy$", yescrypt_bounded },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
		size_t length = strlen(methods[i].prefix);

		if (strncmp(text, methods[i].prefix, length) == 0)
			return methods[i].bounded(text + length);
	}
	/* Old DES: two characters of salt, eleven of hash. BSDi's "_" not. */
	return strlen(text) == 13 && text[0] != '$' && text[0] != '_';
}

static enum scheme_answer
verify_crypt(const struct scheme *scheme UNUSED, struct span data,
	const char *password, size_t password_length UNUSED)
{
	enum scheme_answer answer = SCHEME_UNKNOWN;
	struct crypt_data *work;
	const char *computed;

	if (!crypt_bounded(data.data))
		return SCHEME_UNKNOWN;
	work = xmalloc(sizeof(*work)); /* 32 KiB: not on a thread's stack */
	computed = crypt_r(password, data.data, work);
	if (computed != NULL && computed[0] != '*')
		answer = same_text(data, computed, strlen(computed));
	secret_wipe(work, sizeof(*work));
	x_free(&work);
	return answer;
}

/* {MD5} is crypt's "$1$" for some writers and a plain digest for others. */
static enum scheme_answer
verify_md5(const struct scheme *scheme, struct span data, const char *password,
	size_t password_length)
{
	unsigned char raw[SCHEME_HASH_MAX];
	struct span decoded = { .data = (const char *)raw };

	if (span_starts_with(data, "$1$"))
		return verify_crypt(scheme, data, password, password_length);
	if (data.length == 2 * scheme->digest_bytes &&
		hex_decode(data, raw, sizeof(raw), &decoded.length) == 0)
		return verify_unsalted(
			scheme, decoded, password, password_length);
	if (base64_decode(data, raw, sizeof(raw), &decoded.length) < 0)
		return SCHEME_UNKNOWN;
	return verify_unsalted(scheme, decoded, password, password_length);
}

/* Takes "<name><digits>" off the front of *rest. */
static int
take_number(struct span *rest, const char *name, char end, uint64_t max,
	uint64_t *out)
{
	struct span piece;
	size_t length = strlen(name);

	if (!span_split(rest, end, &piece) || !span_starts_with(piece, name))
		return -1;
	piece.data += length;
	piece.length -= length;
	return span_parse_uint64(piece, max, out);
}

/* "$argon2id$v=19$m=65536,t=3,p=1$salt$hash" */
static bool
argon2_bounded(struct span data)
{
	uint64_t number;
	struct span piece;

	return span_split(&data, '$', &piece) && piece.length == 0 &&
	       span_split(&data, '$', &piece) &&
	       (span_equal_text(piece, "argon2i") ||
		       span_equal_text(piece, "argon2id")) &&
	       take_number(&data, "v=", '$', UINT32_MAX, &number) == 0 &&
	       take_number(&data, "m=", ',', ARGON2_MEMORY_KIB_MAX, &number) ==
		       0 &&
	       take_number(&data, "t=", ',', ARGON2_PASSES_MAX, &number) == 0 &&
	       take_number(&data, "p=", '$', ARGON2_LANES_MAX, &number) == 0;
}

static enum scheme_answer
verify_argon2(const struct scheme *scheme UNUSED, struct span data,
	const char *password, size_t password_length)
{
	char stored[crypto_pwhash_STRBYTES] = { 0 };

	if (data.length >= sizeof(stored) || !argon2_bounded(data))
		return SCHEME_UNKNOWN;
	if (sodium_init() < 0)
		return SCHEME_FAILED;
	memcpy(stored, data.data, data.length);
	errno = 0;
	if (crypto_pwhash_str_verify(stored, password, password_length) == 0)
		return SCHEME_MATCH;
	return errno == ENOMEM ? SCHEME_FAILED : SCHEME_MISMATCH;
}

/* clang-format off */
static const struct scheme schemes[] = {
	{ "ARGON2I", verify_argon2, NULL, ENCODING_NONE, 0, false },
	{ "ARGON2ID", verify_argon2, NULL, ENCODING_NONE, 0, false },
	{ "BLF-CRYPT", verify_crypt, NULL, ENCODING_NONE, 0, false },
	{ "CLEAR", verify_plain, NULL, ENCODING_NONE, 0, true },
	{ "CLEARTEXT", verify_plain, NULL, ENCODING_NONE, 0, true },
	{ "CRAM-MD5", verify_cram_md5, NULL, ENCODING_HEX, 32, true },
	{ "CRYPT", verify_crypt, NULL, ENCODING_NONE, 0, false },
	{ "DES-CRYPT", verify_crypt, NULL, ENCODING_NONE, 0, false },
	{ "HMAC-MD5", verify_cram_md5, NULL, ENCODING_HEX, 32, true },
	{ "LDAP-MD5", verify_unsalted, EVP_md5, ENCODING_BASE64, 16, true },
	{ "MD5", verify_md5, EVP_md5, ENCODING_NONE, 16, false },
	{ "MD5-CRYPT", verify_crypt, NULL, ENCODING_NONE, 0, false },
	{ "PBKDF2", verify_pbkdf2, EVP_sha1, ENCODING_NONE, 0, false },
	{ "PBKDF2-SHA512", verify_pbkdf2, EVP_sha512, ENCODING_NONE, 0, false },
	{ "PLAIN", verify_plain, NULL, ENCODING_NONE, 0, true },
	{ "PLAIN-MD4", verify_md4, NULL, ENCODING_HEX, 16, true },
	{ "PLAIN-MD5", verify_unsalted, EVP_md5, ENCODING_HEX, 16, true },
	{ "PLAIN-TRUNC", verify_plain_trunc, NULL, ENCODING_NONE, 0, true },
	{ "SCRAM-SHA-1", verify_scram, EVP_sha1, ENCODING_NONE, 20, false },
	{ "SCRAM-SHA-256", verify_scram, EVP_sha256, ENCODING_NONE, 32, false },
	{ "SHA", verify_unsalted, EVP_sha1, ENCODING_BASE64, 20, true },
	{ "SHA1", verify_unsalted, EVP_sha1, ENCODING_BASE64, 20, true },
	{ "SHA256", verify_unsalted, EVP_sha256, ENCODING_BASE64, 32, true },
	{ "SHA256-CRYPT", verify_crypt, NULL, ENCODING_NONE, 0, false },
	{ "SHA512", verify_unsalted, EVP_sha512, ENCODING_BASE64, 64, true },
	{ "SHA512-CRYPT", verify_crypt, NULL, ENCODING_NONE, 0, false },
	{ "SMD5", verify_digest, EVP_md5, ENCODING_BASE64, 16, true },
	{ "SSHA", verify_digest, EVP_sha1, ENCODING_BASE64, 20, true },
	{ "SSHA256", verify_digest, EVP_sha256, ENCODING_BASE64, 32, true },
	{ "SSHA512", verify_digest, EVP_sha512, ENCODING_BASE64, 64, true },
};

static const struct {
	const char *suffix;
	enum encoding encoding;
} suffixes[] = {
	{ "HEX", ENCODING_HEX },
	{ "B64", ENCODING_BASE64 },
	{ "BASE64", ENCODING_BASE64 },
};

/* clang-format on */

static bool
span_equal_nocase(struct span a, const char *text)
{
	return strlen(text) == a.length &&
	       strncasecmp(a.data, text, a.length) == 0;
}

static bool
find_encoding(struct span suffix, enum encoding *encoding_out)
{
	for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
		if (!span_equal_nocase(suffix, suffixes[i].suffix))
			continue;
		*encoding_out = suffixes[i].encoding;
		return true;
	}
	return false;
}

/* Takes "{NAME.ENC}" off *text; *explicit_out tells that .ENC was there. */
static const struct scheme *
take_scheme(struct span *text, enum encoding *encoding_out, bool *explicit_out)
{
	struct span prefix = *text;
	struct span name;
	ptrdiff_t end = span_find(*text, '}');

	if (end < 2 || text->data[0] != '{')
		return NULL;
	prefix.data++;
	prefix.length = (size_t)end - 1;
	if (!span_split(&prefix, '.', &name))
		return NULL;
	*explicit_out = prefix.data != NULL;
	if (*explicit_out && !find_encoding(prefix, encoding_out))
		return NULL;
	for (size_t i = 0; i < ARRAY_LENGTH(schemes); i++) {
		if (!span_equal_nocase(name, schemes[i].name))
			continue;
		if (!*explicit_out)
			*encoding_out = schemes[i].encoding;
		text->data += end + 1;
		text->length -= (size_t)end + 1;
		return &schemes[i];
	}
	return NULL;
}

/* Hexadecimal and base64 are told apart by length when nothing says it. */
static int
decode(const struct scheme *scheme, enum encoding encoding, bool is_explicit,
	struct span text, char *out, size_t out_size, size_t *length_out)
{
	if (encoding == ENCODING_NONE) {
		if (text.length >= out_size)
			return -1;
		memcpy(out, text.data, text.length);
		*length_out = text.length;
		return 0;
	}
	if (!is_explicit)
		encoding = text.length == 2 * scheme->digest_bytes
				   ? ENCODING_HEX
				   : ENCODING_BASE64;
	if (encoding == ENCODING_HEX &&
		hex_decode(text, out, out_size, length_out) == 0)
		return 0;
	return base64_decode(text, out, out_size, length_out);
}

enum scheme_answer
scheme_verify(const char *stored, struct span password)
{
	struct span text = span_from(stored);
	char data[SCHEME_HASH_MAX + 1] = { 0 };
	char typed[SCHEME_PASSWORD_MAX + 1];
	enum encoding encoding;
	bool is_explicit;
	size_t length = 0;
	const struct scheme *scheme =
		take_scheme(&text, &encoding, &is_explicit);
	enum scheme_answer answer;

	if (scheme == NULL || text.length > SCHEME_HASH_MAX)
		return SCHEME_UNKNOWN;
	if (password.length > SCHEME_PASSWORD_MAX ||
		span_find(password, '\0') >= 0)
		return SCHEME_MISMATCH;
	if (decode(scheme, encoding, is_explicit, text, data, SCHEME_HASH_MAX,
		    &length) < 0)
		return SCHEME_UNKNOWN;
	if (password.length > 0)
		memcpy(typed, password.data, password.length);
	typed[password.length] = '\0';
	answer = scheme->verify(scheme,
		(struct span){ .data = data, .length = length }, typed,
		password.length);
	secret_wipe(typed, sizeof(typed));
	secret_wipe(data, sizeof(data));
	return answer;
}

static int
create_bcrypt(const char *password, size_t length UNUSED, struct strbuf *out)
{
	struct crypt_data *work = xmalloc(sizeof(*work));
	char salt[SALT_BYTES];
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	const char *hash = NULL;

	random_bytes(salt, sizeof(salt));
	if (crypt_gensalt_rn("$2y$", BCRYPT_COST, salt, sizeof(salt), setting,
		    sizeof(setting)) != NULL)
		hash = crypt_r(password, setting, work);
	if (hash != NULL && hash[0] != '*')
		strbuf_add_text(out, hash);
	else
		hash = NULL;
	secret_wipe(work, sizeof(*work));
	x_free(&work);
	return hash == NULL ? -1 : 0;
}

static int
create_argon2id(const char *password, size_t length, struct strbuf *out)
{
	char hash[crypto_pwhash_STRBYTES];

	if (sodium_init() < 0 ||
		crypto_pwhash_str_alg(hash, password, length, ARGON2_PASSES,
			(size_t)ARGON2_MEMORY_KIB * 1024,
			crypto_pwhash_ALG_ARGON2ID13) != 0)
		return -1;
	strbuf_add_text(out, hash);
	return 0;
}

static int
create_ssha256(const char *password, size_t length, struct strbuf *out)
{
	char salt[SALT_BYTES];
	unsigned char raw[EVP_MAX_MD_SIZE + SALT_BYTES];
	const size_t digest_bytes = 32;

	random_bytes(salt, sizeof(salt));
	if (digest_salted(EVP_sha256(), password, length,
		    (struct span){ .data = salt, .length = sizeof(salt) },
		    raw) < 0)
		return -1;
	memcpy(raw + digest_bytes, salt, sizeof(salt));
	base64_encode(out, raw, digest_bytes + sizeof(salt));
	return 0;
}

static const struct {
	const char *name;
	int (*create)(const char *password, size_t length, struct strbuf *out);
} creators[] = {
	{ "BLF-CRYPT", create_bcrypt },
	{ "ARGON2ID", create_argon2id },
	{ "SSHA256", create_ssha256 },
};

static int
create_with(size_t creator, struct span password, struct strbuf *out)
{
	char typed[SCHEME_PASSWORD_MAX + 1];
	int rc;

	memcpy(typed, password.data, password.length);
	typed[password.length] = '\0';
	strbuf_printf(out, "{%s}", creators[creator].name);
	rc = creators[creator].create(typed, password.length, out);
	secret_wipe(typed, sizeof(typed));
	return strbuf_overflowed(out) ? -1 : rc;
}

int
scheme_create(const char *scheme, struct span password, char *hash_out,
	size_t hash_size, struct err *err)
{
	struct strbuf text;
	size_t creator = 0;
	int rc;

	while (creator < ARRAY_LENGTH(creators) &&
		strcasecmp(creators[creator].name, scheme) != 0)
		creator++;
	if (creator == ARRAY_LENGTH(creators))
		return err_field(err, ERR_INVALID, "scheme",
			"passwords are not created with %s", scheme);
	if (password.length == 0 || password.length > SCHEME_PASSWORD_MAX ||
		span_find(password, '\0') >= 0)
		return err_field(err, ERR_INVALID, "password",
			"a password has 1 to %d bytes, none of them NUL",
			SCHEME_PASSWORD_MAX);
	strbuf_init(&text, SCHEME_HASH_MAX);
	rc = create_with(creator, password, &text);
	if (rc == 0 && text.length < hash_size)
		memcpy(hash_out, text.data, text.length + 1);
	else
		rc = err_set(
			err, ERR_SYSTEM, "creating a %s hash failed", scheme);
	strbuf_deinit(&text);
	return rc;
}

bool
scheme_is_hash(const char *text)
{
	struct span span = span_from(text);
	enum encoding encoding;
	bool is_explicit;

	return take_scheme(&span, &encoding, &is_explicit) != NULL;
}

bool
scheme_is_fast(const char *stored)
{
	struct span span = span_from(stored);
	enum encoding encoding;
	bool is_explicit;
	const struct scheme *scheme =
		take_scheme(&span, &encoding, &is_explicit);

	return scheme != NULL && scheme->fast;
}
