/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two tables: the instance's files and the program files, each a member
 * and the text behind root or prefix. The prefix comes from the running
 * executable alone: an environment variable would let whoever starts a
 * program as root choose the programs that it runs.
 */
#include "base/paths.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATHS_FALLBACK_PREFIX "/usr"

struct paths_row {
	size_t offset;
	const char *suffix;
};

#define STATE "/var/lib/mailherd"
#define RUN "/run/mailherd"

static const struct paths_row INSTANCE_ROWS[] = {
	{ offsetof(struct paths, root), "" },
	{ offsetof(struct paths, config), "/etc/mailherd/mailherd.conf" },
	{ offsetof(struct paths, overrides), "/etc/mailherd/engines" },
	{ offsetof(struct paths, hooks), "/etc/mailherd/hooks" },
	{ offsetof(struct paths, state), STATE },
	{ offsetof(struct paths, database), STATE "/db" },
	{ offsetof(struct paths, core_db), STATE "/db/core/core.db" },
	{ offsetof(struct paths, usage_db), STATE "/db/usage/usage.db" },
	{ offsetof(struct paths, secrets), STATE "/secrets" },
	{ offsetof(struct paths, vmail), STATE "/vmail" },
	{ offsetof(struct paths, index), STATE "/index" },
	{ offsetof(struct paths, engines), STATE "/engines" },
	{ offsetof(struct paths, generations), STATE "/gen" },
	{ offsetof(struct paths, rendered), STATE "/etc" },
	{ offsetof(struct paths, run), RUN },
	{ offsetof(struct paths, services), RUN "/svc" },
	{ offsetof(struct paths, sockets), RUN "/sock" },
	{ offsetof(struct paths, fifos), RUN "/log" },
	{ offsetof(struct paths, logs), "/var/log/mailherd" },
};

static const struct paths_row PROGRAM_ROWS[] = {
	{ offsetof(struct paths, programs), "/lib/mailherd" },
	{ offsetof(struct paths, share), "/share/mailherd" },
	{ offsetof(struct paths, binary), "/bin/mailherd" },
};

static int
fill(struct paths *paths, const struct paths_row *rows, size_t count,
	const char *base, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		char *member = (char *)paths + rows[i].offset;
		int length = snprintf(
			member, PATHS_MAX, "%s%s", base, rows[i].suffix);
		if (length < 0 || length >= PATHS_MAX)
			return err_set(err, ERR_INVALID,
				"the path %s%s is longer than %d bytes", base,
				rows[i].suffix, PATHS_MAX - 1);
	}
	return 0;
}

/*
 * The root stands in configuration files and argument lists that are split
 * at blanks, so only harmless characters may be in it.
 */
static int
check_root(const char *root, size_t length, struct err *err)
{
	static const char HARMLESS[] = "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789/._+-";
	if (root[0] != '/')
		return err_field(err, ERR_INVALID, "root",
			"the root %s is not an absolute path", root);
	if (length > PATHS_ROOT_MAX)
		return err_field(err, ERR_INVALID, "root",
			"the root is longer than %d bytes", PATHS_ROOT_MAX);
	if (strspn(root, HARMLESS) < length)
		return err_field(err, ERR_INVALID, "root",
			"the root has characters other than A-Z a-z 0-9 / . _ + -");
	if (strstr(root, "/../") || strstr(root, "//") ||
		(length >= 3 && memcmp(root + length - 3, "/..", 3) == 0))
		return err_field(err, ERR_INVALID, "root",
			"the root has \"..\" or \"//\" in it");
	return 0;
}

/* Takes the text off the end of path; false when it does not end so. */
static bool
strip_suffix(char *path, const char *suffix)
{
	size_t length = strlen(path), suffix_length = strlen(suffix);
	if (length < suffix_length ||
		strcmp(path + length - suffix_length, suffix) != 0)
		return false;
	path[length - suffix_length] = '\0';
	return true;
}

static int
find_prefix(char prefix[PATH_MAX], struct err *err)
{
	ssize_t length = readlink("/proc/self/exe", prefix, PATH_MAX - 1);
	if (length < 0)
		return err_errno(err, errno, "reading /proc/self/exe");
	prefix[length] = '\0';
	char *slash = strrchr(prefix, '/');
	if (slash)
		*slash = '\0';
	if (strip_suffix(prefix, "/lib/mailherd") ||
		strip_suffix(prefix, "/bin"))
		return 0;
	snprintf(prefix, PATH_MAX, PATHS_FALLBACK_PREFIX);
	return 0;
}

int
paths_init(struct paths *paths, const char *root, struct err *err)
{
	char root_text[PATHS_ROOT_MAX + 1] = "";
	size_t length = root ? strlen(root) : 0;
	while (length > 0 && root[length - 1] == '/')
		length--;
	if (length > 0 && check_root(root, length, err) < 0)
		return -1;
	if (length > 0)
		memcpy(root_text, root, length);

	char prefix[PATH_MAX];
	if (find_prefix(prefix, err) < 0)
		return -1;
	struct paths filled = { 0 };
	if (fill(&filled, INSTANCE_ROWS, ARRAY_LENGTH(INSTANCE_ROWS), root_text,
		    err) < 0 ||
		fill(&filled, PROGRAM_ROWS, ARRAY_LENGTH(PROGRAM_ROWS), prefix,
			err) < 0)
		return -1;
	*paths = filled;
	return 0;
}

int
paths_use_config(struct paths *paths, const char *config, struct err *err)
{
	if (strlen(config) >= sizeof(paths->config))
		return err_set(err, ERR_INVALID,
			"the path %s is longer than %d bytes", config,
			PATHS_MAX - 1);
	memcpy(paths->config, config, strlen(config) + 1);
	return 0;
}
