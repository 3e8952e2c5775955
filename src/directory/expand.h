/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Follows an alias to its final recipients, each named once. Target rules:
 * a mailbox (with the +detail of the request, unless the target has one of
 * its own), an address outside, LOOKUP_NULL_ADDRESS for "null" when nothing
 * else is left. Targets that are switched off are left out. When no target
 * is left that can receive, the alias is not found: better refused at RCPT
 * than bounced.
 */
#ifndef DIRECTORY_EXPAND_H
#define DIRECTORY_EXPAND_H

#include "directory/resolve.h"

struct expansion {
	struct lookup *lookup;
	bool for_sender; /* only through aliases whose targets may send */
	const char *finals[LOOKUP_TARGETS_MAX]; /* in the lookup's arena */
	uint32_t hashes[LOOKUP_TARGETS_MAX];
	size_t final_count;
	size_t mailbox_count; /* of the finals */
	size_t live_count; /* finals that are not known to fail */
	bool null_seen;
	struct lookup_mailbox last_mailbox;
	int64_t aliases[LOOKUP_TARGETS_MAX]; /* ids entered */
	bool alias_open[LOOKUP_TARGETS_MAX];
	size_t alias_count;
	int steps; /* targets that were looked at, repeated ones too */
};

/* The lookup's own, emptied; the addresses live in the lookup's arena. */
struct expansion *expansion_begin(struct lookup *lookup, bool for_sender);
/* resolved is RESOLVED_ALIAS. 0, or -1: LOOKUP_TEMP, why in err. */
MUST_CHECK int expand_alias(struct expansion *expansion,
	const struct resolved *resolved, struct err *err);

#endif
