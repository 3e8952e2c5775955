/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * s6-svscan ends an s6-supervise whose directory it no longer finds when
 * it is told to look ("a") and to end those ("n"). Its working directory
 * moves with the rename, so it stops the service as it would at a shutdown.
 */
#include "agent/strangers.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "supervise/s6.h"

#define LOOK_AND_END "an"

static bool
is_leaving(const char *name)
{
	return strncmp(name, STRANGERS_PREFIX, strlen(STRANGERS_PREFIX)) == 0;
}

static bool
is_stranger(struct sequencer *sequencer, const char *name)
{
	return name[0] != '.' && sequencer_find(sequencer, name) == NULL;
}

bool
strangers_present(const char *scan, struct sequencer *sequencer)
{
	DIR *directory = opendir(scan);
	struct dirent *entry;
	bool present = false;

	if (directory == NULL)
		return false;
	while (!present && (entry = readdir(directory)) != NULL)
		present = is_leaving(entry->d_name) ||
			  is_stranger(sequencer, entry->d_name);
	closedir(directory);
	return present;
}

static bool
move_away(const char *scan, const char *name)
{
	char from[PATH_MAX], to[PATH_MAX];
	struct err err;

	snprintf(from, sizeof(from), "%s/%s", scan, name);
	snprintf(to, sizeof(to), "%s/" STRANGERS_PREFIX "%s", scan, name);
	if (fs_exists(to) && fs_remove_tree(to, &err) == -1) {
		log_warn("directory of a service that is gone not removed",
			LOG_ERR(&err));
		return false;
	}
	if (rename(from, to) == -1)
		return false; /* the next turn tries again */
	log_info("service is not part of the profile any more, stopping it",
		LOG_TEXT("service", name));
	return true;
}

/* True while its supervisor is there. */
static bool
remove_stopped(const char *scan, const char *name)
{
	char path[PATH_MAX];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", scan, name);
	if (s6_supervisor_pid(path) != 0) {
		s6_hurry_finish(path);
		return true;
	}
	if (fs_remove_tree(path, &err) == -1)
		log_warn("directory of a service that is gone not removed",
			LOG_ERR(&err));
	return false;
}

bool
strangers_turn(const char *scan, struct sequencer *sequencer)
{
	DIR *directory = opendir(scan);
	struct dirent *entry;
	bool moved = false, left = false;

	if (directory == NULL)
		return false;
	while ((entry = readdir(directory)) != NULL) {
		const char *name = entry->d_name;

		if (is_leaving(name))
			left = remove_stopped(scan, name) || left;
		else if (is_stranger(sequencer, name))
			moved = move_away(scan, name) || moved;
	}
	closedir(directory);
	if (moved)
		(void)s6_scan_command(scan, LOOK_AND_END); /* tried again */
	return moved || left;
}
