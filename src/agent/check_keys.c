/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-check-keys: the gate of Dovecot's start. Ends well when the keys
 * that mail at rest needs are there (mail_keeper.h); else it prints what is
 * missing and what to do, in one line. Then it sees to it that Dovecot's
 * own form of each key is there and is that key's (mail_key_form.h).
 * Started as root, it becomes vmail before it reads anything.
 */
#include <getopt.h>
#include <stdio.h>

#include "base/paths.h"
#include "io/jail.h"
#include "model/instance.h"
#include "model/mail_keeper.h"
#include "model/mail_key_form.h"

#define EXIT_USAGE 2

static const struct jail JAIL = {
	.user = MAIL_KEY_OWNER,
	.network = JAIL_UNIX_ONLY,
	.exec = false,
};

static int
run(const char *root, struct arena *arena, struct err *err)
{
	struct paths paths;
	struct instance instance;
	struct err why = { 0 };

	if (paths_init(&paths, root, err) == -1 ||
		mail_key_form_prepare(&paths, err) == -1 ||
		jail_enter(&JAIL, &paths, err) == -1)
		return -1;
	/* What it is started with: the last that was right, if need be. */
	if (instance_load_or_last(&paths, arena, &instance, &why) == -1) {
		*err = why;
		return -1;
	}
	if (mail_keeper_check(&paths, instance.mail_encryption, err) == -1)
		return -1;
	return mail_key_form_refresh(&paths, err);
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	const char *root = NULL;
	struct arena *arena = arena_new();
	struct err err = { 0 };
	int option, result;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		root = optarg;
	}
	if (optind != argc)
		return EXIT_USAGE;
	result = run(root, arena, &err);
	arena_free(&arena);
	if (result == 0)
		return 0;
	printf(err.remedy[0] == '\0' ? "%s\n" : "%s (%s)\n", err.text,
		err.remedy);
	return err_exit_status(err.code);
}
