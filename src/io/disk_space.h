/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How much room the file systems of an instance have: the five places
 * that grow, how little is too little for each, and the sentence that an
 * administrator reads. The watch reports it as the facts disk.queue,
 * disk.mail, disk.index, disk.database and disk.log. Nothing is freed here.
 *
 *	disk_place_path(place, &paths, path);
 *	if (disk_space_measure(path, &space, &err) == 0)
 *		level = disk_space_judge(place, &space, level);
 */
#ifndef IO_DISK_SPACE_H
#define IO_DISK_SPACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/paths.h"

#define DISK_PLACES_MAX 5
#define DISK_PATH_MAX (PATHS_MAX + 32)
#define DISK_TEXT_SIZE 200 /* with NUL; as much as a fact holds */

enum disk_level {
	DISK_GOOD,
	DISK_LOW, /* all works; somebody should act */
	DISK_FULL /* what the place is for may fail now */
};

struct disk_place {
	const char *name; /* "queue"; NULL ends the table */
	size_t base_offset; /* of a path in struct paths */
	const char *suffix;
	uint64_t full_bytes; /* less free is DISK_FULL */
	uint64_t low_bytes; /* less free is DISK_LOW */
	const char *effect; /* of DISK_FULL, for people */
};

struct disk_space {
	uint64_t free_bytes; /* for those who are not root */
	uint64_t total_bytes;
	uint64_t free_inodes;
	uint64_t total_inodes; /* 0: the file system has no such limit */
};

extern const struct disk_place DISK_PLACES[];

/* The place of that name, of which there is one. */
const struct disk_place *disk_place_find(const char *name);

void disk_place_path(const struct disk_place *place, const struct paths *paths,
	char path_out[DISK_PATH_MAX]);
MUST_CHECK int disk_space_measure(
	const char *path, struct disk_space *space_out, struct err *err);
/* before: the last level; a better one needs an eighth more than a worse. */
enum disk_level disk_space_judge(const struct disk_place *place,
	const struct disk_space *space, enum disk_level before);
/* "full, mail waits in the queue: 0 MiB free of 8 MiB at /x: free ..." */
void disk_space_describe(const struct disk_place *place, const char *path,
	const struct disk_space *space, enum disk_level level,
	char text_out[DISK_TEXT_SIZE]);

#endif
