/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines are compared because container engines write resolv.conf in words
 * of their own: the same settings, without our comments. */
#include "supervise/mounts.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/strbuf.h"

#define FILE_SIZE_MAX 65536

struct pair {
	char source[PATH_MAX];
	const char *target;
};

static void
split(const char *text, struct pair *pair)
{
	const char *blank = strchr(text, ' ');

	BUG_ON(blank == NULL); /* engine_read.c refuses such a line */
	snprintf(pair->source, sizeof(pair->source), "%.*s",
		(int)(blank - text), text);
	pair->target = blank + 1;
}

/* The next line that says something; false at the end. */
static bool
next_line(struct span *rest, struct span *line_out)
{
	while (span_split(rest, '\n', line_out))
		if (line_out->length > 0 && line_out->data[0] != '#')
			return true;
	return false;
}

static bool
same_lines(struct span a, struct span b)
{
	struct span line_a, line_b;
	bool more_a, more_b;

	do {
		more_a = next_line(&a, &line_a);
		more_b = next_line(&b, &line_b);
		if (more_a != more_b)
			return false;
	} while (more_a && span_equal(line_a, line_b));
	return !more_a;
}

static bool
same_text(const char *path_a, const char *path_b)
{
	struct strbuf a, b;
	bool same;

	strbuf_init(&a, FILE_SIZE_MAX);
	strbuf_init(&b, FILE_SIZE_MAX);
	same = fs_read(path_a, FILE_SIZE_MAX, &a, NULL) == 0 &&
	       fs_read(path_b, FILE_SIZE_MAX, &b, NULL) == 0 &&
	       same_lines(strbuf_span(&a), strbuf_span(&b));
	strbuf_deinit(&a);
	strbuf_deinit(&b);
	return same;
}

bool
mounts_in_place(const char *text)
{
	struct stat source, target;
	struct pair pair;

	split(text, &pair);
	if (stat(pair.source, &source) == -1 ||
		stat(pair.target, &target) == -1)
		return false;
	if (source.st_dev == target.st_dev && source.st_ino == target.st_ino)
		return true;
	return S_ISREG(source.st_mode) && S_ISREG(target.st_mode) &&
	       same_text(pair.source, pair.target);
}

static int
make(const char *text, struct err *err)
{
	struct pair pair;

	split(text, &pair);
	if (mount(pair.source, pair.target, NULL, MS_BIND, NULL) == 0)
		return 0;
	return err_errno(
		err, errno, "mounting %s over %s", pair.source, pair.target);
}

/* What cannot be made and is not in place; one of them is told. */
static int
look_for_all(const char *const *pairs, struct err *err)
{
	for (size_t i = 0; pairs[i] != NULL; i++)
		if (!mounts_in_place(pairs[i]))
			return err_prefix(
				err, "no private mount of %s", pairs[i]);
	return 0;
}

int
mounts_make(const char *const *pairs, struct err *err)
{
	struct err failure = { 0 };
	int result = 0;

	if (pairs[0] == NULL)
		return 0;
	if (unshare(CLONE_NEWNS) == -1 ||
		mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == -1) {
		(void)err_errno(err, errno, "a mount namespace");
		return look_for_all(pairs, err);
	}
	for (size_t i = 0; pairs[i] != NULL; i++)
		if (make(pairs[i], &failure) == -1 && result == 0 &&
			!mounts_in_place(pairs[i])) {
			*err = failure;
			result = -1;
		}
	return result;
}
