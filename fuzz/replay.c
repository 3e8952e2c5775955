/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The main function of a target in the everyday tests: gives it each file
 * of the corpus, and each of those cut short, because a parser's faults
 * sit where input ends.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "fuzz.h"

#define REPLAY_FILE_MAX (1024 * 1024)
#define REPLAY_CUTS 64

/* A copy of the exact size, so that the sanitizer sees a byte too far. */
static void
give(const char *data, size_t size)
{
	uint8_t *copy = xmalloc(size);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	x_free(&copy);
}

static int
replay_file(const char *path)
{
	struct strbuf text;
	struct err err = { 0 };
	strbuf_init(&text, REPLAY_FILE_MAX);
	if (fs_read(path, REPLAY_FILE_MAX, &text, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		strbuf_deinit(&text);
		return -1;
	}
	size_t step = text.length / REPLAY_CUTS + 1;
	for (size_t size = 0; size < text.length; size += step)
		give(text.data, size);
	give(text.data, text.length);
	strbuf_deinit(&text);
	return 0;
}

int
main(int argc, char **argv)
{
	DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	int count = 0;
	if (!directory) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return EXIT_FAILURE;
	}
	while ((entry = readdir(directory))) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (replay_file(path) < 0)
			return EXIT_FAILURE;
		count++;
	}
	closedir(directory);
	printf("%d inputs\n", count);
	return count ? EXIT_SUCCESS : EXIT_FAILURE;
}
