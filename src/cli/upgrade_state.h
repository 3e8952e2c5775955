/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What an upgrade must know after it was killed, and what a rollback must
 * know a week later: three small files below state/upgrade. state.json is
 * there while an upgrade or rollback is under way; `proven` names the
 * build that was last seen healthy (the package's preinst reads it, so it
 * is plain text); previous.json is about the build before it, whose
 * package is packages/previous.deb.
 */
#ifndef CLI_UPGRADE_STATE_H
#define CLI_UPGRADE_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/paths.h"

#define UPGRADE_VERSION_SIZE 64
#define UPGRADE_ID_BYTES 16
#define UPGRADE_ID_SIZE (2 * UPGRADE_ID_BYTES + 1)

/* One build of the package: a version may have several. */
struct upgrade_build {
	char version[UPGRADE_VERSION_SIZE];
	char id[UPGRADE_ID_SIZE]; /* hash over its files; "": not known */
};

/* The databases at one time. */
struct upgrade_point {
	int64_t copied_ms; /* names the copies; 0: there are none */
	int core; /* versions of the schema */
	int usage;
};

enum upgrade_step {
	UPGRADE_COPY,
	UPGRADE_PACKAGE, /* only rollback: an upgrade begins after dpkg */
	UPGRADE_DATA, /* only rollback */
	UPGRADE_ROLL,
	UPGRADE_HEALTH,
	UPGRADE_DONE,
	UPGRADE_BACK_PACKAGE,
	UPGRADE_BACK_DATA,
	UPGRADE_BACK_ROLL,
	UPGRADE_BACK_HEALTH,
	UPGRADE_UNDONE,
	UPGRADE_STEP_COUNT
};

struct upgrade_state {
	bool is_rollback;
	enum upgrade_step step; /* that is to be done, or is being done */
	struct upgrade_build from;
	struct upgrade_build to;
	int64_t began_s;
	struct upgrade_point before;
	struct upgrade_point restore; /* copied_ms 0: data stays as it is */
	json_t *report; /* of the suite as it was; NULL: it was down */
	char cause[512]; /* of the return */
};

const char *upgrade_step_name(enum upgrade_step step);
/* 1, 0 when there is none, -1. */
MUST_CHECK int upgrade_state_read(const struct paths *paths,
	struct upgrade_state *state_out, struct err *err);
MUST_CHECK int upgrade_state_write(const struct paths *paths,
	const struct upgrade_state *state, struct err *err);
MUST_CHECK int upgrade_state_remove(const struct paths *paths, struct err *err);
/* 1, 0 when none was ever seen healthy, -1. */
MUST_CHECK int upgrade_proven_read(
	const struct paths *paths, struct upgrade_build *out, struct err *err);
MUST_CHECK int upgrade_proven_write(const struct paths *paths,
	const struct upgrade_build *build, struct err *err);
/* 1, 0 when there is none, -1. */
MUST_CHECK int upgrade_previous_read(const struct paths *paths,
	struct upgrade_build *build_out, struct upgrade_point *point_out,
	struct err *err);
MUST_CHECK int upgrade_previous_write(const struct paths *paths,
	const struct upgrade_build *build, const struct upgrade_point *point,
	struct err *err);

#endif
