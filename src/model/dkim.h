/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * DKIM keys (RFC 6376): made with the domain, private part sealed. A key
 * outlives its domain, because its DNS record does: a domain that is added
 * again signs with the key that is published already.
 */
#ifndef MODEL_DKIM_H
#define MODEL_DKIM_H

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "model/model.h"
#include "store/db.h"

#define DKIM_SELECTOR "dkim"

struct dkim_key {
	const char *domain;
	const char *selector;
	const char *algorithm; /* "rsa" */
	int64_t bits;
	const char *public_base64; /* p= */
	struct span private_sealed;
};

/* A key that was made but not stored; empty when the domain has one. */
struct dkim_draft {
	struct dkim_key key;
	bool needed;
};

/* Makes a key unless one is stored. Slow: not inside a transaction. */
MUST_CHECK int dkim_draft(struct model *model, const char *domain,
	struct dkim_draft *draft_out, struct err *err);
void dkim_draft_deinit(struct dkim_draft *draft);
/* Inside the domain's transaction: stores it and queues dkim.project. */
MUST_CHECK int dkim_store(struct model *model, const char *domain,
	const struct dkim_draft *draft, struct err *err);

/* Of a domain or alias domain of this server: 1, 0 none, -1. */
MUST_CHECK int dkim_find(struct db *core, const char *domain,
	struct arena *arena, struct dkim_key *key_out, struct err *err);
typedef int dkim_key_fn(
	void *context, const struct dkim_key *key, struct err *err);
/* Each key of a domain that is here, in the order of domains. */
MUST_CHECK int dkim_each(
	struct db *core, dkim_key_fn *key_fn, void *context, struct err *err);
/* The private key as PEM; seal is the key from seal_load(). */
MUST_CHECK int dkim_unseal(const struct dkim_key *key,
	const struct secret *seal, struct secret *pem_out, struct err *err);
/* Value of the TXT record at <selector>._domainkey.<domain>. */
const char *dkim_record(const struct dkim_key *key, struct arena *arena);

#endif
