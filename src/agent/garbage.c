/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-garbage: moves the home of a deleted mailbox,
 * <vmail>/<2 hex>/<32 hex>, to <vmail>/.garbage/<time>_<32 hex>. Started
 * by the agent as user vmail. Every path is opened beneath <vmail> without
 * following a link, because what lies there belongs to users of mail.
 * A home that is gone already is a success: the job may be repeated.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/paths.h"

#define GARBAGE ".garbage"
#define STORE_ID_LENGTH 32
#define EXIT_USAGE 2

static int
open_beneath(int directory, const char *name)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
			   RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, directory, name, &how, sizeof(how));
}

static int
move(int vmail, const char *store_id, struct err *err)
{
	char prefix[3], name[STORE_ID_LENGTH + 32];
	int from, to;

	snprintf(prefix, sizeof(prefix), "%.2s", store_id);
	snprintf(name, sizeof(name), "%lld_%s", (long long)clock_wall_seconds(),
		store_id);
	from = open_beneath(vmail, prefix);
	if (from == -1)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, errno, "opening %s", prefix);
	if (mkdirat(vmail, GARBAGE, 0700) == -1 && errno != EEXIST)
		return err_errno(err, errno, "making %s", GARBAGE);
	to = open_beneath(vmail, GARBAGE);
	if (to == -1)
		return err_errno(err, errno, "opening %s", GARBAGE);
	if (renameat(from, store_id, to, name) == -1 && errno != ENOENT)
		return err_errno(err, errno, "moving %s", store_id);
	return 0;
}

static int
run(const char *root, const char *store_id, struct err *err)
{
	struct paths paths;
	int vmail;

	if (strlen(store_id) != STORE_ID_LENGTH ||
		strspn(store_id, "0123456789abcdef") != STORE_ID_LENGTH)
		return err_set(err, ERR_INVALID, "not a store id");
	if (paths_init(&paths, root, err) == -1)
		return -1;
	vmail = open(paths.vmail, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (vmail == -1)
		return err_errno(err, errno, "opening %s", paths.vmail);
	return move(vmail, store_id, err);
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	const char *root = NULL;
	struct err err = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		root = optarg;
	}
	if (optind + 1 != argc)
		return EXIT_USAGE;
	if (run(root, argv[optind], &err) == -1) {
		fprintf(stderr, "%s\n", err.text);
		return err_exit_status(err.code);
	}
	return 0;
}
