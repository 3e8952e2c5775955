/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mailherd-directory says about a warning that is to be delivered:
 * asked on the vmail socket by Dovecot's dict protocol (directory/dict.h),
 * answered with one JSON object (directory/quota_warner.h).
 */
#ifndef WARNING_FACTS_H
#define WARNING_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"

#define FACTS_REPLY_MAX (64 * 1024)
#define FACTS_COPIES_MAX 20

/* Addresses are printable ASCII without blanks; texts are UTF-8. */
struct facts {
	const char *address;
	const char *sender; /* "": the domain's postmaster */
	const char *subject; /* templates */
	const char *text;
	const char *copies[FACTS_COPIES_MAX + 1]; /* NULL-ended */
	int64_t mailbox_id;
	int64_t level; /* percent, one of quota.warnings */
	int64_t used; /* bytes */
	int64_t quota; /* bytes */
	int64_t at; /* Unix time of the warning */
};

/* 1 with the facts, 0 there is nothing to deliver (any more), -1. */
MUST_CHECK int facts_ask(const char *socket_path, int64_t mailbox_id,
	int deadline_ms, struct arena *arena, struct facts *facts_out,
	struct err *err);
/* The JSON object alone. */
MUST_CHECK int facts_parse(struct span json, struct arena *arena,
	struct facts *facts_out, struct err *err);

#endif
