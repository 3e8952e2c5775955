/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * "PREVIOUS CURRENT", written before the swap: killed in between, the line
 * names a generation that is not in force, and counts for nothing.
 */
#include "agent/trial.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "supervise/record.h"

#define TRIAL_FILE "trial"
#define TRIAL_SIZE_MAX 64

static void
trial_path(const struct paths *paths, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s/" TRIAL_FILE, paths->run);
}

bool
trial_read(const struct paths *paths, int in_force, struct trial *out)
{
	struct trial trial = { 0 };
	struct strbuf text;
	struct err ignored;
	char path[PATH_MAX];
	bool is_on;

	trial_path(paths, path);
	strbuf_init(&text, TRIAL_SIZE_MAX);
	is_on = fs_read(path, TRIAL_SIZE_MAX, &text, &ignored) == 0 &&
		sscanf(text.data, "%d %d", &trial.previous, &trial.current) ==
			2 &&
		trial.previous > 0 && trial.current == in_force;
	strbuf_deinit(&text);
	if (is_on)
		*out = trial;
	return is_on;
}

int
trial_write(
	const struct paths *paths, const struct trial *trial, struct err *err)
{
	char path[PATH_MAX], text[TRIAL_SIZE_MAX];

	trial_path(paths, path);
	snprintf(
		text, sizeof(text), "%d %d\n", trial->previous, trial->current);
	return record_replace(path, text, 0600, err);
}

int
trial_end(const struct paths *paths, struct err *err)
{
	char path[PATH_MAX];

	trial_path(paths, path);
	if (unlink(path) == -1 && errno != ENOENT)
		return err_errno(err, errno, "removing %s", path);
	return 0;
}
