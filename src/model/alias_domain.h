/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Alias domains: every mailbox of the target domain is reachable under the
 * alias domain's name too; aliases of its own win over that. They count
 * against the target's limit.
 */
#ifndef MODEL_ALIAS_DOMAIN_H
#define MODEL_ALIAS_DOMAIN_H

#include "model/domain.h"
#include "model/model.h"

struct alias_domain {
	int64_t id;
	const char *name;
	const char *target; /* a domain; set when added */
	int64_t domain_id;
	const char *description;
	bool active;
	int64_t created;
	int64_t modified;
};

extern const struct resource alias_domain_resource;

MUST_CHECK int alias_domain_add(struct model *model,
	const struct alias_domain *alias_domain, struct alias_domain *out,
	struct err *err);
MUST_CHECK int alias_domain_edit(struct model *model, const char *name,
	const struct alias_domain *change, uint64_t given,
	struct alias_domain *out, struct err *err);
/* Its aliases go with it. */
MUST_CHECK int alias_domain_remove(
	struct model *model, const char *name, struct err *err);
MUST_CHECK int alias_domain_load(struct model *model, const char *name,
	struct alias_domain *out, struct err *err);
/* All of a domain that is being removed, inside its transaction. */
MUST_CHECK int alias_domain_remove_all(
	struct model *model, const struct domain *domain, struct err *err);

/* Called with each name; -1 ends. */
typedef int alias_domain_name_fn(
	void *context, const char *name, struct err *err);
/* Names of all alias domains of a domain. */
MUST_CHECK int alias_domain_names(struct model *model, int64_t domain_id,
	alias_domain_name_fn *name_fn, void *context, struct err *err);

#endif
