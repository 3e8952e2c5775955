/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unpredictable bytes from getrandom(2); ends the process if it fails. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stddef.h>

void random_bytes(void *out, size_t length);
/* 2 * bytes lower-case hex digits and a NUL: out holds 2 * bytes + 1. */
void random_hex(char *out, size_t bytes);
/* length characters of [A-Za-z0-9] without 0OIl1, and a NUL. */
void random_password(char *out, size_t length);

#endif
