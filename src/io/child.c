/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parent prepares everything that allocates (groups, environment); the
 * child only makes system calls, and tells a failure before exec through a
 * pipe that exec closes. The child leads a process group, so that the
 * deadline ends its children too. A pidfd tells of its end: no SIGCHLD
 * handler, no process-wide table.
 */
#include "io/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"

#define CHILD_GROUPS_MAX 64
#define CHILD_READ_CHUNK 8192
#define CHILD_LAST_READS 128 /* more than a pipe holds */
#define CHILD_LAST_WORDS 400 /* of what a failed one said */
#define CHILD_SIGNAL_STATUS 128

static const char CHILD_PATH[] =
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* What the new process does before exec, looked up by the parent. */
struct child_plan {
	const struct child_spec *spec;
	bool change_user;
	uid_t uid;
	gid_t gid;
	gid_t groups[CHILD_GROUPS_MAX];
	int group_count;
	pid_t parent;
	const char *environment[4];
	char timezone[128];
	int input_fd; /* becomes standard input */
	int output_fd; /* becomes standard output; -1: inherited */
	int errors_fd; /* becomes standard error; -1: as output */
	int failure_fd;
};

/* Written to failure_fd by a child that could not exec. */
struct child_failure {
	int errno_value;
	char step[32];
};

struct child {
	pid_t pid;
	int pid_fd;
	int input_fd, output_fd; /* -1: none (any more) */
	int errors_fd; /* a file in memory; -1: none */
	struct strbuf input, output;
	struct strbuf *errors;
	struct event *exit_event, *input_event, *output_event, *deadline_event;
	struct child_result result;
	struct err err; /* why it did not start */
	void (*heard)(struct span bytes, void *context);
	child_done_fn *done;
	void *context;
};

NORETURN static void
give_up(const struct child_plan *plan, const char *step)
{
	struct child_failure failure = { .errno_value = errno };
	memcpy(failure.step, step, strnlen(step, sizeof(failure.step) - 1));
	ssize_t written = write(plan->failure_fd, &failure, sizeof(failure));
	(void)written;
	_exit(127);
}

/* A container may forbid mounts: the program then sees the plain tree. */
static void
mount_privately(const struct child_plan *plan)
{
	const char *source = plan->spec->private_mount;
	if (!source)
		return;
	const char *target = source + strlen(source) + 1;
	if (unshare(CLONE_NEWNS) < 0) {
		if (errno == EPERM)
			return;
		give_up(plan, "private mounts");
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount(source, target, NULL, MS_BIND, NULL) < 0) {
		if (errno != EPERM)
			give_up(plan, "private mount");
	}
}

static void
become_user(const struct child_plan *plan)
{
	if (!plan->change_user)
		return;
	if (setgroups((size_t)plan->group_count, plan->groups) < 0 ||
		setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
		setresuid(plan->uid, plan->uid, plan->uid) < 0)
		give_up(plan, "change of user");
}

static int
limit_memory(size_t bytes)
{
	const struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };
	return setrlimit(RLIMIT_AS, &limit);
}

/* After the change of user, which takes the death signal back. */
static void
stay_below(const struct child_plan *plan)
{
	const struct child_spec *spec = plan->spec;
	if (spec->nice > 0 && setpriority(PRIO_PROCESS, 0, spec->nice) < 0)
		give_up(plan, "nice");
	if (spec->memory_max > 0 && limit_memory(spec->memory_max) < 0)
		give_up(plan, "limit of memory");
	if (!spec->ends_with_us)
		return;
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
		give_up(plan, "death signal");
	if (getppid() != plan->parent)
		_exit(127); /* it ended before we asked */
}

static void
set_descriptors(const struct child_plan *plan)
{
	if (dup2(plan->input_fd, STDIN_FILENO) < 0)
		give_up(plan, "standard input");
	int errors_fd =
		plan->errors_fd >= 0 ? plan->errors_fd : plan->output_fd;
	if (plan->output_fd >= 0 && dup2(plan->output_fd, STDOUT_FILENO) < 0)
		give_up(plan, "standard output");
	if (errors_fd >= 0 && dup2(errors_fd, STDERR_FILENO) < 0)
		give_up(plan, "standard error");
	/* Ours are CLOEXEC; those of libraries need not be. */
	(void)close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
}

static void
reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL); /* not all can be set */
	sigprocmask(SIG_SETMASK, &none, NULL);
}

NORETURN static void
become_program(const struct child_plan *plan)
{
	const struct child_spec *spec = plan->spec;
	setpgid(0, 0);
	reset_signals();
	mount_privately(plan);
	set_descriptors(plan);
	become_user(plan);
	stay_below(plan);
	if (chdir(spec->directory ? spec->directory : "/") < 0)
		give_up(plan, "working directory");
	const char *const *environment =
		spec->environment ? spec->environment : plan->environment;
	execve(spec->argv[0], (char *const *)spec->argv,
		(char *const *)environment);
	give_up(plan, "execution");
}

static int
plan_user(struct child_plan *plan, struct err *err)
{
	const char *user = plan->spec->user;
	if (!user)
		return 0;
	if (fs_user(user, &plan->uid, &plan->gid, err) < 0)
		return -1;
	plan->group_count = CHILD_GROUPS_MAX;
	if (getgrouplist(user, plan->gid, plan->groups, &plan->group_count) < 0)
		return err_set(
			err, ERR_SYSTEM, "user %s is in too many groups", user);
	plan->change_user = true;
	return 0;
}

static void
plan_environment(struct child_plan *plan)
{
	const char *zone = getenv("TZ");
	plan->environment[0] = CHILD_PATH;
	plan->environment[1] = "LANG=C";
	if (!zone)
		return;
	snprintf(plan->timezone, sizeof(plan->timezone), "TZ=%s", zone);
	plan->environment[2] = plan->timezone;
}

/* The program's ends of its pipes, ours in *child. */
static int
open_pipes(struct child *child, struct child_plan *plan, struct err *err)
{
	int ends[2];
	if (plan->spec->input.length == 0) {
		plan->input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	} else if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) ==
		   0) {
		/* A socket, because MSG_NOSIGNAL spares us SIGPIPE. */
		plan->input_fd = ends[0];
		child->input_fd = ends[1];
	}
	if (plan->input_fd < 0)
		return err_errno(err, errno, "standard input of a child");
	if (plan->spec->inherit_output)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	child->output_fd = ends[0];
	plan->output_fd = ends[1];
	if (!child->errors)
		return 0;
	/* Nobody reads meanwhile, and it must not block. */
	plan->errors_fd = child->errors_fd =
		memfd_create("standard error", MFD_CLOEXEC);
	if (child->errors_fd < 0)
		return err_errno(err, errno, "standard error of a child");
	return 0;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Reads the child's complaint; nothing comes when exec succeeded. */
static int
check_exec(int failure_fd, const char *program, struct err *err)
{
	struct child_failure failure;
	ssize_t got;
	do {
		got = read(failure_fd, &failure, sizeof(failure));
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(failure))
		return 0;
	failure.step[sizeof(failure.step) - 1] = '\0';
	return err_errno(err, failure.errno_value, "starting %s: %s", program,
		failure.step);
}

static int
fork_program(struct child *child, struct child_plan *plan, struct err *err)
{
	int failure[2];
	if (pipe2(failure, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	plan->failure_fd = failure[1];
	plan->parent = getpid();
	fflush(NULL);
	child->pid = fork();
	if (child->pid == 0)
		become_program(plan);
	int errno_value = errno;
	close(failure[1]);
	int result = child->pid < 0
			     ? err_errno(err, errno_value, "fork")
			     : check_exec(failure[0], plan->spec->argv[0], err);
	close(failure[0]);
	if (child->pid > 0 && result < 0)
		waitpid(child->pid, NULL, 0);
	if (result < 0)
		return -1;
	child->pid_fd = pidfd_open(child->pid, 0);
	if (child->pid_fd < 0) {
		errno_value = errno;
		kill(-child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
		return err_errno(err, errno_value, "pidfd_open");
	}
	fcntl(child->pid_fd, F_SETFD, FD_CLOEXEC);
	return 0;
}

static int
spawn(struct child *child, const struct child_spec *spec, struct err *err)
{
	struct child_plan plan = {
		.spec = spec, .input_fd = -1, .output_fd = -1, .errors_fd = -1
	};
	plan_environment(&plan);
	int result = plan_user(&plan, err);
	if (result == 0)
		result = open_pipes(child, &plan, err);
	if (result == 0)
		result = fork_program(child, &plan, err);
	close_fd(&plan.input_fd);
	close_fd(&plan.output_fd);
	return result;
}

static void
free_event(struct event **event)
{
	if (*event)
		event_free(*event);
	*event = NULL;
}

static void
child_end(struct child *child)
{
	bool started = child->pid > 0 && child->pid_fd >= 0;
	free_event(&child->exit_event);
	free_event(&child->input_event);
	free_event(&child->output_event);
	free_event(&child->deadline_event);
	close_fd(&child->input_fd);
	close_fd(&child->output_fd);
	close_fd(&child->errors_fd);
	close_fd(&child->pid_fd);
	child->done(started ? &child->result : NULL, &child->output,
		started ? NULL : &child->err, child->context);
	strbuf_deinit(&child->input);
	strbuf_deinit(&child->output);
	x_release(child);
}

/* What is over the limit is dropped: a clean beginning is kept. */
static void
keep_output(struct child *child, const char *bytes, size_t length)
{
	size_t room = child->output.limit - child->output.length;
	strbuf_add(&child->output, bytes, length < room ? length : room);
	if (child->heard)
		child->heard((struct span){ bytes, length }, child->context);
}

static void
on_output(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	char chunk[CHILD_READ_CHUNK];
	(void)what;
	ssize_t got = read(fd, chunk, sizeof(chunk));
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (got > 0) {
		keep_output(child, chunk, (size_t)got);
		return;
	}
	free_event(&child->output_event);
	close_fd(&child->output_fd);
}

static void
on_input_room(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	(void)what;
	ssize_t sent = send(fd, child->input.data, child->input.length,
		MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (sent > 0)
		strbuf_consume(&child->input, (size_t)sent);
	if (sent > 0 && child->input.length > 0)
		return;
	/* All is sent, or the program does not read: both end its input. */
	free_event(&child->input_event);
	close_fd(&child->input_fd);
}

/*
 * What the program wrote before it ended. Grandchildren are not awaited,
 * and may write faster than we read: then this is enough.
 */
static void
read_last_output(struct child *child)
{
	char chunk[CHILD_READ_CHUNK];
	if (child->output_fd < 0)
		return;
	for (int i = 0; i < CHILD_LAST_READS; i++) {
		ssize_t got = read(child->output_fd, chunk, sizeof(chunk));
		if (got <= 0)
			return;
		keep_output(child, chunk, (size_t)got);
	}
}

static void
read_errors(struct child *child)
{
	char chunk[CHILD_READ_CHUNK];
	off_t from = 0;
	ssize_t got;

	if (child->errors_fd < 0)
		return;
	while ((got = pread(child->errors_fd, chunk, sizeof(chunk), from)) >
		0) {
		size_t room = child->errors->limit - child->errors->length;
		strbuf_add(child->errors, chunk,
			(size_t)got < room ? (size_t)got : room);
		from += got;
	}
}

static void
on_exit_of_program(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	int status = 0;
	(void)fd;
	(void)what;
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	child->result.status = WIFSIGNALED(status)
				       ? CHILD_SIGNAL_STATUS + WTERMSIG(status)
				       : WEXITSTATUS(status);
	read_last_output(child);
	read_errors(child);
	child_end(child);
}

static void
on_deadline(evutil_socket_t fd, short what, void *context)
{
	struct child *child = context;
	(void)fd;
	(void)what;
	child->result.timed_out = true;
	kill(-child->pid, SIGKILL);
	kill(child->pid, SIGKILL); /* it may have left its group */
}

static void
on_not_started(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	child_end(context);
}

static struct event *
watch(struct event_base *loop, int fd, short what, event_callback_fn on,
	struct child *child)
{
	struct event *event = event_new(loop, fd, what, on, child);
	BUG_ON(!event);
	return event;
}

static struct event *
watch_fd(struct event_base *loop, int fd, short what, event_callback_fn on,
	struct child *child)
{
	if (fd < 0)
		return NULL;
	struct event *event = watch(loop, fd, what, on, child);
	event_add(event, NULL);
	return event;
}

static void
watch_child(struct event_base *loop, struct child *child, int deadline_ms)
{
	if (child->output_fd >= 0)
		evutil_make_socket_nonblocking(child->output_fd);
	child->output_event = watch_fd(
		loop, child->output_fd, EV_READ | EV_PERSIST, on_output, child);
	child->input_event = watch_fd(loop, child->input_fd,
		EV_WRITE | EV_PERSIST, on_input_room, child);
	child->exit_event = watch_fd(
		loop, child->pid_fd, EV_READ, on_exit_of_program, child);
	if (deadline_ms <= 0)
		return;
	struct timeval wait = { .tv_sec = deadline_ms / 1000,
		.tv_usec = deadline_ms % 1000 * 1000 };
	child->deadline_event = watch(loop, -1, 0, on_deadline, child);
	event_add(child->deadline_event, &wait);
}

void
child_start(struct event_base *loop, const struct child_spec *spec,
	child_done_fn *done, void *context)
{
	BUG_ON(!spec->argv[0] || spec->argv[0][0] != '/');
	struct child *child = xmalloc(sizeof(*child));
	child->pid_fd = child->input_fd = child->output_fd = -1;
	child->errors_fd = -1;
	child->errors = spec->errors;
	child->heard = spec->on_output;
	child->done = done;
	child->context = context;
	strbuf_init(&child->output, spec->output_max);
	strbuf_init(&child->input, spec->input.length);
	strbuf_add_span(&child->input, spec->input);
	if (spawn(child, spec, &child->err) == 0) {
		watch_child(loop, child, spec->deadline_ms);
		return;
	}
	child->pid = -1;
	const struct timeval now = { 0 };
	child->exit_event = watch(loop, -1, 0, on_not_started, child);
	event_add(child->exit_event, &now);
}

struct child_waiter {
	struct strbuf *output;
	struct child_result *result_out;
	struct err *err;
	int status;
};

static void
on_done(const struct child_result *result, const struct strbuf *output,
	const struct err *err, void *context)
{
	struct child_waiter *waiter = context;
	if (!result) {
		waiter->status =
			err_set(waiter->err, err->code, "%s", err->text);
		return;
	}
	*waiter->result_out = *result;
	if (waiter->output)
		strbuf_add_span(waiter->output, strbuf_span(output));
}

int
child_run(const struct child_spec *spec, struct strbuf *output,
	struct child_result *result_out, struct err *err)
{
	struct child_waiter waiter = { output, result_out, err, 0 };
	struct event_base *loop = event_base_new();
	if (!loop)
		return err_set(err, ERR_SYSTEM, "no event loop");
	child_start(loop, spec, on_done, &waiter);
	event_base_dispatch(loop);
	event_base_free(loop);
	return waiter.status;
}

static void
trim_end(struct strbuf *output)
{
	while (output->length > 0 && output->data[output->length - 1] == '\n')
		output->data[--output->length] = '\0';
}

static int
judge(const struct child_result *result, const struct strbuf *said,
	const char *what, struct err *err)
{
	size_t skip = said->length > CHILD_LAST_WORDS
			      ? said->length - CHILD_LAST_WORDS
			      : 0;
	if (result->timed_out)
		return err_set(err, ERR_SYSTEM, "%s: no end in time", what);
	if (result->status == 0)
		return 0;
	if (said->length == 0)
		return err_set(err, ERR_SYSTEM, "%s: it ended with status %d",
			what, result->status);
	return err_set(err, ERR_SYSTEM, "%s: %s", what, said->data + skip);
}

int
child_succeed(const struct child_spec *spec, const char *what,
	struct strbuf *output, struct err *err)
{
	struct child_result result;
	struct strbuf said;

	strbuf_init(&said, spec->output_max);
	int answer = child_run(spec, &said, &result, err);
	if (answer == 0 && output)
		strbuf_add_span(output, strbuf_span(&said));
	struct strbuf *last = spec->errors ? spec->errors : &said;
	trim_end(last);
	if (answer == 0)
		answer = judge(&result, last, what, err);
	strbuf_deinit(&said);
	return answer;
}
