/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Absolute limits: a percentage that is right for a small machine would
 * call a mail store of 20 TB low with a terabyte to go.
 */
#include "io/disk_space.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/compiler.h"

#define MIB (UINT64_C(1024) * 1024)
/* Postfix takes no mail below 1.5 times its message_size_limit. */
#define QUEUE_FULL (150 * MIB)
#define INODES_FULL 200
#define INODES_LOW 2000
#define RECOVERY 8 /* an eighth more than the limit */

/* clang-format off */
const struct disk_place DISK_PLACES[] = {
	{ "queue", offsetof(struct paths, engines), "/postfix/spool",
		QUEUE_FULL, 1024 * MIB, "new mail is put off (452)" },
	{ "mail", offsetof(struct paths, vmail), "",
		50 * MIB, 1024 * MIB, "mail waits in the queue" },
	{ "index", offsetof(struct paths, index), "",
		64 * MIB, 512 * MIB, "nothing is indexed, mail may wait" },
	{ "database", offsetof(struct paths, database), "",
		50 * MIB, 512 * MIB, "nothing can be changed" },
	{ "log", offsetof(struct paths, logs), "",
		20 * MIB, 256 * MIB, "log lines get lost" },
	{ .name = NULL },
};
/* clang-format on */

static const char *const LEVEL_NAMES[] = {
	[DISK_GOOD] = "good",
	[DISK_LOW] = "low",
	[DISK_FULL] = "full",
};

const struct disk_place *
disk_place_find(const char *name)
{
	const struct disk_place *place = DISK_PLACES;

	while (place->name != NULL && strcmp(place->name, name) != 0)
		place++;
	BUG_ON(place->name == NULL);
	return place;
}

void
disk_place_path(const struct disk_place *place, const struct paths *paths,
	char path_out[DISK_PATH_MAX])
{
	(void)snprintf(path_out, DISK_PATH_MAX, "%s%s",
		(const char *)paths + place->base_offset, place->suffix);
}

MUST_CHECK int
disk_space_measure(
	const char *path, struct disk_space *space_out, struct err *err)
{
	struct statvfs status;

	if (statvfs(path, &status) != 0)
		return err_errno(err, errno, "looking at the room of %s", path);
	*space_out = (struct disk_space){
		.free_bytes = (uint64_t)status.f_bavail * status.f_frsize,
		.total_bytes = (uint64_t)status.f_blocks * status.f_frsize,
		.free_inodes = status.f_favail,
		.total_inodes = status.f_files,
	};
	return 0;
}

static bool
is_below(uint64_t amount, uint64_t limit, bool was_below)
{
	return amount < (was_below ? limit + limit / RECOVERY : limit);
}

static enum disk_level
judge_amount(
	uint64_t amount, uint64_t full, uint64_t low, enum disk_level before)
{
	if (is_below(amount, full, before == DISK_FULL))
		return DISK_FULL;
	return is_below(amount, low, before != DISK_GOOD) ? DISK_LOW
							  : DISK_GOOD;
}

enum disk_level
disk_space_judge(const struct disk_place *place, const struct disk_space *space,
	enum disk_level before)
{
	enum disk_level bytes = judge_amount(
		space->free_bytes, place->full_bytes, place->low_bytes, before);
	enum disk_level inodes = DISK_GOOD;

	if (space->total_inodes > 0)
		inodes = judge_amount(
			space->free_inodes, INODES_FULL, INODES_LOW, before);
	return bytes > inodes ? bytes : inodes;
}

void
disk_space_describe(const struct disk_place *place, const char *path,
	const struct disk_space *space, enum disk_level level,
	char text_out[DISK_TEXT_SIZE])
{
	bool files = space->total_inodes > 0 && space->free_inodes < INODES_LOW;
	char room[64];

	if (files)
		(void)snprintf(room, sizeof(room), "%" PRIu64 " files",
			space->free_inodes);
	else
		(void)snprintf(room, sizeof(room),
			"%" PRIu64 " of %" PRIu64 " MiB",
			space->free_bytes / MIB, space->total_bytes / MIB);
	(void)snprintf(text_out, DISK_TEXT_SIZE, "%s%s%s: %s free at %s%s",
		LEVEL_NAMES[level], level == DISK_FULL ? ", " : "",
		level == DISK_FULL ? place->effect : "", room, path,
		level == DISK_GOOD ? "" : "; free or add space there");
}
