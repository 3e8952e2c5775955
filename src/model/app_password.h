/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * App passwords: further passwords of a mailbox, one per device, each with
 * its own rights. They are random and long, so a fast hash keeps them.
 */
#ifndef MODEL_APP_PASSWORD_H
#define MODEL_APP_PASSWORD_H

#include "model/model.h"

#define APP_PASSWORD_LENGTH 24
#define APP_PASSWORD_COUNT_MAX 64 /* of one mailbox */

struct app_password {
	int64_t id;
	int64_t mailbox_id;
	const char *mailbox; /* address; set when added */
	const char *name;
	bool active;
	bool imap;
	bool pop3;
	bool smtp;
	bool sieve;
	bool dav;
	bool eas;
	const char *hash; /* "{SCHEME}hash" */
	int64_t created;
	int64_t modified;
};

extern const struct resource app_password_resource;

MUST_CHECK int app_password_add(struct model *model,
	const struct app_password *app_password, struct app_password *out,
	struct err *err);
/* id as text; less rights or a switch-off end the mailbox's sessions. */
MUST_CHECK int app_password_edit(struct model *model, const char *id,
	const struct app_password *change, uint64_t given,
	struct app_password *out, struct err *err);
MUST_CHECK int app_password_remove(
	struct model *model, const char *id, struct err *err);

#endif
