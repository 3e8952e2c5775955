/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Password schemes: "{SCHEME}data" as Dovecot writes it. We create
 * BLF-CRYPT, ARGON2ID and, for random app passwords, SSHA256; we verify
 * everything that migrations bring. Pure functions, fit for a thread.
 */
#ifndef AUTH_SCHEME_H
#define AUTH_SCHEME_H

#include <stdbool.h>

#include "base/err.h"
#include "base/span.h"

#define SCHEME_PASSWORD_MAX 1024 /* bytes of a password that we look at */
#define SCHEME_HASH_MAX 1024

enum scheme_answer {
	SCHEME_MATCH,
	SCHEME_MISMATCH,
	SCHEME_UNKNOWN,
	SCHEME_FAILED
};

/* UNKNOWN: no or foreign prefix; FAILED: memory for the hash was refused. */
enum scheme_answer scheme_verify(const char *stored, struct span password);
/* scheme: "BLF-CRYPT", "ARGON2ID" or "SSHA256". */
MUST_CHECK int scheme_create(const char *scheme, struct span password,
	char *hash_out, size_t hash_size, struct err *err);
/* True when text begins with a {SCHEME} that scheme_verify() knows. */
bool scheme_is_hash(const char *text);
/* Microseconds-class schemes need no queue. */
bool scheme_is_fast(const char *stored);

#endif
