/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The file `launch` of a service directory: all that mailherd-run needs to
 * start the service, written from engine.conf when a configuration is
 * rendered, so that mailherd-run itself reads no other configuration and
 * needs nothing but its working directory. It is a link into the rendered
 * tree, so it comes into force, and goes back, with the engines' files.
 */
#ifndef SUPERVISE_LAUNCH_H
#define SUPERVISE_LAUNCH_H

#include <limits.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "model/engine.h"

#define LAUNCH_FILE "launch" /* in the service directory */
#define LAUNCH_FOLDER "launch" /* in the rendered tree */

struct launch {
	const char *argv[ENGINE_ARGV_MAX];
	const char *first[ENGINE_ARGV_MAX]; /* run before; empty: nothing */
	const char *gate[ENGINE_ARGV_MAX]; /* must succeed; empty: none */
	const char *leftovers[ENGINE_LIST_MAX]; /* files to remove before */
	const char *environment[ENGINE_LIST_MAX];
	const char *mounts[ENGINE_LIST_MAX]; /* "SOURCE TARGET" */
	/* Services (their directories) to wait for: set only for those that
	 * s6 starts by itself, before there is a sequencer. */
	const char *after[ENGINE_LIST_MAX];
	const char *probe[ENGINE_ARGV_MAX];
	const char *name; /* of the service */
	const char *root; /* of the instance; "/" for the machine's */
	const char *hooks; /* directory of what runs before; NULL: none */
	/* "smtp 25 ADDRESS...", for comparison only: what it listens on. */
	const char *ports[ENGINE_LIST_MAX];
	const char *user; /* NULL: root */
	const char *directory;
	const char *fifo; /* for output */
	/* As in struct engine_service. */
	const char *capabilities[ENGINE_LIST_MAX];
	int no_new_privs;
	int start_ms;
	int linger_ms; /* for mailherd-finish */
	int oom_score_adj;
	int nofile;
};

/* Borrowed members of launch must not contain line ends (they do not). */
void launch_print(struct strbuf *out, const struct launch *launch);
/*
 * Where the file `launch` of a service directory really is, and the number
 * of the rendered tree that it belongs to; 0: none.
 */
int launch_resolve(const char *service, char path_out[PATH_MAX]);
MUST_CHECK int launch_read(const char *path, struct arena *arena,
	struct launch *out, struct err *err);

#endif
