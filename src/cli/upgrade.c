/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd upgrade and rollback. Called by ./up behind the installation of
 * a package, by the package itself (--detached) when somebody else
 * installed it, and by whoever finds an upgrade that was killed.
 */
#include "cli/upgrade.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/confirm.h"
#include "cli/suite.h"
#include "cli/upgrade_data.h"
#include "cli/upgrade_guard.h"
#include "cli/upgrade_health.h"
#include "cli/upgrade_package.h"
#include "cli/upgrade_run.h"
#include "io/child.h"
#include "supervise/s6.h"

#define SYSTEMD_RUN "/usr/bin/systemd-run"
#define SYSTEMD_RUN_DEADLINE_MS 20000
#define OTHER_DEADLINE_MS 900000
#define OUR_ENGINE "mailherd"

static int
refuse_without_package(struct err *err)
{
	(void)err_set(err, ERR_INVALID,
		"this instance does not run from the installed Debian package, so there is nothing to upgrade or go back to");
	return err_remedy(err,
		"mailherd restart --changed brings replaced programs into force");
}

static bool
is_same(const struct upgrade_build *a, const struct upgrade_build *b)
{
	return strcmp(a->id, b->id) == 0;
}

static void
previous_package(const struct paths *paths, char *out, size_t size)
{
	(void)snprintf(out, size,
		"%s/" UPGRADE_PACKAGES "/" UPGRADE_PREVIOUS_PACKAGE,
		paths->state);
}

/* A program of ours that is not the one on disk any more. */
static bool
runs_replaced(const json_t *report)
{
	const json_t *service;
	size_t i;

	json_array_foreach(json_object_get(report, "services"), i, service)
	{
		const char *engine =
			json_string_value(json_object_get(service, "engine"));

		if (engine != NULL && strcmp(engine, OUR_ENGINE) == 0 &&
			json_is_true(
				json_object_get(service, "program_replaced")))
			return true;
	}
	return false;
}

/* What was in force: the build that proved itself, or the kept package. */
static int
find_from(const struct paths *paths, struct upgrade_build *out, struct err *err)
{
	char path[PATHS_MAX + 64];
	int got = upgrade_proven_read(paths, out, err);

	if (got != 0)
		return got == -1 ? -1 : 0;
	previous_package(paths, path, sizeof(path));
	*out = (struct upgrade_build){ 0 };
	return fs_exists(path) ? upgrade_package_read(path, out, err) : 0;
}

/*
 * Another build came while one was under way: what was copied before is
 * still what to go back to.
 */
static void
adopt(struct upgrade_state *state, const struct upgrade_build *installed)
{
	bool moves_packages = state->step == UPGRADE_PACKAGE ||
			      state->step == UPGRADE_BACK_PACKAGE;

	if (installed->id[0] == '\0' || is_same(installed, &state->to) ||
		is_same(installed, &state->from) || moves_packages)
		return;
	state->to = *installed;
	state->is_rollback = false;
	state->step = state->before.copied_ms > 0 ? UPGRADE_ROLL : UPGRADE_COPY;
}

/* 1: there is work, described in upgrade->state; 0: nothing; -1. */
static int
open_upgrade(struct upgrade *upgrade, struct err *err)
{
	const struct paths *paths = &upgrade->call->paths;
	struct upgrade_state *state = &upgrade->state;
	struct upgrade_build installed = { 0 };
	int got;

	if (upgrade_package_installed(&installed, err) == -1)
		return -1;
	got = upgrade_state_read(paths, state, err);
	if (got == -1)
		return -1;
	if (got == 1) {
		adopt(state, &installed);
		if (!upgrade->call->json)
			printf("going on with what was interrupted at the step %s\n",
				upgrade_step_name(state->step));
		return 1;
	}
	if (find_from(paths, &state->from, err) == -1)
		return -1;
	state->to = installed;
	state->step = UPGRADE_COPY;
	state->began_s = clock_wall_seconds();
	state->report = upgrade_health_look(upgrade->call);
	if (is_same(&state->from, &state->to))
		return runs_replaced(state->report);
	return state->from.id[0] != '\0' || runs_replaced(state->report);
}

static void
print_json(const struct upgrade *upgrade, const char *how)
{
	const struct upgrade_state *state = &upgrade->state;
	json_t *services = json_object_get(upgrade->rolled, "services");
	int64_t ms = clock_monotonic_ms() - upgrade->began_ms;
	json_t *report = json_pack(
		"{s:s, s:b, s:{s:s, s:s}, s:{s:s, s:s}, s:f, s:b, s:O?}",
		"state", how, "rollback", state->is_rollback, "from", "version",
		state->from.version, "build", state->from.id, "to", "version",
		state->to.version, "build", state->to.id, "seconds",
		(double)ms / 1000, "data_restored",
		state->restore.copied_ms != 0, "services", services);

	BUG_ON(report == NULL);
	json_dumpf(report, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	putchar('\n');
	json_decref(report);
}

static void
print_done(const struct upgrade *upgrade)
{
	json_t *service;
	int restarted = 0, reloaded = 0;
	size_t i;

	json_array_foreach(
		json_object_get(upgrade->rolled, "services"), i, service)
	{
		const char *action =
			json_string_value(json_object_get(service, "action"));

		restarted += action != NULL && strcmp(action, "restarted") == 0;
		reloaded += action != NULL && strcmp(action, "reloaded") == 0;
	}
	printf("version %s is in force after %.1f s; %d services restarted, %d reloaded\n",
		upgrade->state.to.version,
		(double)(clock_monotonic_ms() - upgrade->began_ms) / 1000,
		restarted, reloaded);
}

static int
run_and_report(struct upgrade *upgrade)
{
	struct err err = { 0 };

	if (upgrade_run(upgrade, &err) == -1)
		return command_fail(upgrade->call, &err);
	if (upgrade->call->json)
		print_json(upgrade, "done");
	else
		print_done(upgrade);
	return 0;
}

static void
close_upgrade(struct upgrade *upgrade)
{
	json_decref(upgrade->state.report);
	json_decref(upgrade->rolled);
}

static int
say_nothing_to_do(struct upgrade *upgrade)
{
	upgrade->began_ms = clock_monotonic_ms();
	if (upgrade->call->json)
		print_json(upgrade, "nothing");
	else
		printf("nothing to do: version %s is in force\n",
			upgrade->state.to.version);
	return 0;
}

static int
say_down(struct upgrade *upgrade)
{
	upgrade->began_ms = clock_monotonic_ms();
	if (upgrade->call->json)
		print_json(upgrade, "down");
	else
		printf("mailherd is down; the next mailherd up brings version %s into force, with copies and a way back\n",
			upgrade->state.to.version);
	return 0;
}

static int
drive(struct command_call *call, bool detached, bool may_start)
{
	struct upgrade upgrade = { .call = call, .detached = detached };
	struct err err = { 0 };
	int got, status;

	if (!upgrade_package_is_used(&call->paths))
		(void)refuse_without_package(&err);
	if (err.code != ERR_NONE ||
		upgrade_guard_start(&call->paths,
			detached ? OTHER_DEADLINE_MS : 0, &err) == -1)
		return command_fail(call, &err);
	got = open_upgrade(&upgrade, &err);
	if (got == -1)
		return command_fail(call, &err);
	if (got == 0)
		status = say_nothing_to_do(&upgrade);
	else if (!may_start && !detached &&
		 !s6_scan_running(call->paths.services))
		status = say_down(&upgrade);
	else
		status = run_and_report(&upgrade);
	close_upgrade(&upgrade);
	return status;
}

static int
run_upgrade(struct command_call *call)
{
	return drive(call, command_option(call, "detached") != NULL, false);
}

/* Whether the installed build is another than the one that was in force. */
static bool
is_unproven(const struct paths *paths)
{
	struct upgrade_build installed, proven;
	char path[PATHS_MAX + 64];
	struct err err = { 0 };
	int got = upgrade_proven_read(paths, &proven, &err);

	/* A release that kept no such file was followed by one that does. */
	previous_package(paths, path, sizeof(path));
	if (got == 0)
		return fs_exists(path);
	return got == 1 && upgrade_package_installed(&installed, &err) == 1 &&
	       !is_same(&installed, &proven);
}

bool
upgrade_is_due(const struct command_call *call)
{
	struct upgrade_state state = { 0 };
	struct err err = { 0 };
	int unfinished;

	if (!upgrade_package_is_used(&call->paths))
		return false;
	unfinished = upgrade_state_read(&call->paths, &state, &err);
	json_decref(state.report);
	/* A damaged one is said by who reads it. */
	return unfinished != 0 || is_unproven(&call->paths);
}

int
upgrade_up(struct command_call *call)
{
	return drive(call, false, true);
}

void
upgrade_note_healthy(struct command_call *call)
{
	struct upgrade_build build;
	struct err err = { 0 };

	if (!upgrade_package_is_used(&call->paths) ||
		upgrade_proven_read(&call->paths, &build, &err) != 0 ||
		upgrade_package_installed(&build, &err) != 1 ||
		upgrade_guard_start(&call->paths, 0, &err) == -1 ||
		upgrade_proven_write(&call->paths, &build, &err) == -1)
		return; /* the next healthy start notes it */
}

/* Not below our own unit, whose processes end with the suite. */
static int
detach_by_systemd(const struct command_call *call, struct err *err)
{
	const char *argv[] = { SYSTEMD_RUN, "--quiet", "--no-block",
		"--collect", "--unit=mailherd-upgrade", call->paths.binary,
		"upgrade", "--detached", NULL };
	struct child_spec spec = { .argv = argv,
		.deadline_ms = SYSTEMD_RUN_DEADLINE_MS,
		.inherit_output = true };
	struct child_result result;
	struct strbuf output;
	int answer;

	strbuf_init(&output, 1);
	answer = child_run(&spec, &output, &result, err);
	strbuf_deinit(&output);
	if (answer == 0 && result.status != 0)
		answer = err_set(err, ERR_SYSTEM, "%s ended with status %d",
			argv[0], result.status);
	return answer;
}

/* Its output goes where ours goes. */
static int
detach_by_fork(const struct command_call *call, struct err *err)
{
	const char *const argv[] = { call->paths.binary, "upgrade",
		"--detached", NULL };
	pid_t pid;

	(void)fflush(NULL);
	pid = fork();
	if (pid == -1)
		return err_set(err, ERR_SYSTEM, "the upgrade can not be begun");
	if (pid > 0)
		return 0; /* the supervisor, which we become, waits for it */
	(void)setsid(); /* a child is no group leader */
	(void)execv(argv[0], (char *const *)argv);
	_exit(127);
}

void
upgrade_before_start(struct command_call *call)
{
	struct upgrade upgrade = { .call = call };
	struct err err = { 0 };
	int result;

	if (!upgrade_is_due(call) ||
		upgrade_guard_start(&call->paths, 0, &err) == -1)
		return; /* who holds it does all of this */
	if (open_upgrade(&upgrade, &err) == 1 &&
		upgrade.state.step == UPGRADE_COPY &&
		upgrade_run_copy(&upgrade, &err) == -1)
		fprintf(stderr, "mailherd: %s\n", err.text);
	close_upgrade(&upgrade);
	result = suite_is_systemds(call) ? detach_by_systemd(call, &err)
					 : detach_by_fork(call, &err);
	if (result == -1)
		fprintf(stderr, "mailherd: %s\n", err.text);
}

/* Rollback. */

static int
refuse_rollback(struct err *err, const char *text)
{
	return err_set(err, ERR_NOT_FOUND, "%s", text);
}

/* Fills what to go back to. */
static int
find_target(struct upgrade *upgrade, struct upgrade_point *point_out,
	struct err *err)
{
	const struct paths *paths = &upgrade->call->paths;
	struct upgrade_state *state = &upgrade->state;
	struct upgrade_build kept = { 0 };
	char path[PATHS_MAX + 64];
	int got = upgrade_previous_read(paths, &state->to, point_out, err);

	if (got == -1)
		return -1;
	if (got == 0)
		return refuse_rollback(err,
			"there is no build to go back to: this is the first one that was in force");
	previous_package(paths, path, sizeof(path));
	if (upgrade_package_read(path, &kept, err) == -1)
		return -1;
	if (!is_same(&kept, &state->to))
		return refuse_rollback(err,
			"the package that was kept is not that of the build before");
	got = upgrade_package_installed(&state->from, err);
	if (got == 0)
		return refuse_rollback(
			err, "the package mailherd is only half installed");
	if (got == 1 && is_same(&state->from, &state->to))
		return refuse_rollback(
			err, "the build before is in force already");
	return got == 1 ? 0 : -1;
}

static void
print_time(int64_t ms, char *out, size_t size)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm parts;

	if (localtime_r(&seconds, &parts) == NULL ||
		strftime(out, size, "%Y-%m-%d %H:%M:%S %z", &parts) == 0)
		out[0] = '\0';
}

/* Data of the newer build goes back, too, when the older can not read it. */
static int
settle_data(struct upgrade *upgrade, const struct upgrade_point *point,
	struct err *err)
{
	struct command_call *call = upgrade->call;
	struct upgrade_point now;
	char since[64];

	if (upgrade_data_look(&call->paths, &now, err) == -1)
		return -1;
	if (now.core <= point->core && now.usage <= point->usage)
		return 0;
	if (!upgrade_data_has(&call->paths, point))
		return refuse_rollback(err,
			"the databases are newer than the build before can read, and their copies of then are gone");
	print_time(point->copied_ms, since, sizeof(since));
	if (confirm(call, err,
		    "Version %s can not read the databases as they are. They go back to %s: domains, mailboxes, aliases and passwords changed since then are lost; mail is not.",
		    upgrade->state.to.version, since) == -1)
		return -1;
	upgrade->state.restore = *point;
	return 0;
}

static int
open_rollback(struct upgrade *upgrade, struct err *err)
{
	const struct paths *paths = &upgrade->call->paths;
	struct upgrade_state *state = &upgrade->state;
	struct upgrade_state other = { 0 };
	struct upgrade_point point = { 0 };
	int got = upgrade_state_read(paths, &other, err);

	json_decref(other.report);
	if (got == -1)
		return -1;
	if (got == 1) {
		(void)err_set(err, ERR_BUSY,
			"an upgrade was interrupted at the step %s",
			upgrade_step_name(other.step));
		return err_remedy(err, "mailherd upgrade finishes it");
	}
	if (find_target(upgrade, &point, err) == -1 ||
		settle_data(upgrade, &point, err) == -1)
		return -1;
	state->is_rollback = true;
	state->step = UPGRADE_COPY;
	state->began_s = clock_wall_seconds();
	state->report = upgrade_health_look(upgrade->call);
	return 0;
}

static int
run_rollback(struct command_call *call)
{
	struct upgrade upgrade = { .call = call };
	struct err err = { 0 };
	int status;

	if (!upgrade_package_is_used(&call->paths))
		(void)refuse_without_package(&err);
	if (err.code != ERR_NONE ||
		upgrade_guard_start(&call->paths, 0, &err) == -1 ||
		open_rollback(&upgrade, &err) == -1)
		return command_fail(call, &err);
	status = run_and_report(&upgrade);
	close_upgrade(&upgrade);
	return status;
}

static const struct command_option UPGRADE_OPTIONS[] = {
	{ .name = "detached",
		.sentence =
			"Wait for apt and for a start that is on its way, as the package and the boot want it" },
	{ .name = NULL },
};

static const struct command_option ROLLBACK_OPTIONS[] = {
	{ .name = "yes",
		.sentence =
			"Go back also when that loses changes of domains, mailboxes and aliases" },
	{ .name = NULL },
};

const struct command upgrade_commands[] = {
	{ .name = "upgrade",
		.usage = "",
		.summary = "Bring the installed package into force, or go back",
		.privilege = COMMAND_ROOT,
		.run = run_upgrade,
		.options = UPGRADE_OPTIONS,
		.description =
			"Run by ./up and by the package itself after its installation. Copies the databases, restarts program by program while mail ports stay open, then looks for 30 s whether all is as well as before. If not, the previous package and, where their tables were changed, the databases come back by themselves. An upgrade that was killed is finished or undone." },
	{ .name = "rollback",
		.usage = "",
		.summary = "Go back to the build before the last upgrade",
		.privilege = COMMAND_ROOT,
		.run = run_rollback,
		.options = ROLLBACK_OPTIONS,
		.description =
			"Data stays as it is where the older build can read it; else it goes back to the copies made before the upgrade, after a question. A second rollback goes forward again." },
	{ .name = NULL },
};
