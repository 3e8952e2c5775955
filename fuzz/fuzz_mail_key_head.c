/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: mail_key_head_parse() on the first bytes of any file.
 * A fingerprint is there only when it is said to be, and then is whole.
 */
#include <string.h>

#include "fuzz.h"
#include "model/mail_key.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char fingerprint[MAIL_KEY_FINGERPRINT] = "";
	struct span head = { (const char *)data, size };
	enum mail_key_head kind = mail_key_head_parse(head, fingerprint);
	size_t length = strspn(fingerprint, "0123456789abcdef");

	BUG_ON(kind == MAIL_KEY_HEAD_KNOWN ? length != MAIL_KEY_FINGERPRINT - 1
					   : fingerprint[0] != '\0');
	return 0;
}
