/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-render --root ROOT --out DIRECTORY [--etc DIRECTORY]
 * [--config FILE]: renders every engine's configuration into a new
 * generation; FILE stands for mailherd.conf. Started as root, it
 * makes the files and sets their owners; in between, a child without
 * privileges, network and write access to any path does the rendering.
 * Taken over (by a hostile template, setting or override), the child can
 * put wrong text into the new generation's files, nothing else; the
 * engines' checkers read them before they are put in force.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/paths.h"
#include "io/jail.h"
#include "model/engine.h"
#include "model/instance.h"
#include "render/tree.h"

static const struct jail_path READABLE[] = {
	{ offsetof(struct paths, overrides), "", false },
	{ offsetof(struct paths, share), "", false },
	{ .base_offset = SIZE_MAX },
};

static const struct jail JAIL = {
	.user = "mailherd-render",
	.network = JAIL_UNIX_ONLY,
	.paths = READABLE,
};

struct options {
	const char *root;
	const char *out;
	const char *etc;
	const char *config;
};

static int
print_error(const struct err *err)
{
	fprintf(stderr, "mailherd-render: %s\n", err->text);
	return 1;
}

/* The child's life; its exit status. */
static int
child(struct tree *tree)
{
	struct err err = { 0 };

	if (jail_enter(&JAIL, tree->paths, &err) == -1 ||
		tree_render(tree, &err) == -1)
		return print_error(&err);
	return 0;
}

/* 0 rendered; 1 the child has said why not; -1. */
static int
render_apart(struct tree *tree, struct err *err)
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return err_errno(err, errno, "starting the renderer");
	if (pid == 0)
		_exit(child(tree));
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return err_errno(
				err, errno, "waiting for the renderer");
	}
	if (WIFSIGNALED(status))
		return err_set(err, ERR_SYSTEM,
			"the renderer was ended by signal %d",
			WTERMSIG(status));
	return WEXITSTATUS(status) == 0 ? 0 : 1;
}

static int
run(const struct options *options, struct arena *arena, struct err *err)
{
	struct paths paths;
	struct instance instance;
	struct engine *engines;
	struct tree tree = { .arena = arena };
	size_t count;
	int result;

	tree.paths = &paths;
	tree.instance = &instance;
	tree.etc = options->etc == NULL ? options->out : options->etc;
	if (paths_init(&paths, options->root, err) == -1 ||
		(options->config != NULL &&
			paths_use_config(&paths, options->config, err) == -1) ||
		instance_load(&paths, arena, &instance, err) == -1 ||
		engine_load_all(&paths, &instance, tree.etc, arena, &engines,
			&count, err) == -1 ||
		tree_create(&tree, options->out, engines, count, err) == -1)
		return -1;
	result = geteuid() == 0 ? render_apart(&tree, err)
				: tree_render(&tree, err);
	if (result != 0)
		return result;
	return tree_finish(&tree, err);
}

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option LONG[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "out", required_argument, NULL, 'o' },
		{ "etc", required_argument, NULL, 'e' },
		{ "config", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		if (option == 'r')
			options->root = optarg;
		else if (option == 'o')
			options->out = optarg;
		else if (option == 'e')
			options->etc = optarg;
		else if (option == 'c')
			options->config = optarg;
		else
			return -1;
	}
	return options->out == NULL || optind != argc ? -1 : 0;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	struct arena *arena;
	struct err err = { 0 };
	int result;

	if (parse(argc, argv, &options) == -1) {
		fprintf(stderr, "usage: mailherd-render [--root ROOT]"
				" --out DIRECTORY [--etc DIRECTORY]"
				" [--config FILE]\n");
		return 2;
	}
	arena = arena_new();
	result = run(&options, arena, &err);
	if (result == -1)
		(void)print_error(&err);
	arena_free(&arena);
	return result == 0 ? 0 : 1;
}
