/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where the mail of removed mailboxes lies: <vmail>/.garbage/<store id>.
 *
 * A home goes there by one exchange of names with an empty file, the mark,
 * which then stands in the home's place. So there is no moment in which
 * the home is in neither place, and a delivery that began before the
 * removal can not make a new home under the old name: it fails for now,
 * and is refused for good at its next try. A mailbox that is brought back
 * is behind its mark until the exchange the other way round, so what
 * arrives meanwhile waits in the queue.
 *
 * Every operation may be repeated, also after it was killed at any point.
 * One process at a time: garbage_area_open() waits for the others.
 */
#ifndef AGENT_GARBAGE_AREA_H
#define AGENT_GARBAGE_AREA_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

#define GARBAGE_AREA_NAME ".garbage"
#define GARBAGE_STORE_ID_LENGTH 32

struct garbage_area {
	int vmail; /* the caller's */
	int garbage;
	const char *index; /* directory of all indexes; the caller's */
};

static inline bool
garbage_is_store_id(const char *text)
{
	return strlen(text) == GARBAGE_STORE_ID_LENGTH &&
	       strspn(text, "0123456789abcdef") == GARBAGE_STORE_ID_LENGTH;
}

/* "<time>_<store id>", as version 0.1 named what it moved. */
bool garbage_is_earlier(const char *name);

/* Makes the area where there is none. */
MUST_CHECK int garbage_area_open(struct garbage_area *area, int vmail,
	const char *index, struct err *err);
/* Lets the next one in; garbage_measure() and garbage_list() go on. */
void garbage_area_unlock(struct garbage_area *area);
void garbage_area_close(struct garbage_area *area);

/* Home to garbage. Its index is dropped: it can be made again. */
MUST_CHECK int garbage_keep(
	struct garbage_area *area, const char *store_id, struct err *err);
/* Garbage to home. Without mail there the mark goes, nothing else. */
MUST_CHECK int garbage_return(
	struct garbage_area *area, const char *store_id, struct err *err);
/* Deletes home, mail, mark and index, at most for so long: then *more. */
MUST_CHECK int garbage_purge(struct garbage_area *area, const char *store_id,
	int budget_ms, bool *more_out, struct err *err);
/* Deletes an entry of version 0.1: it has no home, mark or index. */
MUST_CHECK int garbage_drop(struct garbage_area *area, const char *name,
	int budget_ms, bool *more_out, struct err *err);
/* Bytes on disk; -1 when that is not known within the time. */
int64_t garbage_measure(
	struct garbage_area *area, const char *store_id, int budget_ms);

typedef void garbage_entry_fn(const char *name, void *context);
/*
 * Names in the order of strcmp(), behind after, at most so many; none with
 * other characters than those of ASCII that can be seen.
 */
MUST_CHECK int garbage_list(struct garbage_area *area, const char *after,
	int count_max, garbage_entry_fn *entry, void *context, struct err *err);

#endif
