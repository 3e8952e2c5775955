/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our reading of s6 against s6 itself (a real s6-supervise and s6-svstat),
 * launch files and records through their files, and the end of a session.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "supervise/launch.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define DEADLINE_MS 10000
#define SUPERVISE "/usr/bin/s6-supervise"
#define SVSTAT "/usr/bin/s6-svstat"

struct fixture {
	char directory[64];
};

static int
set_up(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/mh-s6-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int result = fs_remove_tree(f->directory, &err);

	x_free(state);
	return result;
}

static void
write_file(const struct fixture *f, const char *name, const char *text,
	mode_t mode)
{
	char path[128];
	struct err err;

	snprintf(path, sizeof(path), "%s/%s", f->directory, name);
	assert_int_equal(record_replace(path, text, mode, &err), 0);
}

static void
test_refusal(void **state)
{
	const struct fixture *f = *state;
	char text[RECORD_REFUSAL_MAX];
	struct err err;

	record_read_refusal(f->directory, text);
	assert_string_equal(text, "");
	/* Nothing to take back: no file is made. */
	assert_int_equal(record_write_refusal(f->directory, "", &err), 0);
	snprintf(text, sizeof(text), "%s/" RECORD_REFUSED, f->directory);
	assert_false(fs_exists(text));
	assert_int_equal(record_write_refusal(f->directory, "why", &err), 0);
	record_read_refusal(f->directory, text);
	assert_string_equal(text, "why");
	assert_int_equal(record_write_refusal(f->directory, "", &err), 0);
	record_read_refusal(f->directory, text);
	assert_string_equal(text, "");
}

static pid_t
start(const char *const *argv)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		execv(argv[0], (char *const *)argv);
		_exit(127);
	}
	return pid;
}

/* Until the condition holds; fails after the deadline. */
#define wait_until(condition)                                                  \
	do {                                                                   \
		int64_t until = clock_monotonic_ms() + DEADLINE_MS;            \
		while (!(condition)) {                                         \
			const struct timespec pause = { .tv_nsec = 2000000 };  \
			assert_true(clock_monotonic_ms() < until);             \
			nanosleep(&pause, NULL);                               \
		}                                                              \
	} while (0)

static struct s6_status
status_of(const struct fixture *f)
{
	struct s6_status status;

	s6_status_read(f->directory, &status);
	return status;
}

/* What s6-svstat says, in its own words. */
static void
ask_svstat(const struct fixture *f, char *answer, size_t size)
{
	int ends[2], status;
	ssize_t length;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], 1);
		execl(SVSTAT, SVSTAT, "-o",
			"pid,ready,wantedup,exitcode,signum", f->directory,
			(char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	length = read(ends[0], answer, size - 1);
	close(ends[0]);
	assert_true(length > 0);
	answer[length] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
assert_same_as_svstat(const struct fixture *f)
{
	struct s6_status status = status_of(f);
	bool is_up = s6_status_running(&status);
	char want[128], got[128];

	ask_svstat(f, want, sizeof(want));
	snprintf(got, sizeof(got), "%d %s %s %d %d\n",
		is_up ? (int)status.pid : -1, status.ready ? "true" : "false",
		status.wanted_up ? "true" : "false",
		is_up || status.exit_signal ? -1 : status.exit_code,
		is_up || !status.exit_signal ? -1 : status.exit_signal);
	assert_string_equal(got, want);
}

static void
test_status_as_s6_says(void **state)
{
	struct fixture *f = *state;
	const char *argv[] = { SUPERVISE, f->directory, NULL };
	struct s6_status status;
	pid_t supervisor;

	if (access(SUPERVISE, X_OK) == -1) {
		print_message("skipped: " SUPERVISE " is not installed\n");
		skip();
	}
	write_file(f, "run", "#!/bin/sh\necho >&3\nexec sleep 1000\n", 0755);
	write_file(f, "notification-fd", "3\n", 0644);
	write_file(f, "down", "", 0644);
	assert_false(status_of(f).supervised);
	assert_false(s6_command(f->directory, "u"));
	assert_int_equal(s6_supervisor_pid(f->directory), 0);

	supervisor = start(argv);
	wait_until(status_of(f).supervised);
	assert_int_equal(s6_supervisor_pid(f->directory), supervisor);
	status = status_of(f);
	assert_false(s6_status_running(&status));
	assert_false(status.wanted_up);

	assert_true(s6_command(f->directory, "u"));
	wait_until(status_of(f).ready);
	assert_same_as_svstat(f);
	status = status_of(f);
	assert_true(s6_status_running(&status));

	assert_true(s6_command(f->directory, "d"));
	wait_until(status_of(f).pid == 0);
	assert_same_as_svstat(f);
	assert_int_equal(status_of(f).exit_signal, SIGTERM);
	assert_true(s6_command(f->directory, "x"));
	assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
	assert_false(status_of(f).supervised);
}

static void
test_launch_round_trip(void **state)
{
	struct fixture *f = *state;
	struct launch before = { .argv = { "/bin/x", "-c", "a=b" },
		.first = { "/bin/tidy", "-x" },
		.environment = { "A=b c", "TZ=Etc/UTC" },
		.mounts = { "/a /b" },
		.user = "nobody",
		.fifo = "/f",
		.start_ms = 5000,
		.oom_score_adj = -300 };
	struct launch after;
	struct arena *arena = arena_new();
	struct strbuf text;
	char path[128];
	struct err err;

	strbuf_init(&text, 4096);
	launch_print(&text, &before);
	write_file(f, LAUNCH_FILE, text.data, 0644);
	strbuf_deinit(&text);
	snprintf(path, sizeof(path), "%s/" LAUNCH_FILE, f->directory);
	assert_int_equal(launch_read(path, arena, &after, &err), 0);
	assert_string_equal(after.argv[2], "a=b");
	assert_null(after.argv[3]);
	assert_string_equal(after.first[1], "-x");
	assert_string_equal(after.environment[0], "A=b c");
	assert_string_equal(after.mounts[0], "/a /b");
	assert_string_equal(after.user, "nobody");
	assert_null(after.directory);
	assert_int_equal(after.oom_score_adj, -300);
	write_file(f, LAUNCH_FILE, "user = root\n", 0644);
	assert_int_equal(launch_read(path, arena, &after, &err), -1);
	arena_free(&arena);
}

static void
test_records(void **state)
{
	struct fixture *f = *state;
	struct record_started started = { { 42, 4711 }, 1000, 3 };
	struct record_ended ended = { 2000, 0, 9, 2, 1, 77 };
	struct err err;

	assert_int_equal(record_write_started(f->directory, &started, &err), 0);
	assert_int_equal(record_write_ended(f->directory, &ended, &err), 0);
	started = (struct record_started){ 0 };
	ended = (struct record_ended){ 0 };
	record_read_started(f->directory, &started);
	record_read_ended(f->directory, &ended);
	assert_int_equal(started.process.pid, 42);
	assert_int_equal(started.process.start_ticks, 4711);
	assert_int_equal(started.count, 3);
	assert_int_equal(ended.exit_signal, 9);
	/* Another boot: the number may belong to a stranger by now. */
	write_file(
		f, RECORD_STARTED, "42 4711 1000 3 some-other-boot/1\n", 0644);
	record_read_started(f->directory, &started);
	assert_int_equal(started.process.pid, 0);
	assert_int_equal(started.count, 3);
	assert_int_equal(ended.row, 1);
	assert_int_equal(ended.finish_pid, 77);
	write_file(f, RECORD_ENDED, "nonsense\n", 0644);
	record_read_ended(f->directory, &ended);
	assert_int_equal(ended.at_ms, 0);
}

static void
test_which_ends_make_the_row_longer(void **state)
{
	static const struct {
		const char *name;
		int64_t lived_ms;
		int code, signal;
		enum record_end how;
		int64_t want_row, want_count; /* from 4 and 2 */
	} CASES[] = {
		{ "a failure", 5000, 1, 0, RECORD_ENDED_BY_ITSELF, 5, 3 },
		{ "a crash", 5000, 0, SIGSEGV, RECORD_ENDED_BY_ITSELF, 5, 3 },
		{ "a clean end at once", 10, 0, 0, RECORD_ENDED_BY_ITSELF, 5,
			2 },
		{ "a clean end after a second", 1000, 0, 0,
			RECORD_ENDED_BY_ITSELF, 5, 2 },
		{ "just not long enough", 14999, 0, 0, RECORD_ENDED_BY_ITSELF,
			5, 2 },
		{ "long enough", 15000, 0, 0, RECORD_ENDED_BY_ITSELF, 0, 2 },
		{ "a failure after long", 15000, 1, 0, RECORD_ENDED_BY_ITSELF,
			0, 3 },
		{ "a stranger's SIGTERM", 5000, 0, SIGTERM,
			RECORD_ENDED_BY_ITSELF, 5, 2 },
		{ "asked for", 10, 1, 0, RECORD_ENDED_ASKED, 0, 2 },
		{ "anew", 1000, 76, 0, RECORD_ENDED_RENEWS, 4, 2 },
		{ "anew, and nothing else", 999, 76, 0, RECORD_ENDED_RENEWS, 5,
			2 },
		{ "the clock was set back", -5000, 0, 0, RECORD_ENDED_BY_ITSELF,
			5, 2 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct record_started started = { .at_ms = 1000000 };
		struct record_ended ended = { .at_ms = started.at_ms +
						       CASES[i].lived_ms,
			.exit_code = CASES[i].code,
			.exit_signal = CASES[i].signal,
			.row = 4,
			.count = 2 };

		record_count_end(&ended, &started, CASES[i].how);
		if (ended.row != CASES[i].want_row ||
			ended.count != CASES[i].want_count)
			fail_msg("%s: row %d, count %d", CASES[i].name,
				(int)ended.row, (int)ended.count);
	}
}

static void
test_delays(void **state)
{
	static const int WANT[] = { 0, 0, 0, 1, 2, 4, 8, 15, 30, 60, 60 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(WANT); i++) {
		struct record_ended ended = { .row = (int64_t)i };

		assert_int_equal(record_delay_s(&ended), WANT[i]);
	}
}

struct session {
	pid_t leader;
	int members;
};

static void
count_member(pid_t pid, pid_t session, void *context)
{
	struct session *wanted = context;

	(void)pid;
	wanted->members += session == wanted->leader;
}

static int
session_size(pid_t session)
{
	struct session wanted = { .leader = session };

	process_each(count_member, &wanted);
	return wanted.members;
}

/* A leader whose child ignores SIGTERM; the leader is killed. */
static void
test_ends_what_a_leader_leaves(void **state)
{
	struct process leader = { 0 }, other;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		setsid();
		signal(SIGTERM, SIG_IGN);
		if (fork() == 0)
			for (;;)
				pause();
		for (;;)
			pause();
	}
	wait_until(process_identify(pid, &leader) && session_size(pid) == 2);
	other = (struct process){ pid, leader.start_ticks + 1 };
	assert_int_equal(process_end_session(&other, 10), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_false(process_is_alive(&leader));
	assert_int_equal(process_end_session(&leader, 20), 1);
	assert_int_equal(process_end_session(&leader, 20), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_status_as_s6_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_launch_round_trip, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_records, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_refusal, set_up, tear_down),
		cmocka_unit_test(test_which_ends_make_the_row_longer),
		cmocka_unit_test(test_delays),
		cmocka_unit_test(test_ends_what_a_leader_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
