/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: the line protocol between Dovecot's Lua and the judge,
 * escapes and base64 included.
 */
#include "directory/login_line.h"
#include "fuzz_login.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_login_conversation(&login_line_protocol, "", data, size);
	return 0;
}
