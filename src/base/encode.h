/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 (RFC 4648, with padding) and hexadecimal, both ways, strict. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"
#include "base/strbuf.h"

void base64_encode(struct strbuf *out, const void *data, size_t length);
/* Padding may be missing. -1 on any foreign byte or when out is too small. */
MUST_CHECK int base64_decode(
	struct span text, void *out, size_t out_size, size_t *length_out);
void hex_encode(struct strbuf *out, const void *data, size_t length);
MUST_CHECK int hex_decode(
	struct span text, void *out, size_t out_size, size_t *length_out);

#endif
