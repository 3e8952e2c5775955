/* SPDX-License-Identifier: GPL-3.0-or-later */
/* getrandom(2) without flags: blocks only before the pool is seeded. */
#include "base/random.h"

#include <errno.h>
#include <sys/random.h>

#include "base/compiler.h"

/* What people read aloud and type: no 0 O I l 1. */
static const char PASSWORD_ALPHABET[] =
	"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

void
random_bytes(void *out, size_t length)
{
	char *at = out;
	while (length > 0) {
		ssize_t got = getrandom(at, length, 0);
		if (got < 0 && errno == EINTR)
			continue;
		BUG_ON(got <= 0);
		at += got;
		length -= (size_t)got;
	}
}

void
random_hex(char *out, size_t bytes)
{
	static const char DIGITS[] = "0123456789abcdef";
	for (size_t i = 0; i < bytes; i++) {
		unsigned char byte;
		random_bytes(&byte, 1);
		out[2 * i] = DIGITS[byte >> 4];
		out[2 * i + 1] = DIGITS[byte & 15];
	}
	out[2 * bytes] = '\0';
}

/* A byte of the alphabet; bytes that would favour its start are redrawn. */
static char
random_letter(void)
{
	const unsigned count = sizeof(PASSWORD_ALPHABET) - 1;
	unsigned char byte;
	do {
		random_bytes(&byte, 1);
	} while (byte >= 256 / count * count);
	return PASSWORD_ALPHABET[byte % count];
}

void
random_password(char *out, size_t length)
{
	for (size_t i = 0; i < length; i++)
		out[i] = random_letter();
	out[length] = '\0';
}
