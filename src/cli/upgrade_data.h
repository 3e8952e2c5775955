/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of core.db and usage.db from before an upgrade, and their way
 * back, with programs running or not. Each is done by the file's owner.
 * Two sets are kept, in the directory `copies` beside each database.
 */
#ifndef CLI_UPGRADE_DATA_H
#define CLI_UPGRADE_DATA_H

#include "cli/upgrade_state.h"

/* Versions of both files, whatever program wrote them; copied_ms 0. */
MUST_CHECK int upgrade_data_look(
	const struct paths *paths, struct upgrade_point *out, struct err *err);
/*
 * Copies both and names the set in point; the set kept_ms (0: none) stays
 * besides the newest two. ERR_LIMIT: not enough disk.
 */
MUST_CHECK int upgrade_data_copy(const struct paths *paths, int64_t kept_ms,
	struct upgrade_point *point, struct err *err);
/* Both copies of the set are there. */
bool upgrade_data_has(
	const struct paths *paths, const struct upgrade_point *point);
/*
 * Puts back what has another version than in the set; how many files.
 * Without a set that is ERR_NOT_FOUND.
 */
MUST_CHECK int upgrade_data_restore(const struct paths *paths,
	const struct upgrade_point *point, struct err *err);
/* Where the copies of the set are, for people. */
void upgrade_data_describe(const struct paths *paths,
	const struct upgrade_point *point, char *out, size_t size);

#endif
