/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys of mail at rest (mail_key.h) as root's commands see them: they
 * are made, told apart and put into place here. Bytes of keys are parsed
 * by a child that has become vmail, whose files they are.
 */
#ifndef CLI_MAIL_KEYS_H
#define CLI_MAIL_KEYS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "model/mail_key.h"

struct mail_keys {
	/* "" where there is no key, or none that can be used */
	char fingerprints[MAIL_KEY_COUNT][MAIL_KEY_FINGERPRINT];
	/* Why the first that can not be used can not be; "" for none. */
	char fault[512];
};

/* Fingerprints of the keys that are there. -1 only when nobody could look. */
MUST_CHECK int mail_keys_look(
	const struct paths *paths, struct mail_keys *out, struct err *err);
/*
 * Makes the main key where there is none, and its public half where that
 * is none of it. ERR_CORRUPT when mail here is encrypted: a new key
 * would only hide that the old one is lost.
 */
MUST_CHECK int mail_keys_ensure(
	const struct paths *paths, bool *made_out, struct err *err);
/* Whether that would go well; nothing is changed. */
MUST_CHECK int mail_keys_judge(const struct paths *paths, struct err *err);
/* The fingerprint of bytes that are to become a key. */
MUST_CHECK int mail_keys_identify(const struct paths *paths, struct span pem,
	char fingerprint_out[MAIL_KEY_FINGERPRINT], struct err *err);
/* Writes a key's file where there is none: ERR_EXISTS. */
MUST_CHECK int mail_keys_put(const struct paths *paths, size_t index,
	struct span pem, struct err *err);

#endif
