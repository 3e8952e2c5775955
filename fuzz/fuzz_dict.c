/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: the server side of Dovecot's dict protocol: look-ups,
 * iterations, transactions and what they write.
 */
#include "directory/dict.h"
#include "fuzz_login.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_login_conversation(&dict_protocol, "", data, size);
	return 0;
}
