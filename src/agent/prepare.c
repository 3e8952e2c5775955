/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-prepare: brings the run tree and the rendered configuration of
 * an instance up to date. Run as root by `mailherd up` before the service
 * tree starts and by the agent before a restart. Prints what changed as
 * "generation N" and "changed ENGINE" lines; errors go to standard error
 * without a log level, because a person reads them.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/generation.h"
#include "agent/tree.h"

#define EXIT_USAGE 2

static int
prepare(const char *root, struct arena *arena, struct err *err)
{
	struct paths paths;
	struct instance instance;
	struct engine *engines;
	struct generation generation = { 0 };
	struct tree_input input = { .paths = &paths, .instance = &instance };

	if (paths_init(&paths, root, err) == -1 ||
		instance_load(&paths, arena, &instance, err) == -1 ||
		engine_load_all(&paths, &instance, NULL, arena, &engines,
			&input.engine_count, err) == -1)
		return -1;
	input.engines = engines;
	if (tree_prepare(&input, err) == -1 ||
		generation_make(&input, arena, &generation, err) == -1)
		return -1;
	printf("generation %d\n", generation.number);
	for (size_t i = 0; generation.engines[i] != NULL; i++)
		printf("changed %s\n", generation.engines[i]);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct arena *arena = arena_new();
	struct err err = { 0 };
	const char *root = NULL;
	int option, status = 0;

	umask(022); /* the modes of directories are those that are said */
	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		root = optarg;
	}
	if (prepare(root, arena, &err) == -1) {
		fprintf(stderr, "%s\n", err.text);
		status = err_exit_status(err.code);
	}
	arena_free(&arena);
	return status;
}
