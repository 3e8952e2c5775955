/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Aliases: an address, or "@example.org" for everything in a domain that
 * has no address of its own, and where its mail goes: mailboxes, other
 * aliases, addresses elsewhere, or the word null, which discards it.
 */
#ifndef MODEL_ALIAS_H
#define MODEL_ALIAS_H

#include "model/model.h"

#define ALIAS_TARGET_NULL "null"

struct alias {
	int64_t id;
	const char *address;
	int64_t domain_id; /* whose limit counts it */
	int64_t alias_domain_id; /* 0, or the alias domain it is in */
	const char *const *targets; /* NULL-ended, in their order */
	bool active;
	bool sender_allowed;
	bool internal;
	const char *private_comment;
	const char *public_comment;
	int64_t created;
	int64_t modified;
};

extern const struct resource alias_resource;

/* Its own address among several targets is left out. */
MUST_CHECK int alias_add(struct model *model, const struct alias *alias,
	struct alias *out, struct err *err);
/* Targets in the mask replace all; its own address there is an error. */
MUST_CHECK int alias_edit(struct model *model, const char *address,
	const struct alias *change, uint64_t given, struct alias *out,
	struct err *err);
MUST_CHECK int alias_remove(
	struct model *model, const char *address, struct err *err);
MUST_CHECK int alias_load(struct model *model, const char *address,
	struct alias *out, struct err *err);

/*
 * For the other modules, inside a transaction. ERR_EXISTS when address is
 * a mailbox or an alias, also when seen through alias domains of domain_id.
 */
MUST_CHECK int alias_address_free(struct model *model, const char *address,
	int64_t domain_id, struct err *err);
/* Takes a removed mailbox out of all targets; empty aliases go. */
MUST_CHECK int alias_forget_target(
	struct model *model, const char *address, struct err *err);
/* The same, also where it is named by an alias domain of its domain. */
MUST_CHECK int alias_forget_mailbox(struct model *model, const char *address,
	int64_t domain_id, struct err *err);

#endif
