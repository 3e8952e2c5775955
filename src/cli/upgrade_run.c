/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way back needs the previous package first: any program of ours that
 * is started from then on is the old one, which leaves a newer database
 * alone until it is put back.
 */
#include "cli/upgrade_run.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/setup_data.h"
#include "cli/suite.h"
#include "cli/upgrade_data.h"
#include "cli/upgrade_guard.h"
#include "cli/upgrade_health.h"
#include "cli/upgrade_package.h"
#include "supervise/s6.h"

#define WRITERS_DEADLINE_MS 120000
#define PACKAGE_DEADLINE_MS 600000
#define APT_DEADLINE_MS 3600000
#define START_DEADLINE_MS 60000
#define HEALTH_DEADLINE_MS 30000
#define POLL_MS 50

static void
say(const struct upgrade *upgrade, const char *text)
{
	if (upgrade->call->json)
		return;
	(void)puts(text);
	(void)fflush(stdout);
}

static int
step_copy(struct upgrade *upgrade, struct err *err)
{
	const struct paths *paths = &upgrade->call->paths;
	struct upgrade_state *state = &upgrade->state;
	struct upgrade_point kept = { 0 };
	struct upgrade_build build;

	if (upgrade_guard_writers(paths, WRITERS_DEADLINE_MS, err) == -1 ||
		upgrade_data_look(paths, &state->before, err) == -1)
		return -1;
	/* The same build does not move a schema. */
	if (strcmp(state->from.id, state->to.id) == 0)
		return 0;
	say(upgrade, "copying the databases");
	/* What a rollback of today would need stays, too. */
	if (upgrade_previous_read(paths, &build, &kept, err) == -1)
		return -1;
	return upgrade_data_copy(paths, kept.copied_ms, &state->before, err);
}

static void
previous_package(const struct paths *paths, char *out, size_t size)
{
	(void)snprintf(out, size,
		"%s/" UPGRADE_PACKAGES "/" UPGRADE_PREVIOUS_PACKAGE,
		paths->state);
}

/* Nothing to do when it is installed; else it must be the kept package. */
static int
install(struct upgrade *upgrade, const struct upgrade_build *wanted,
	struct err *err)
{
	const struct paths *paths = &upgrade->call->paths;
	struct upgrade_build build = { 0 };
	char path[PATHS_MAX + 64];
	int got = upgrade_package_installed(&build, err);

	if (got == -1)
		return -1;
	if (got == 1 && strcmp(build.id, wanted->id) == 0)
		return 0;
	previous_package(paths, path, sizeof(path));
	if (upgrade_package_read(path, &build, err) == -1)
		return -1;
	if (strcmp(build.id, wanted->id) != 0)
		return err_set(err, ERR_NOT_FOUND,
			"%s holds version %s, not the build of version %s that is needed",
			path, build.version, wanted->version);
	if (!upgrade->call->json)
		printf("installing version %s\n", wanted->version);
	return upgrade_package_install(paths, path, PACKAGE_DEADLINE_MS, err);
}

static int
step_package(struct upgrade *upgrade, struct err *err)
{
	return install(upgrade, &upgrade->state.to, err);
}

static int
step_data(struct upgrade *upgrade, struct err *err)
{
	const struct upgrade_state *state = &upgrade->state;

	if (state->restore.copied_ms == 0)
		return 0;
	say(upgrade, "putting the databases of before back");
	return upgrade_data_restore(
		       &upgrade->call->paths, &state->restore, err) == -1
		       ? -1
		       : 0;
}

/* A start that is on its way: systemd or a container began it. */
static void
wait_for_start(const struct upgrade *upgrade)
{
	int64_t until_ms = clock_monotonic_ms() + START_DEADLINE_MS;

	while (upgrade->detached && clock_monotonic_ms() < until_ms &&
		!s6_scan_running(upgrade->call->paths.services))
		suite_pause(POLL_MS);
}

static int
bring_up_to_date(struct upgrade *upgrade, struct err *err)
{
	struct command_call *call = upgrade->call;

	wait_for_start(upgrade);
	if (!s6_scan_running(call->paths.services)) {
		say(upgrade, "starting the suite");
		return suite_start(call, err);
	}
	say(upgrade, "bringing services up to date");
	/* One that ended again and again would be waited for. */
	(void)suite_each_supervisor(call->paths.services, NULL);
	json_decref(upgrade->rolled);
	upgrade->rolled = NULL;
	return suite_roll(call, &upgrade->rolled, err);
}

static int
step_roll(struct upgrade *upgrade, struct err *err)
{
	struct command_call *call = upgrade->call;
	bool made;

	/* apt may not be done with the packages that ours needs. */
	if (upgrade->detached &&
		upgrade_package_wait(APT_DEADLINE_MS, err) == -1)
		return -1;
	if (!upgrade->state.is_rollback &&
		(setup_directories(&call->paths, call->arena, err) == -1 ||
			setup_secrets(&call->paths, call->arena, &made, err) ==
				-1))
		return -1;
	return bring_up_to_date(upgrade, err);
}

static int
step_health(struct upgrade *upgrade, struct err *err)
{
	say(upgrade, "looking whether all is as well as before");
	return upgrade_health_wait(
		upgrade->call, upgrade->state.report, HEALTH_DEADLINE_MS, err);
}

static int
step_back_package(struct upgrade *upgrade, struct err *err)
{
	return install(upgrade, &upgrade->state.from, err);
}

/* Also where a rollback had put older data back. */
static int
step_back_data(struct upgrade *upgrade, struct err *err)
{
	const struct upgrade_state *state = &upgrade->state;

	if (state->before.copied_ms == 0)
		return 0;
	return upgrade_data_restore(
		       &upgrade->call->paths, &state->before, err) == -1
		       ? -1
		       : 0;
}

static int
step_back_roll(struct upgrade *upgrade, struct err *err)
{
	return bring_up_to_date(upgrade, err);
}

/*
 * A program of the newer build may have been in the middle of a migration
 * when the data came back. What is not well now is not the build's doing:
 * it is said, and holds up nothing.
 */
static int
step_back_health(struct upgrade *upgrade, struct err *err)
{
	if (step_back_data(upgrade, err) == -1)
		return -1;
	if (upgrade_health_wait(upgrade->call, upgrade->state.report,
		    HEALTH_DEADLINE_MS, &upgrade->unwell) == 0)
		err_clear(&upgrade->unwell);
	return 0;
}

/* otherwise UPGRADE_STEP_COUNT: a failure stays where it is. */
static const struct {
	int (*run)(struct upgrade *upgrade, struct err *err);
	enum upgrade_step next;
	enum upgrade_step otherwise;
} STEPS[UPGRADE_STEP_COUNT] = {
	[UPGRADE_COPY] = { step_copy, UPGRADE_PACKAGE, UPGRADE_BACK_PACKAGE },
	[UPGRADE_PACKAGE] = { step_package, UPGRADE_DATA,
		UPGRADE_BACK_PACKAGE },
	[UPGRADE_DATA] = { step_data, UPGRADE_ROLL, UPGRADE_BACK_PACKAGE },
	[UPGRADE_ROLL] = { step_roll, UPGRADE_HEALTH, UPGRADE_BACK_PACKAGE },
	[UPGRADE_HEALTH] = { step_health, UPGRADE_DONE, UPGRADE_BACK_PACKAGE },
	[UPGRADE_BACK_PACKAGE] = { step_back_package, UPGRADE_BACK_DATA,
		UPGRADE_STEP_COUNT },
	[UPGRADE_BACK_DATA] = { step_back_data, UPGRADE_BACK_ROLL,
		UPGRADE_STEP_COUNT },
	[UPGRADE_BACK_ROLL] = { step_back_roll, UPGRADE_BACK_HEALTH,
		UPGRADE_BACK_HEALTH },
	[UPGRADE_BACK_HEALTH] = { step_back_health, UPGRADE_UNDONE,
		UPGRADE_STEP_COUNT },
};

static bool
is_over(const struct upgrade *upgrade)
{
	return STEPS[upgrade->state.step].run == NULL;
}

static bool
goes_back(const struct upgrade *upgrade)
{
	return upgrade->state.step >= UPGRADE_BACK_PACKAGE;
}

/* Of a machine's first build: there is nothing to go back to. */
static int
give_up(const struct upgrade *upgrade, const struct err *cause, struct err *err)
{
	if (upgrade_state_remove(&upgrade->call->paths, err) == -1)
		return -1;
	*err = *cause;
	return err_prefix(err,
		"version %s is not in force as a whole, and no build before it is known",
		upgrade->state.to.version);
}

/* Both halves fit, if need be shortened. */
static void
keep_cause(struct upgrade_state *state, const struct err *cause)
{
	if (cause->remedy[0] == '\0')
		(void)snprintf(
			state->cause, sizeof(state->cause), "%s", cause->text);
	else
		(void)snprintf(state->cause, sizeof(state->cause),
			"%.300s (%.200s)", cause->text, cause->remedy);
}

/* One step; afterwards state.step is the next one. */
static int
run_step(struct upgrade *upgrade, struct err *err)
{
	struct upgrade_state *state = &upgrade->state;
	enum upgrade_step step = state->step;
	struct err cause = { 0 };

	if (upgrade_state_write(&upgrade->call->paths, state, err) == -1)
		return -1;
	if (STEPS[step].run(upgrade, &cause) == 0) {
		state->step = STEPS[step].next;
		return 0;
	}
	if (STEPS[step].otherwise == UPGRADE_STEP_COUNT) {
		*err = cause;
		return -1;
	}
	if (state->from.id[0] == '\0')
		return give_up(upgrade, &cause, err);
	if (!goes_back(upgrade)) {
		keep_cause(state, &cause);
		if (!upgrade->call->json)
			printf("%s\ngoing back to version %s\n", cause.text,
				state->from.version);
	}
	state->step = STEPS[step].otherwise;
	return 0;
}

static int
finish_done(struct upgrade *upgrade, struct err *err)
{
	const struct paths *paths = &upgrade->call->paths;
	const struct upgrade_state *state = &upgrade->state;

	/* Again, when the same build was only brought into force. */
	if (strcmp(state->from.id, state->to.id) != 0 &&
		state->from.id[0] != '\0' &&
		upgrade_previous_write(
			paths, &state->from, &state->before, err) == -1)
		return -1;
	if (upgrade_proven_write(paths, &state->to, err) == -1)
		return -1;
	return upgrade_state_remove(paths, err);
}

static void
add_places(const struct upgrade *upgrade, struct err *err)
{
	const struct upgrade_state *state = &upgrade->state;
	char copies[512] = "";

	if (state->before.copied_ms > 0)
		upgrade_data_describe(&upgrade->call->paths, &state->before,
			copies, sizeof(copies));
	(void)err_remedy(err, "mailherd logs shows more%s%s",
		copies[0] == '\0' ? "" : "; copies of before: ", copies);
}

static int
finish_undone(struct upgrade *upgrade, struct err *err)
{
	const struct upgrade_state *state = &upgrade->state;

	if (upgrade_state_remove(&upgrade->call->paths, err) == -1)
		return -1;
	(void)err_set(err, ERR_UNAVAILABLE,
		"version %s is in force again, %s%s; version %s: %s",
		state->from.version,
		upgrade->unwell.text[0] == '\0' ? "as it was before" : "but ",
		upgrade->unwell.text, state->to.version, state->cause);
	add_places(upgrade, err);
	return -1;
}

/* Neither forward nor back: said with the place where it stands. */
static int
finish_stuck(struct upgrade *upgrade, struct err *err)
{
	const struct upgrade_state *state = &upgrade->state;
	struct err cause = *err;

	(void)err_set(err, cause.code,
		"version %s is not as well as version %s was (%s), and the way back stopped at the step %s: %s",
		state->to.version, state->from.version, state->cause,
		upgrade_step_name(state->step), cause.text);
	add_places(upgrade, err);
	return -1;
}

int
upgrade_run(struct upgrade *upgrade, struct err *err)
{
	upgrade->began_ms = clock_monotonic_ms();
	while (!is_over(upgrade)) {
		if (run_step(upgrade, err) == -1)
			return goes_back(upgrade) ? finish_stuck(upgrade, err)
						  : -1;
	}
	return goes_back(upgrade) ? finish_undone(upgrade, err)
				  : finish_done(upgrade, err);
}

int
upgrade_run_copy(struct upgrade *upgrade, struct err *err)
{
	if (upgrade->state.step != UPGRADE_COPY)
		return 0;
	if (upgrade_state_write(&upgrade->call->paths, &upgrade->state, err) ==
			-1 ||
		step_copy(upgrade, err) == -1)
		return -1;
	upgrade->state.step = UPGRADE_ROLL;
	return upgrade_state_write(&upgrade->call->paths, &upgrade->state, err);
}
