/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RSA keys by OpenSSL; the private PEM is in clear only inside make_pair(). */
#include "model/dkim.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/strbuf.h"
#include "model/core_sql.h"
#include "model/outbox.h"
#include "model/seal.h"
#include "model/setting.h"

#define PUBLIC_MAX 4096
#define CONTEXT_MAX 512

static const char *
seal_context(const char *domain, const char *selector, struct arena *arena)
{
	return arena_printf(arena, "dkim:%s:%s", domain, selector);
}

static int
write_public(EVP_PKEY *pair, struct arena *arena, const char **base64_out)
{
	unsigned char *der = NULL;
	int length = i2d_PUBKEY(pair, &der);
	struct strbuf text;

	if (length <= 0)
		return -1;
	strbuf_init(&text, PUBLIC_MAX);
	base64_encode(&text, der, (size_t)length);
	*base64_out = arena_strdup(arena, text.data);
	strbuf_deinit(&text);
	OPENSSL_free(der);
	return 0;
}

static int
write_private(EVP_PKEY *pair, struct secret *pem_out)
{
	BIO *memory = BIO_new(BIO_s_secmem());
	char *data;
	long length;
	int status = -1;

	if (memory != NULL && PEM_write_bio_PrivateKey(memory, pair, NULL, NULL,
				      0, NULL, NULL) == 1) {
		length = BIO_get_mem_data(memory, &data);
		secret_set(pem_out, data, (size_t)length);
		status = 0;
	}
	(void)BIO_free(memory);
	return status;
}

static int
make_pair(struct model *model, struct dkim_key *key, struct err *err)
{
	EVP_PKEY *pair = EVP_RSA_gen((size_t)key->bits);
	struct secret pem = { 0 };
	int status = -1;

	if (pair == NULL ||
		write_public(pair, model->arena, &key->public_base64) != 0 ||
		write_private(pair, &pem) != 0)
		(void)err_set(err, ERR_SYSTEM, "making a DKIM key failed");
	else
		status = seal_wrap(&model->seal,
			seal_context(key->domain, key->selector, model->arena),
			(struct span){ pem.bytes, pem.length }, model->arena,
			&key->private_sealed, err);
	secret_deinit(&pem);
	EVP_PKEY_free(pair);
	return status;
}

static int
key_exists(struct model *model, const char *domain, struct err *err)
{
	struct db_query q = db_query(model->core, &DKIM_SQL[DKIM_EXISTS]);
	int got;

	db_bind_text(&q, 1, domain);
	got = db_step(&q, err);
	db_finish(&q);
	return got;
}

int
dkim_draft(struct model *model, const char *domain,
	struct dkim_draft *draft_out, struct err *err)
{
	struct dkim_draft draft = { 0 };
	int got = key_exists(model, domain, err);

	if (got == 0) {
		draft.needed = true;
		draft.key.domain = arena_strdup(model->arena, domain);
		draft.key.selector = DKIM_SELECTOR;
		draft.key.algorithm = "rsa";
		if (setting_number(model->core, SETTING_DKIM_BITS,
			    &draft.key.bits, err) != 0 ||
			make_pair(model, &draft.key, err) != 0)
			return -1;
	}
	*draft_out = draft;
	return got < 0 ? -1 : 0;
}

void
dkim_draft_deinit(struct dkim_draft *draft)
{
	/* Sealed and in the arena: nothing in clear is left to wipe. */
	*draft = (struct dkim_draft){ 0 };
}

static int
insert_key(struct model *model, const struct dkim_key *key, struct err *err)
{
	struct db_query q = db_query(model->core, &DKIM_SQL[DKIM_INSERT]);

	db_bind_text(&q, 1, key->domain);
	db_bind_text(&q, 2, key->selector);
	db_bind_text(&q, 3, key->algorithm);
	db_bind_number(&q, 4, key->bits);
	db_bind_text(&q, 5, key->public_base64);
	db_bind_bytes(
		&q, 6, key->private_sealed.data, key->private_sealed.length);
	db_bind_number(&q, 7, clock_wall_seconds());
	return db_run(&q, err);
}

int
dkim_store(struct model *model, const char *domain,
	const struct dkim_draft *draft, struct err *err)
{
	int got = key_exists(model, domain, err);

	if (got < 0)
		return -1;
	if (got == 0 && draft->needed &&
		insert_key(model, &draft->key, err) != 0)
		return -1;
	return outbox_add_text(
		model->core, "dkim.project", "domain", domain, err);
}

static void
read_key(struct db_query *q, struct arena *arena, struct dkim_key *key_out)
{
	size_t length;
	const void *sealed = db_bytes(q, 5, &length);
	char *copy = arena_alloc(arena, length + 1);

	memcpy(copy, sealed, length);
	*key_out = (struct dkim_key){
		.domain = arena_strdup(arena, db_text(q, 0)),
		.selector = arena_strdup(arena, db_text(q, 1)),
		.algorithm = arena_strdup(arena, db_text(q, 2)),
		.bits = db_number(q, 3),
		.public_base64 = arena_strdup(arena, db_text(q, 4)),
		.private_sealed = { copy, length },
	};
}

int
dkim_find(struct db *core, const char *domain, struct arena *arena,
	struct dkim_key *key_out, struct err *err)
{
	struct db_query q = db_query(core, &DKIM_SQL[DKIM_FIND]);
	int got;

	db_bind_text(&q, 1, domain);
	got = db_step(&q, err);
	if (got == 1)
		read_key(&q, arena, key_out);
	db_finish(&q);
	return got;
}

/* One row after the last domain: 1, 0 end, -1. */
static int
next_key(struct db *core, const char *after, struct arena *arena,
	struct dkim_key *key_out, struct err *err)
{
	struct db_query q = db_query(core, &DKIM_SQL[DKIM_LIST]);
	int got;

	db_bind_text(&q, 1, after);
	db_bind_number(&q, 2, 1);
	got = db_step(&q, err);
	if (got == 1)
		read_key(&q, arena, key_out);
	db_finish(&q);
	return got;
}

int
dkim_each(struct db *core, dkim_key_fn *key_fn, void *context, struct err *err)
{
	struct arena *arena = arena_new();
	struct strbuf after;
	struct dkim_key key;
	int got;

	strbuf_init(&after, CONTEXT_MAX);
	while ((got = next_key(core, after.data, arena, &key, err)) == 1) {
		strbuf_reset(&after);
		strbuf_add_text(&after, key.domain);
		if (key_fn(context, &key, err) != 0) {
			got = -1;
			break;
		}
		arena_reset(arena);
	}
	strbuf_deinit(&after);
	arena_free(&arena);
	return got;
}

int
dkim_unseal(const struct dkim_key *key, const struct secret *seal,
	struct secret *pem_out, struct err *err)
{
	struct arena *arena = arena_new();
	int status = seal_unwrap(seal,
		seal_context(key->domain, key->selector, arena),
		key->private_sealed, pem_out, err);

	arena_free(&arena);
	return status;
}

const char *
dkim_record(const struct dkim_key *key, struct arena *arena)
{
	return arena_printf(arena, "v=DKIM1;k=%s;t=s;s=email;p=%s",
		key->algorithm, key->public_base64);
}
