/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-prepare: brings the isolation table, the run tree and the
 * rendered configuration of an instance up to date. Run as root by
 * `mailherd up` before the service tree starts and by the agent before a
 * restart. Prints what changed as lines "generation N", "previous N" and
 * "changed ENGINE"; errors go to standard error without a log level, because
 * a person reads them.
 *
 *	--keep-last   a configuration that can not come into force is said,
 *	              and the last good one stays: better than no mail
 *	--check NAME  that engine's checks, though nothing changed for it
 *	--use N       puts generation N into force again, and nothing else
 *	--end         all is down: takes the isolation table away
 *	--isolate     puts the isolation table back, and nothing else
 *
 *	--rehearse check|diff   changes nothing: says what every engine would
 *	              find wrong, or what would become different
 *	--config FILE stands for mailherd.conf, --json, for a rehearsal
 *
 * Two of them at a time would be in each other's way, so the second waits:
 * whoever asks, person or agent, finds the tree as the other has left it.
 *
 * What stands in the way of the newest configuration is also kept in the
 * file render-error of the run directory, for `mailherd status`.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/generation.h"
#include "agent/isolation.h"
#include "agent/rehearsal.h"
#include "agent/tree.h"
#include "base/fs.h"
#include "io/jail.h"
#include "supervise/record.h"

#define EXIT_USAGE 2
#define EXIT_TROUBLE 2 /* of a rehearsal: 1 is an answer */

typedef int rehearse_fn(const struct rehearsal *rehearsal, struct err *err);

static const struct rehearsal_kind {
	const char *name;
	rehearse_fn *run;
} REHEARSALS[] = {
	{ "check", rehearsal_check },
	{ "diff", rehearsal_diff },
};

#define STAYS_IN_FORCE "the configuration before it stays in force"

/* Owners and files of the run tree; the users, ports and end of checkers;
 * nft. */
static const int CAPABILITIES[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,
	CAP_FSETID, CAP_KILL, CAP_SETUID, CAP_SETGID, CAP_NET_BIND_SERVICE,
	CAP_NET_ADMIN, -1 };

/* For the engines' checkers too, which read what an administrator wrote. */
static const struct jail JAIL = {
	.capabilities = CAPABILITIES,
	.network = JAIL_INET,
	.exec = true,
};

struct options {
	const char *config; /* NULL: the instance's */
	rehearse_fn *rehearse; /* NULL: it is for real */
	bool json;
	const char *root;
	bool keep_last;
	bool end;
	bool isolate;
	int use; /* 0: not given */
	const char *checks[GENERATION_ENGINES_MAX]; /* NULL-ended */
	size_t check_count;
};

/* Empty when nothing stands in the way. */
static void
write_obstacle(const struct paths *paths, const char *text)
{
	char path[PATHS_MAX + sizeof("/render-error")];
	struct err err;

	snprintf(path, sizeof(path), "%s/render-error", paths->run);
	if (record_replace(path, text, 0600, &err) == -1)
		fprintf(stderr, "%s\n", err.text);
}

static int
render(const struct tree_input *input, const struct options *options,
	struct arena *arena, struct err *err)
{
	struct generation generation = { .number = generation_current(
						 input->paths) };
	bool is_last_kept = options->keep_last && generation.number > 0;

	if (generation_make(input, options->checks, arena, &generation, err) ==
		-1) {
		write_obstacle(input->paths, err->text);
		if (!is_last_kept)
			return -1;
		fprintf(stderr, "%s\n" STAYS_IN_FORCE "\n", err->text);
		return 0;
	}
	write_obstacle(input->paths, "");
	printf("generation %d\n", generation.number);
	if (generation.changed)
		printf("previous %d\n", generation.previous);
	for (size_t i = 0; generation.engines[i] != NULL; i++)
		printf("changed %s\n", generation.engines[i]);
	return 0;
}

/* Held until we end. */
static int
take_lock(const struct paths *paths, struct err *err)
{
	char path[PATHS_MAX + sizeof("/prepare.lock")];
	int fd;

	if (fs_make_directory(paths->run, 0755, 0, 0, err) == -1)
		return -1;
	snprintf(path, sizeof(path), "%s/prepare.lock", paths->run);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1 || flock(fd, LOCK_EX) == -1)
		return err_errno(err, errno, "locking %s", path);
	return 0;
}

/* First of all: nothing of this instance listens yet. */
static void
isolate(const struct tree_input *input, const struct options *options)
{
	struct isolation_state state;

	isolation_apply(input, &state);
	/* A start tells it at once, `mailherd status` always. */
	if (!state.ok && (options->keep_last || options->isolate))
		fprintf(stderr,
			"warning: internal ports are not isolated: %s\n",
			state.text);
}

/* 1: the last one that was right, which is in force already. */
static int
load_instance(const struct paths *paths, const struct options *options,
	struct arena *arena, struct instance *instance_out, struct err *err)
{
	int answer = instance_load_or_last(paths, arena, instance_out, err);

	if (answer == 0)
		return 0;
	if (options->rehearse == NULL)
		write_obstacle(paths, err->text);
	if (answer == -1 || !options->keep_last)
		return -1;
	fprintf(stderr, "%s\n" STAYS_IN_FORCE "\n", err->text);
	return 1;
}

static int
prepare(const struct options *options, struct arena *arena, struct err *err)
{
	struct paths paths;
	struct instance instance;
	struct engine *engines;
	struct tree_input input = { .paths = &paths, .instance = &instance };
	const struct rehearsal rehearsal = { &input, arena, options->json };
	int answer;

	if (paths_init(&paths, options->root, err) == -1 ||
		jail_enter(&JAIL, &paths, err) == -1 ||
		(options->config != NULL &&
			paths_use_config(&paths, options->config, err) == -1) ||
		take_lock(&paths, err) == -1)
		return -1;
	if (options->end) {
		isolation_remove(&paths);
		return 0;
	}
	if (options->use > 0)
		return generation_use(&paths, options->use, err);
	answer = load_instance(&paths, options, arena, &instance, err);
	if (answer == -1 || engine_load_all(&paths, &instance, NULL, arena,
				    &engines, &input.engine_count, err) == -1)
		return -1;
	input.engines = engines;
	if (options->rehearse != NULL)
		return options->rehearse(&rehearsal, err);
	isolate(&input, options);
	if (options->isolate)
		return 0;
	if (tree_prepare(&input, err) == -1)
		return -1;
	return answer == 1 ? 0 : render(&input, options, arena, err);
}

static int
find_rehearsal(const char *name, struct options *options)
{
	for (size_t i = 0; i < ARRAY_LENGTH(REHEARSALS); i++)
		if (strcmp(name, REHEARSALS[i].name) == 0) {
			options->rehearse = REHEARSALS[i].run;
			return 0;
		}
	return -1;
}

/* A candidate is only tried: what comes into force is mailherd.conf. */
static bool
fits(const struct options *options)
{
	return options->rehearse != NULL ||
	       (options->config == NULL && !options->json);
}

static int
parse_options(int argc, char **argv, struct options *options)
{
	static const struct option LONG[] = {
		{ "root", required_argument, NULL, 'r' },
		{ "keep-last", no_argument, NULL, 'k' },
		{ "end", no_argument, NULL, 'e' },
		{ "isolate", no_argument, NULL, 'i' },
		{ "use", required_argument, NULL, 'u' },
		{ "check", required_argument, NULL, 'c' },
		{ "rehearse", required_argument, NULL, 'h' },
		{ "config", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
		if (option == 'r')
			options->root = optarg;
		else if (option == 'k')
			options->keep_last = true;
		else if (option == 'e')
			options->end = true;
		else if (option == 'i')
			options->isolate = true;
		else if (option == 'u')
			options->use = (int)strtol(optarg, NULL, 10);
		else if (option == 'f')
			options->config = optarg;
		else if (option == 'j')
			options->json = true;
		else if (option == 'h' && find_rehearsal(optarg, options) == 0)
			continue;
		else if (option != 'c')
			return -1;
		else if (options->check_count + 1 < GENERATION_ENGINES_MAX)
			options->checks[options->check_count++] = optarg;
	}
	return optind == argc && fits(options) ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct options options = { 0 };
	struct err err = { 0 };
	int status;

	umask(022); /* the modes of directories are those that are said */
	if (parse_options(argc, argv, &options) == -1)
		return EXIT_USAGE;
	status = prepare(&options, arena, &err);
	if (status == -1) {
		fprintf(stderr, "%s\n", err.text);
		status = options.rehearse != NULL ? EXIT_TROUBLE
						  : err_exit_status(err.code);
	}
	arena_free(&arena);
	return status;
}
