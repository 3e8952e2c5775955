/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-run: the `run` program of every service. It becomes the
 * service: output to the service's FIFO, limits, private mounts, hooks,
 * user, then exec. What it needs stands in the file `launch` of the service
 * directory, which is its working directory.
 *
 * The FIFO is opened for reading too, so that a dead logger neither
 * blocks nor kills the service. A copy of the service that outlived its
 * s6-supervise is ended first: there is one of each. The descriptor 3, on
 * which the program or s6-notifyoncheck reports readiness, is passed on.
 *
 * Services with a probe are started through s6-notifyoncheck, which must
 * begin in the service directory and as root; so this program starts
 * itself again behind it (--second PARENT) to change directory and user.
 *
 * A service with a gate is started only when that program ends well; else
 * s6 tries again, ever more slowly, and `mailherd status` has its words.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/bounds.h"
#include "agent/hooks.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/child.h"
#include "supervise/launch.h"
#include "supervise/mounts.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define SECOND_STAGE "--second"
#define NOTIFY_ON_CHECK "/usr/bin/s6-notifyoncheck"
#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define PREDECESSOR_GRACE_MS 1000
#define GATE_DEADLINE_MS 60000
#define POLL_MS 10
#define EXIT_FAILED 111

static int
open_output(const struct launch *launch, struct err *err)
{
	int input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int output = open(launch->fifo, O_RDWR | O_CLOEXEC);

	if (input == -1 || output == -1)
		return err_errno(err, errno, "opening %s",
			input == -1 ? "/dev/null" : launch->fifo);
	if (dup2(input, 0) == -1 || dup2(output, 1) == -1 ||
		dup2(output, 2) == -1)
		return err_errno(err, errno, "dup2");
	return 0;
}

static void
end_predecessor(const struct record_started *before)
{
	int count;

	if (before->process.pid == 0)
		return;
	count = process_end_session(&before->process, PREDECESSOR_GRACE_MS);
	if (count > 0)
		log_warn("ended what was left of the run before",
			LOG_NUMBER("processes", count),
			LOG_NUMBER("pid", before->process.pid));
}

static int
record_start(
	const struct record_started *before, int generation, struct err *err)
{
	struct record_started now = { .at_ms = clock_wall_ms(),
		.count = before->count + 1,
		.generation = generation };

	if (!process_identify(getpid(), &now.process))
		return err_set(err, ERR_SYSTEM, "reading /proc failed");
	return record_write_started(".", &now, err);
}

static bool
is_ready(const char *service)
{
	struct s6_status status;

	s6_status_read(service, &status);
	return s6_status_running(&status) && status.ready;
}

/* For the few services that start before the sequencer. */
static void
wait_for_others(const struct launch *launch)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	int64_t deadline = clock_monotonic_ms() + launch->start_ms;

	for (size_t i = 0; launch->after[i] != NULL; i++)
		while (!is_ready(launch->after[i])) {
			if (clock_monotonic_ms() > deadline) {
				log_warn("starting without waiting longer",
					LOG_TEXT("for", launch->after[i]));
				return;
			}
			nanosleep(&pause, NULL);
		}
}

static void
set_oom_score(int score)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int length = snprintf(text, sizeof(text), "%d", score);

	/* A container may forbid lowering it; the service runs all the same. */
	if (fd == -1 || write(fd, text, (size_t)length) != length)
		log_warn("oom_score_adj not set, going on",
			LOG_NUMBER("value", score),
			LOG_TEXT("cause", strerror(errno)));
	if (fd != -1)
		close(fd);
}

/* As many as wanted, or as the hard limit allows who may not raise it. */
static void
set_open_files(rlim_t wanted)
{
	struct rlimit limit = { wanted, wanted }, now;

	if (getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_max > wanted)
		limit.rlim_max = now.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	now.rlim_cur = now.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &now) == -1 || now.rlim_max < wanted)
		log_warn("limit of open files is lower than wanted, going on",
			LOG_NUMBER("wanted", wanted),
			LOG_NUMBER("limit", now.rlim_max));
}

static void
set_limits(const struct launch *launch)
{
	umask(022);
	if (launch->oom_score_adj != 0)
		set_oom_score(launch->oom_score_adj);
	if (launch->nofile != 0)
		set_open_files((rlim_t)launch->nofile);
}

static void
make_mounts(const struct launch *launch)
{
	struct err err = { 0 };

	if (mounts_make(launch->mounts, &err) == -1)
		log_warn("private mounts are missing, going on without",
			LOG_ERR(&err));
}

/* One line, that of a terminal or a table. */
static void
make_line(struct strbuf *text)
{
	while (text->length > 0 && text->data[text->length - 1] == '\n')
		text->data[--text->length] = '\0';
	for (size_t i = 0; i < text->length; i++)
		if ((unsigned char)text->data[i] < ' ')
			text->data[i] = ' ';
}

/* Whatever keeps it from its end keeps the service from its start. */
static int
ask_gate(const struct launch *launch, struct strbuf *output, struct err *err)
{
	struct child_spec spec = { .argv = launch->gate,
		.output_max = RECORD_REFUSAL_MAX - 1,
		.deadline_ms = GATE_DEADLINE_MS };
	struct child_result result;

	if (child_run(&spec, output, &result, err) == -1)
		return -1;
	make_line(output);
	if (result.timed_out)
		return err_set(err, ERR_BUSY, "%s did not end in %d s",
			launch->gate[0], GATE_DEADLINE_MS / 1000);
	if (result.status == 0)
		return 0;
	return output->length > 0
		       ? err_set(err, ERR_INVALID, "%s", output->data)
		       : err_set(err, ERR_SYSTEM, "%s ended with status %d",
				 launch->gate[0], result.status);
}

/* What the gate says is kept in full, for `mailherd status`. */
static int
pass_gate(const struct launch *launch, struct err *err)
{
	struct strbuf output;
	struct err ignored;
	int result;

	if (launch->gate[0] == NULL)
		return 0;
	strbuf_init(&output, RECORD_REFUSAL_MAX);
	result = ask_gate(launch, &output, err);
	if (record_write_refusal(".",
		    result == 0         ? ""
		    : output.length > 0 ? output.data
					: err->text,
		    &ignored) == -1)
		log_warn("refusal not noted, going on", LOG_ERR(&ignored));
	strbuf_deinit(&output);
	return result;
}

static void
run_hooks(const struct launch *launch)
{
	const struct hooks hooks = {
		.directory = launch->hooks,
		.service = launch->name,
		.root = launch->root,
		.environment = launch->environment,
		.deadline_ms = HOOKS_DEADLINE_MS,
	};

	if (launch->first[0] != NULL)
		hooks_run_program(&hooks, launch->first);
	/* What an older release prepared has none. */
	if (launch->hooks != NULL)
		hooks_run(&hooks);
}

static int
become_user(const char *name, struct err *err)
{
	uid_t uid;
	gid_t gid;

	if (name == NULL)
		return 0;
	if (fs_user(name, &uid, &gid, err) == -1)
		return -1;
	if (initgroups(name, gid) == -1 || setresgid(gid, gid, gid) == -1 ||
		setresuid(uid, uid, uid) == -1)
		return err_errno(err, errno, "becoming user %s", name);
	return 0;
}

static int
set_environment(const struct launch *launch, struct err *err)
{
	if (clearenv() != 0 || setenv("PATH", DEFAULT_PATH, 1) == -1 ||
		setenv("LANG", "C.UTF-8", 1) == -1)
		return err_errno(err, errno, "setting the environment");
	for (size_t i = 0; launch->environment[i] != NULL; i++) {
		char name[128];
		const char *pair = launch->environment[i];
		const char *equals = strchr(pair, '=');

		if (equals == NULL || equals - pair >= (int)sizeof(name))
			return err_set(err, ERR_INVALID,
				"environment \"%s\" is not NAME=value", pair);
		snprintf(
			name, sizeof(name), "%.*s", (int)(equals - pair), pair);
		if (setenv(name, equals + 1, 1) == -1)
			return err_errno(err, errno, "setting %s", name);
	}
	return 0;
}

/* As root: nobody else may cut. A container that forbids it has cut already. */
static void
cut_bounds(const struct launch *launch)
{
	struct err err;

	if (bounds_cut(launch->capabilities, &err) == -1)
		log_warn("capabilities not bounded, going on", LOG_ERR(&err));
}

/*
 * Debian's AppArmor profiles of Unbound and ClamAV know the paths of
 * Debian's own instance and nothing else: ours could not read its
 * configuration. They are left for this one exec. Without AppArmor, or in a
 * container that has a profile of its own, nothing changes.
 */
static void
leave_profile(void)
{
	static const char *const FILES[] = { "/proc/self/attr/apparmor/exec",
		"/proc/self/attr/exec" };
	static const char WORDS[] = "exec unconfined";
	bool done = false;

	for (size_t i = 0; !done && i < ARRAY_LENGTH(FILES); i++) {
		int fd = open(FILES[i], O_WRONLY | O_CLOEXEC);

		if (fd == -1)
			continue;
		done = write(fd, WORDS, strlen(WORDS)) > 0;
		close(fd);
	}
}

static void
reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* a valid call */
}

/* Returns only on failure. */
static int
become_service(const struct launch *launch, pid_t parent, struct err *err)
{
	/* Not the service directory: that is root's alone. */
	const char *directory = launch->directory ? launch->directory : "/";

	if (chdir(directory) == -1)
		return err_errno(err, errno, "chdir %s", directory);
	leave_profile(); /* as root: others may not */
	cut_bounds(launch);
	if (set_environment(launch, err) == -1 ||
		become_user(launch->user, err) == -1)
		return -1;
	/* Changing the user clears it, so it comes after that. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1)
		return err_errno(err, errno, "prctl");
	if (launch->no_new_privs &&
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return err_errno(err, errno, "PR_SET_NO_NEW_PRIVS");
	if (getppid() != parent)
		return err_set(err, ERR_SYSTEM, "the supervisor is gone");
	reset_signals();
	/* Whoever started s6-svscan may have left something open. The
	 * descriptor 3, for readiness, is the service's. */
	(void)close_range(4, ~0U, 0);
	execv(launch->argv[0], (char *const *)launch->argv);
	return err_errno(err, errno, "starting %s", launch->argv[0]);
}

/* Returns only on failure. */
static int
start_with_probe(pid_t parent, struct err *err)
{
	char self[PATH_MAX], parent_text[16];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	const char *argv[] = { NOTIFY_ON_CHECK, "-d", "-n", "0", "-w", "50",
		self, SECOND_STAGE, parent_text, NULL };

	if (length == -1)
		return err_errno(err, errno, "reading /proc/self/exe");
	self[length] = '\0';
	snprintf(parent_text, sizeof(parent_text), "%d", (int)parent);
	execv(argv[0], (char *const *)argv);
	return err_errno(err, errno, "starting %s", argv[0]);
}

/* Nobody of the predecessor is left who could still hold one. */
static void
remove_leftovers(const struct launch *launch)
{
	for (const char *const *path = launch->leftovers; *path; path++) {
		if (unlink(*path) == -1 && errno != ENOENT)
			log_warn("leftover not removed, going on",
				LOG_TEXT("file", *path),
				LOG_NUMBER("errno", errno));
	}
}

/* Returns only on failure. */
static int
first_stage(const struct launch *launch, int generation, struct err *err)
{
	pid_t parent = getppid();
	struct record_started before;

	/* An orphan must not start anything: its service has a new owner. */
	if (s6_supervisor_pid(".") != parent)
		return err_set(err, ERR_SYSTEM, "the supervisor is gone");
	if (open_output(launch, err) == -1)
		return -1;
	record_read_started(".", &before);
	end_predecessor(&before);
	wait_for_others(launch);
	if (record_start(&before, generation, err) == -1)
		return -1;
	remove_leftovers(launch);
	set_limits(launch);
	make_mounts(launch);
	if (pass_gate(launch, err) == -1)
		return -1;
	run_hooks(launch);
	if (launch->probe[0] != NULL)
		return start_with_probe(parent, err);
	return become_service(launch, parent, err);
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct launch launch;
	struct err err;
	char path[PATH_MAX];
	int generation = launch_resolve(".", path);
	int result = launch_read(path, arena, &launch, &err);

	if (result == 0 && argc == 3 && strcmp(argv[1], SECOND_STAGE) == 0)
		result = become_service(
			&launch, (pid_t)strtol(argv[2], NULL, 10), &err);
	else if (result == 0)
		result = first_stage(&launch, generation, &err);
	log_error("service not started", LOG_ERR(&err));
	arena_free(&arena);
	return result == 0 ? 0 : EXIT_FAILED;
}
