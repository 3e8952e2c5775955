/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Has quota warnings delivered, one after another: Dovecot is asked to
 * run mailherd-quota-warning (its service quota-warning) for one mailbox
 * and part, which asks back by dict what to write. A part that is delivered
 * is struck out in usage.db, one that fails is tried again for ever, at
 * growing distances. So a warning survives the death of everybody, and
 * who dies between a delivery and its striking out causes a second one.
 */
#ifndef DIRECTORY_QUOTA_WARNER_H
#define DIRECTORY_QUOTA_WARNER_H

#include <stdint.h>

#include "base/err.h"
#include "base/strbuf.h"

struct directory;
struct quota_warner;

struct quota_warner *quota_warner_new(struct directory *directory);
void quota_warner_free(struct quota_warner **warner);
/* usage_bytes_fn of this module; context is the warner. */
int quota_warner_bytes(
	void *context, int64_t mailbox_id, int64_t bytes, struct err *err);

/*
 * What there is to write to a mailbox, as one JSON object without line
 * ends: 1, 0 nothing is left to deliver, -1.
 */
MUST_CHECK int quota_warner_describe(struct directory *directory,
	int64_t mailbox_id, struct strbuf *out, struct err *err);

#endif
