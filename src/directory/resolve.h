/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One step of a look-up: which row an address stands for, by the order of
 * lookup.h. Private to lookup.c and expand.c; following aliases is
 * expand.c's business.
 */
#ifndef DIRECTORY_RESOLVE_H
#define DIRECTORY_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "directory/lookup.h"
#include "directory/lookup_sql.h"

#define DOMAIN_SLOTS 256

/* A domain that was asked for, absent ones too, until the data change. */
struct domain_slot {
	int found; /* as lookup_sql_domain() said */
	char name[DOMAIN_MAX]; /* "": empty slot */
	struct lookup_domain domain;
};

struct expansion;

struct lookup {
	struct db *core;
	bool is_open; /* a snapshot */
	int64_t data_version;
	struct arena *arena; /* of one request */
	struct expansion *expansion; /* of one request */
	struct domain_slot domains[DOMAIN_SLOTS];
};

enum resolved_kind {
	RESOLVED_FOREIGN, /* not a domain of ours, or switched off */
	RESOLVED_UNKNOWN, /* nobody, in a domain of ours */
	RESOLVED_OFF, /* somebody who is switched off */
	RESOLVED_MAILBOX,
	RESOLVED_ALIAS
};

struct resolved {
	enum resolved_kind kind;
	char detail[ADDRESS_LOCAL_MAX * 4]; /* "+x" to be kept, or "" */
	struct lookup_row row;
	char address[ADDRESS_MAX]; /* of the row */
};

/*
 * Canonical form of what a peer sent: lower case, A-labels. 0, or -1 when
 * it cannot be an address.
 */
int resolve_fold(struct span text, char address_out[ADDRESS_MAX]);
/* 1 active, 0 not ours, -1 err. The slot lives until the next call. */
MUST_CHECK int resolve_domain(struct lookup *lookup, const char *name,
	const struct lookup_domain **domain_out, struct err *err);
/* address is canonical. 0, or -1 err. */
MUST_CHECK int resolve_address(struct lookup *lookup, const char *address,
	struct resolved *resolved_out, struct err *err);
/* Of a resolved RESOLVED_MAILBOX. */
void resolve_mailbox(
	const struct resolved *resolved, struct lookup_mailbox *mailbox_out);

#endif
