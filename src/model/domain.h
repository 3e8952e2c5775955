/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Mail domains: their limits, the counters that are kept, their DKIM key.
 * A domain is added with everything it needs to sign mail, and removed
 * when no mailbox is left in it, or expressly with its mailboxes.
 */
#ifndef MODEL_DOMAIN_H
#define MODEL_DOMAIN_H

#include "model/model.h"

struct domain {
	int64_t id;
	const char *name;
	const char *description;
	bool active;
	int64_t max_mailboxes;
	int64_t max_aliases;
	int64_t default_quota; /* bytes, of a new mailbox */
	int64_t max_quota; /* bytes, of one mailbox */
	int64_t quota; /* bytes, of all mailboxes together */
	/* Who gets a copy of quota warnings, and whether they do now. */
	const char *const *quota_warning_bcc;
	bool quota_warning_bcc_active;
	int64_t mailboxes; /* kept: how many there are */
	int64_t aliases;
	int64_t quota_used; /* promised to mailboxes */
	int64_t created;
	int64_t modified;
};

extern const struct resource domain_resource;

/*
 * Begin with resource_defaults(&domain_resource, &domain), set what is
 * wanted, and the name in any spelling. out (may be NULL) gets the result.
 */
MUST_CHECK int domain_add(struct model *model, const struct domain *domain,
	struct domain *out, struct err *err);
/* Changes the fields of the mask given. */
MUST_CHECK int domain_edit(struct model *model, const char *name,
	const struct domain *change, uint64_t given, struct domain *out,
	struct err *err);
/* Its alias domains and aliases go with it; the DKIM key stays. */
MUST_CHECK int domain_remove(
	struct model *model, const char *name, struct err *err);
/* The same with its mailboxes, which can be brought back one by one. */
MUST_CHECK int domain_remove_all(struct model *model, const char *name,
	int64_t *mailboxes_out, struct err *err);
/* ERR_NOT_FOUND when there is none. */
MUST_CHECK int domain_load(struct model *model, const char *name,
	struct domain *out, struct err *err);

/* For the other modules: ERR_EXISTS when a domain or alias domain has it. */
MUST_CHECK int domain_name_free(
	struct model *model, const char *name, struct err *err);
/* Adds to the counters, inside a transaction. */
MUST_CHECK int domain_count_mailbox(struct model *model, int64_t id,
	int64_t mailboxes, int64_t bytes, struct err *err);
MUST_CHECK int domain_count_alias(
	struct model *model, int64_t id, int64_t aliases, struct err *err);

#endif
