/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The escapes of Dovecot's line protocols (auth, dict): \001 followed by
 * one of 1 t n r 0 stands for \001, tab, line feed, carriage return, NUL.
 */
#ifndef DIRECTORY_TAB_ESCAPE_H
#define DIRECTORY_TAB_ESCAPE_H

#include <stddef.h>

#include "base/compiler.h"
#include "base/span.h"
#include "base/strbuf.h"

void tab_escape(struct strbuf *out, struct span text);
/*
 * Writes a NUL-terminated text. -1 for an unknown or unfinished escape, a
 * NUL in the result, or more than out_size - 1 bytes.
 */
MUST_CHECK int tab_unescape(struct span text, char *out, size_t out_size);

#endif
