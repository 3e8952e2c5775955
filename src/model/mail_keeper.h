/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which keys the mail of this instance needs. The file mail-crypt.keys, in
 * the directory of all mail so that it is saved and put back with it, has a
 * line for each key with which mail here may be encrypted. It is written
 * before Dovecot starts with a key; where it is missing, the heads of
 * some messages of each folder are read instead.
 *
 * mail_keeper_check() says whether Dovecot may start: not when a key that
 * mail needs is missing, damaged or another. It would go on with what it
 * has, and encrypt new mail with a key of which nobody keeps a copy.
 *
 * All of it is done as vmail, whose files these are; keys are never
 * written here.
 */
#ifndef MODEL_MAIL_KEEPER_H
#define MODEL_MAIL_KEEPER_H

#include "model/mail_key.h"

#define MAIL_KEEPER_RECORD "mail-crypt.keys" /* below the mail's directory */
#define MAIL_KEEPER_MAX 32 /* keys in a record */

struct mail_keeper_need {
	char fingerprints[MAIL_KEEPER_MAX][MAIL_KEY_FINGERPRINT];
	size_t count;
	/* There is encrypted mail, though it may not name a key. */
	bool encrypted;
};

/* Reads the record: 1, 0 there is none, -1 and err. */
MUST_CHECK int mail_keeper_read(const struct paths *paths,
	struct mail_keeper_need *need_out, struct err *err);
/* Parses a record's text; -1 and err name the line that is none of ours. */
MUST_CHECK int mail_keeper_parse(
	struct span text, struct mail_keeper_need *need_out, struct err *err);
/* What the mail needs: by the record or, where there is none, by its heads. */
MUST_CHECK int mail_keeper_find(const struct paths *paths,
	struct mail_keeper_need *need_out, struct err *err);
/*
 * 0: Dovecot may start, and the record says so. encrypting: new mail will
 * be encrypted. err has cause and remedy.
 */
MUST_CHECK int mail_keeper_check(
	const struct paths *paths, bool encrypting, struct err *err);

#endif
