/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: mail_keeper_parse() on any bytes. What it takes is a list
 * of whole fingerprints, none of them twice.
 */
#include <string.h>

#include "fuzz.h"
#include "model/mail_keeper.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mail_keeper_need need = { 0 };
	struct err err = { 0 };
	struct span text = { (const char *)data, size };
	int result = mail_keeper_parse(text, &need, &err);

	BUG_ON((result < 0) != (err.code != ERR_NONE));
	BUG_ON((result == 0) != (need.count > 0));
	BUG_ON(need.count > MAIL_KEEPER_MAX);
	for (size_t i = 0; i < need.count; i++) {
		BUG_ON(strspn(need.fingerprints[i], "0123456789abcdef") !=
			MAIL_KEY_FINGERPRINT - 1);
		for (size_t j = 0; j < i; j++)
			BUG_ON(strcmp(need.fingerprints[i],
				       need.fingerprints[j]) == 0);
	}
	return 0;
}
