/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes that must not leak: no format prints them, they are wiped when
 * freed and compared in constant time.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/span.h"

struct secret {
	char *bytes; /* NUL-terminated behind length */
	size_t length;
};

void secret_set(struct secret *secret, const void *bytes, size_t length);
void secret_deinit(struct secret *secret); /* wipes; accepts zeroed */
bool secret_equal(const struct secret *a, const void *bytes, size_t length);
void secret_wipe(void *bytes, size_t length); /* for stack buffers */

#endif
