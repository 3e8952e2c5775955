/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-prepare brings the run tree up to date, then s6-svscan starts
 * it; everything about the order of services is the agent's. A tree whose
 * s6-svscan was killed is ended first.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/mail_keys.h"
#include "cli/suite.h"
#include "io/child.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define SVSCAN "/usr/bin/s6-svscan"
#define PREPARE_DEADLINE_MS 300000
#define OUTPUT_MAX 16384
#define ORPHAN_DEADLINE_MS 15000
#define START_DEADLINE_MS 5000
#define UNIT_DEADLINE_MS 60000
#define POLL_MS 20

static int
check_set_up(const struct command_call *call, struct err *err)
{
	if (fs_exists(call->paths.config))
		return 0;
	err_set(err, ERR_NOT_FOUND, "%s does not exist", call->paths.config);
	return err_remedy(err,
		"mailherd setup --hostname mail.example.org --domain example.org");
}

static int
prepare(const struct command_call *call, struct err *err)
{
	const char *argv[] = { arena_printf(call->arena, "%s/mailherd-prepare",
				       call->paths.programs),
		"--root", arena_printf(call->arena, "%s/", call->paths.root),
		"--keep-last", NULL };
	struct child_spec spec = { .argv = argv,
		.output_max = OUTPUT_MAX,
		.deadline_ms = PREPARE_DEADLINE_MS };
	struct strbuf output;
	int answer;

	strbuf_init(&output, OUTPUT_MAX);
	answer = child_succeed(&spec, "preparing the start", &output, err);
	if (answer == -1)
		err->code = ERR_INVALID; /* a configuration, mostly */
	else if (strstr(output.data, "stays in force") != NULL ||
		 strstr(output.data, "warning: ") != NULL)
		(void)fputs(output.data, stderr);
	strbuf_deinit(&output);
	return answer;
}

/* What a killed s6-svscan left behind would stand in the new one's way. */
static int
end_orphans(const struct command_call *call, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + ORPHAN_DEADLINE_MS;

	if (suite_each_supervisor(call->paths.services, "dx") == 0)
		return 0;
	if (!call->json)
		puts("ending services whose supervisor was killed");
	while (suite_each_supervisor(call->paths.services, NULL) > 0) {
		if (clock_monotonic_ms() > deadline_ms)
			return err_set(err, ERR_BUSY,
				"services of an earlier start do not end");
		suite_pause(POLL_MS);
	}
	return 0;
}

static int
write_run_file(const struct command_call *call, const char *name,
	const char *text, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", call->paths.run, name);
	return record_replace(path, text, 0600, err);
}

/* Messages of s6 itself go where those of the services go. */
static int
open_output(const struct command_call *call, struct err *err)
{
	char path[PATH_MAX];
	int input, output;

	snprintf(path, sizeof(path), "%s/s6", call->paths.fifos);
	input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	output = open(path, O_RDWR | O_CLOEXEC);
	if (input == -1 || output == -1)
		return err_errno(err, errno, "opening %s", path);
	if (dup2(input, 0) == -1 || dup2(output, 1) == -1 ||
		dup2(output, 2) == -1)
		return err_errno(err, errno, "dup2");
	return 0;
}

int
suite_become(const struct command_call *call, struct err *err)
{
	const char *argv[] = { SVSCAN, call->paths.services, NULL };
	static const char *const environment[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=C.UTF-8", NULL
	};
	sigset_t none;

	if (open_output(call, err) == -1)
		return -1;
	if (chdir("/") == -1)
		return err_errno(err, errno, "chdir /");
	umask(022);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* a valid call */
	/* A lock or pipe of the script that called us would be held for ever. */
	(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	execve(argv[0], (char *const *)argv, (char *const *)environment);
	return err_errno(err, errno, "starting %s", argv[0]);
}

static int
start_svscan(const struct command_call *call, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + START_DEADLINE_MS;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == -1)
		return err_errno(err, errno, "fork");
	if (pid == 0) {
		struct err child_err = { 0 };

		(void)setsid(); /* a child is no group leader */
		if (suite_become(call, &child_err) == -1)
			fprintf(stderr, "%s\n", child_err.text);
		_exit(1);
	}
	while (!s6_scan_running(call->paths.services)) {
		if (clock_monotonic_ms() > deadline_ms)
			return err_set(
				err, ERR_SYSTEM, "s6-svscan does not start");
		suite_pause(1);
	}
	return 0;
}

/*
 * An instance of a release without encryption gets its key before files
 * name it. What stands in the way keeps only Dovecot from its start.
 */
static void
ensure_mail_key(const struct command_call *call)
{
	struct err err = { 0 };
	bool made;

	if (mail_keys_ensure(&call->paths, &made, &err) == -1)
		fprintf(stderr, "mailherd: %s (%s)\n", err.text, err.remedy);
}

int
suite_prepare(const struct command_call *call, struct err *err)
{
	const char *manager = getenv("NOTIFY_SOCKET");

	if (check_set_up(call, err) == -1 || end_orphans(call, err) == -1)
		return -1;
	ensure_mail_key(call);
	if (prepare(call, err) == -1 ||
		write_run_file(call, "wanted", "up\n", err) == -1)
		return -1;
	return write_run_file(call, "notify", manager ? manager : "", err);
}

static int
start_by_systemd(
	const struct command_call *call, const char *option, struct err *err)
{
	int status;

	if (check_set_up(call, err) == -1 ||
		suite_systemctl("start", option, &status, err) == -1)
		return -1;
	if (status == 0)
		return 0;
	(void)err_set(err, ERR_SYSTEM, "systemctl start ended with status %d",
		status);
	return err_remedy(err, "journalctl -u mailherd says why");
}

int
suite_begin(
	const struct command_call *call, const char *option, struct err *err)
{
	if (s6_scan_running(call->paths.services))
		return 0;
	if (suite_is_systemds(call))
		return start_by_systemd(call, option, err);
	if (suite_prepare(call, err) == -1)
		return -1;
	return start_svscan(call, err);
}

/* systemctl would wait for READY, which a suite that fails never says. */
int
suite_start(struct command_call *call, struct err *err)
{
	int64_t deadline_ms = clock_monotonic_ms() + UNIT_DEADLINE_MS;
	json_t *reply;

	if (suite_begin(call, "--no-block", err) == -1)
		return -1;
	while (!s6_scan_running(call->paths.services)) {
		if (clock_monotonic_ms() > deadline_ms) {
			(void)err_set(err, ERR_SYSTEM,
				"mailherd.service does not start");
			return err_remedy(
				err, "journalctl -u mailherd says why");
		}
		suite_pause(POLL_MS);
	}
	if (suite_wait(call, &reply, err) == -1)
		return -1;
	json_decref(reply);
	return 0;
}
