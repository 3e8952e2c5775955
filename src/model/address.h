/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail addresses and domain names: validation and the one canonical form
 * that is stored and looked up (lower case, domain as A-labels, UTS 46).
 * RFC 5321 4.1.2 without quoted local parts; RFC 5890 for domains.
 */
#ifndef MODEL_ADDRESS_H
#define MODEL_ADDRESS_H

#include <stdbool.h>

#include "base/err.h"

#define ADDRESS_MAX 320 /* with NUL */
#define ADDRESS_LOCAL_MAX 64
#define DOMAIN_MAX 256

/* field names the member in err. */
MUST_CHECK int address_domain(const char *text, const char *field,
	char domain_out[DOMAIN_MAX], struct err *err);
/* catch_all allows an empty local part ("@example.org"). */
MUST_CHECK int address_canonical(const char *text, bool catch_all,
	const char *field, char address_out[ADDRESS_MAX], struct err *err);
/* The part behind '@' of a canonical address. */
const char *address_domain_part(const char *address);

#endif
