/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name that is given is one name, never a path: see the header. */
#include "agent/vmail_program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXIT_USAGE 2

int
vmail_open_directory(int parent, const char *name)
{
	/* Of one name O_NOFOLLOW is enough: no link stands before it. */
	if (strchr(name, '/') != NULL || strcmp(name, "..") == 0) {
		errno = EXDEV;
		return -1;
	}
	return openat(
		parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool
vmail_is_older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

static int
begin(struct vmail_call *call, const char *root, vmail_run_fn *run,
	struct err *err)
{
	if (paths_init(&call->paths, root, err) == -1)
		return -1;
	call->vmail =
		open(call->paths.vmail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (call->vmail == -1)
		return err_errno(err, errno, "opening %s", call->paths.vmail);
	return run(call, err);
}

int
vmail_program_main(int argc, char **argv, size_t words_min, size_t words_max,
	vmail_run_fn *run)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct vmail_call call = { 0 };
	const char *root = NULL;
	struct err err = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		root = optarg;
	}
	call.words = (const char *const *)argv + optind;
	call.word_count = (size_t)(argc - optind);
	if (call.word_count < words_min || call.word_count > words_max)
		return EXIT_USAGE;
	if (begin(&call, root, run, &err) == -1) {
		fprintf(stderr, "%s\n", err.text);
		return err_exit_status(err.code);
	}
	return 0;
}
