/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wiping and comparing are libsodium's: compilers must not drop them. */
#include "base/secret.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"

void
secret_set(struct secret *secret, const void *bytes, size_t length)
{
	char *copy = xmalloc(length + 1);
	if (length)
		memcpy(copy, bytes, length);
	secret_deinit(secret);
	secret->bytes = copy;
	secret->length = length;
}

void
secret_deinit(struct secret *secret)
{
	if (secret->bytes)
		sodium_memzero(secret->bytes, secret->length);
	x_free(&secret->bytes);
	secret->length = 0;
}

bool
secret_equal(const struct secret *a, const void *bytes, size_t length)
{
	if (a->length != length)
		return false;
	return length == 0 || sodium_memcmp(a->bytes, bytes, length) == 0;
}

void
secret_wipe(void *bytes, size_t length)
{
	sodium_memzero(bytes, length);
}
