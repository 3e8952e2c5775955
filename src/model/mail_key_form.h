/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The keys of mail at rest in Dovecot's own form. OpenSSL needs 0.4 ms to
 * read a key in PEM, and Dovecot reads its keys several times for each
 * message; this form costs next to nothing.
 *
 * The files are in R/run/mailherd/mail-keys, which only vmail enters, with the
 * names of the keys they are made from. They are no truth: whatever is not
 * as the PEM file says is made anew, and nothing is ever read from them
 * here. mailherd-check-keys sees to it before each start of Dovecot and
 * before each check of its configuration.
 */
#ifndef MODEL_MAIL_KEY_FORM_H
#define MODEL_MAIL_KEY_FORM_H

#include "model/mail_key.h"

#define MAIL_KEY_FORM_MAX 1024 /* of a key of any curve, with its NUL */

void mail_key_form_path(
	const struct paths *paths, size_t index, char path_out[PATHS_MAX]);
/* The public half of the main key. */
void mail_key_form_public_path(
	const struct paths *paths, char path_out[PATHS_MAX]);
void mail_key_form_directory(
	const struct paths *paths, char path_out[PATHS_MAX]);

/* Both halves of a private key in PEM. */
MUST_CHECK int mail_key_form_write(struct span pem, struct secret *private_out,
	struct secret *public_out, struct err *err);

/* Makes the directory, as root. */
MUST_CHECK int mail_key_form_prepare(
	const struct paths *paths, struct err *err);
/* As vmail: makes anew what differs from the keys, removes what has none. */
MUST_CHECK int mail_key_form_refresh(
	const struct paths *paths, struct err *err);

#endif
