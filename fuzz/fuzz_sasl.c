/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: the server side of Dovecot's authentication protocol
 * with its mechanisms, from what Postfix sends to the judge's verdict.
 */
#include "directory/sasl.h"
#include "fuzz_login.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_login_conversation(
		&sasl_protocol, "VERSION\t1\t2\nCPID\t1\n", data, size);
	return 0;
}
