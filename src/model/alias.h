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
/* Told of each alias that loses a target, as it was before. */
typedef int alias_lost_fn(
	void *context, const struct alias *alias, struct err *err);

struct alias_forget {
	alias_lost_fn *lost;
	void *context;
};

/*
 * Takes a removed mailbox out of all targets, also where it is named by an
 * alias domain of its domain; empty aliases go.
 */
MUST_CHECK int alias_forget_mailbox(struct model *model, const char *address,
	int64_t domain_id, const struct alias_forget *forget, struct err *err);

enum alias_regained {
	ALIAS_REGAINED, /* the target, or the alias with it, is there again */
	ALIAS_HAD_IT, /* nothing was to be done */
	ALIAS_REFUSED /* why_out says why; nothing was changed */
};

/*
 * The other way round: gives target back to an alias that lost it, and
 * makes the alias again, with this one target, where it is gone.
 */
MUST_CHECK int alias_regain(struct model *model, const struct alias *alias,
	const char *target, enum alias_regained *regained_out,
	struct err *why_out, struct err *err);

#endif
