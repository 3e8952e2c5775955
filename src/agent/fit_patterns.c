/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-fit-patterns DIRECTORY: removes patterns that Rspamd compiled
 * for another processor, before Rspamd starts and as its user. It keeps
 * them in its state (*.hs, *.hsmp and what belongs to them) and takes them
 * as they are; on a processor without the same instructions (a machine that
 * was moved, or restored elsewhere) its main process aborts on them.
 *
 * The file `processor` says for which one they were made. Without it,
 * nothing is known and nothing is removed.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define CPUINFO "/proc/cpuinfo"
#define CPUINFO_MAX (4 * 1024 * 1024)
#define STAMP_FILE "processor"
#define STAMP_MAX (64 * 1024)
#define STAMP_MODE 0644
#define PATH_SIZE 4096
#define EXIT_USAGE 2

/* Lines that decide which instructions there are, on x86 and on ARM. */
static const char *const DECIDING[] = { "model name", "flags", "Features",
	"CPU implementer", "CPU part" };

static bool
decides(struct span line)
{
	for (size_t i = 0; i < ARRAY_LENGTH(DECIDING); i++)
		if (span_starts_with(line, DECIDING[i]))
			return true;
	return false;
}

/* Of the first processor: the others are alike. */
static int
describe_processor(struct strbuf *out, struct err *err)
{
	struct strbuf text;
	struct span rest, line;
	int result;

	strbuf_init(&text, CPUINFO_MAX);
	result = fs_read(CPUINFO, CPUINFO_MAX, &text, err);
	rest = strbuf_span(&text);
	while (result == 0 && span_split(&rest, '\n', &line) &&
		line.length > 0) {
		if (!decides(line))
			continue;
		strbuf_add_span(out, line);
		strbuf_add_char(out, '\n');
	}
	strbuf_deinit(&text);
	return result;
}

static int
remove_patterns(const char *directory)
{
	DIR *listing = opendir(directory);
	struct dirent *entry;
	int removed = 0;

	while (listing != NULL && (entry = readdir(listing)) != NULL) {
		const char *dot = strchr(entry->d_name, '.');

		if (dot != NULL && strncmp(dot, ".hs", 3) == 0 &&
			unlinkat(dirfd(listing), entry->d_name, 0) == 0)
			removed++;
	}
	if (listing != NULL)
		(void)closedir(listing);
	return removed;
}

/* Patterns go before the new stamp: killed in between, it does so again. */
static int
fit(const char *directory, const struct strbuf *now, struct err *err)
{
	struct strbuf before;
	struct err cause = { 0 };
	char path[PATH_SIZE];
	bool is_known, is_same;

	(void)snprintf(path, sizeof(path), "%s/" STAMP_FILE, directory);
	strbuf_init(&before, STAMP_MAX);
	is_known = fs_read(path, STAMP_MAX, &before, &cause) == 0;
	is_same =
		is_known && span_equal(strbuf_span(&before), strbuf_span(now));
	strbuf_deinit(&before);
	if (is_same)
		return 0;
	if (is_known)
		printf("another processor: removed %d compiled patterns\n",
			remove_patterns(directory));
	return fs_write_atomic(path, now->data, now->length, STAMP_MODE,
		(uid_t)-1, (gid_t)-1, err);
}

int
main(int argc, char **argv)
{
	struct strbuf now;
	struct err err = { 0 };
	int result;

	if (argc != 2)
		return EXIT_USAGE;
	strbuf_init(&now, STAMP_MAX);
	result = describe_processor(&now, &err);
	if (result == 0)
		result = fit(argv[1], &now, &err);
	strbuf_deinit(&now);
	if (result == -1)
		fprintf(stderr, "%s\n", err.text);
	return result == -1 ? err_exit_status(err.code) : 0;
}
