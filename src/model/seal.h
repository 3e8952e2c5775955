/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Secrets that must be readable again, kept in core.db as libsodium secret
 * boxes. The key is secrets/seal, owned by the database's user; the context
 * ("dkim:example.org:dkim") is part of the key, so that a box copied to
 * another row does not open.
 */
#ifndef MODEL_SEAL_H
#define MODEL_SEAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "base/secret.h"

#define SEAL_PLAIN_MAX (64 * 1024)

/* Reads secrets/seal (any 32 or more random bytes). */
MUST_CHECK int seal_load(
	const struct paths *paths, struct secret *key_out, struct err *err);
MUST_CHECK int seal_wrap(const struct secret *key, const char *context,
	struct span plain, struct arena *arena, struct span *sealed_out,
	struct err *err);
/* ERR_CORRUPT: another key, another context, or damaged. */
MUST_CHECK int seal_unwrap(const struct secret *key, const char *context,
	struct span sealed, struct secret *plain_out, struct err *err);

#endif
