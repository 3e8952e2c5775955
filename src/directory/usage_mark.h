/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether the numbers of quota in usage.db can be believed. While a
 * directory has the file, it is marked as running; a clean end takes the
 * mark away, behind the last report. Whoever finds the mark, or another
 * file in the place of its own, knows that reports may be missing, and
 * cannot know whose: a power loss takes the last half minute of commits,
 * too. Then all numbers from before are in doubt. That is one number in
 * the file: the changes below it. A new file is in doubt, too. Each report gets a higher one, so what is
 * counted anew is out of doubt by itself, and a kill of anything repeats
 * nothing. Who counts is mailherd-jobs (jobs/recounter.h).
 */
#ifndef DIRECTORY_USAGE_MARK_H
#define DIRECTORY_USAGE_MARK_H

#include "base/err.h"
#include "store/db.h"

/*
 * Sets the mark, on the disk before it returns. 1: all numbers are in doubt
 * now, because it was set already or was_replaced; 0; -1.
 */
MUST_CHECK int usage_mark_running(
	struct db *usage, bool was_replaced, struct err *err);
MUST_CHECK int usage_mark_stopped(struct db *usage, struct err *err);

#endif
