/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What reaches doveadm, what comes back, who waits and who may not. */
#include "agent/mail_command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define PATIENCE_MS 10000
#define SAID_MAX 4000
#define MEMORY_MAX ((size_t)64 * 1024 * 1024)

/* Stands for doveadm: says its arguments, then its input; the folder
 * decides how it ends. */
static const char SCRIPT[] =
	"#!/bin/sh\n"
	"echo \"$@\"\n"
	"cat\n"
	"for last; do :; done\n"
	"case $last in\n"
	"wait) while [ ! -e \"$2\" ]; do sleep 0.05; done\n"
	"  echo went on;;\n"
	"fail) printf 'half a line' >&2; exit 75;;\n"
	"long) exec sleep 60;;\n"
	"limits) ulimit -v;;\n"
	"count) printf '\\r1/2\\r2/2\\n';;\n"
	"esac\n";

static const char *const TRY[] = { "try", "at={sock}/s", NULL };
static const char *const NOBODY[] = { "nobody", NULL };
static const struct mail_word WORDS[] = {
	{ .text = "SUBJECT", .parameter = "subject", .length_max = 10 },
	{ .parameter = "folder", .length_max = 10, .required = true },
	{ .text = NULL },
};
static const struct mail_command COMMANDS[] = {
	{ "try", TRY, WORDS, NULL, 5, 1, 1000 },
	{ "others", TRY, WORDS, NOBODY, 0, 1, 1000 },
	{ "limited", TRY, WORDS, NULL, 0, 1, 10000, true },
	{ .name = NULL },
};

struct fixture {
	char directory[40];
	char program[64];
	char gate[64]; /* as configuration; "wait" waits for it */
	char socket[64];
	struct event_base *loop;
	struct ipc_server *server;
	struct mail_runner *runner;
};

struct asked {
	int done;
	struct err err;
	int status;
	bool timed_out;
	struct strbuf said;
};

static void
on_mail(struct ipc_call *call, json_t *request, void *context)
{
	struct fixture *fixture = context;

	mail_runner_ask(fixture->runner, call, request);
}

static const struct ipc_field FIELDS[] = {
	{ "command", IPC_TEXT, 32, true },
	{ "addresses", IPC_ARRAY, MAIL_COMMAND_ADDRESSES_MAX, true },
	{ "parameters", IPC_OBJECT, 0, false },
	{ .name = NULL },
};
static const struct ipc_verb VERBS[] = {
	{ "mail", FIELDS, NOBODY, on_mail },
	{ .name = NULL },
};

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	return fd;
}

static int
set_up(void **state)
{
	static struct fixture fixture;

	snprintf(fixture.directory, sizeof(fixture.directory),
		"/tmp/mh-mail-XXXXXX");
	assert_non_null(mkdtemp(fixture.directory));
	snprintf(fixture.program, sizeof(fixture.program), "%s/doveadm",
		fixture.directory);
	snprintf(fixture.gate, sizeof(fixture.gate), "%s/gate",
		fixture.directory);
	snprintf(fixture.socket, sizeof(fixture.socket), "%s/s",
		fixture.directory);
	assert_int_equal(
		fs_write_atomic(fixture.program, SCRIPT, strlen(SCRIPT), 0755,
			(uid_t)-1, (gid_t)-1, NULL),
		0);
	fixture.loop = event_base_new();
	fixture.runner =
		mail_runner_new(fixture.loop, COMMANDS, fixture.program,
			fixture.gate, "/sockets", /* user */ NULL, MEMORY_MAX);
	fixture.server = ipc_server_new(
		fixture.loop, listen_at(fixture.socket), VERBS, &fixture);
	*state = &fixture;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *fixture = *state;

	ipc_server_free(&fixture->server);
	mail_runner_free(&fixture->runner);
	event_base_free(fixture->loop);
	assert_int_equal(fs_remove_tree(fixture->directory, NULL), 0);
	return 0;
}

static void
on_progress(json_t *packet, void *context)
{
	struct asked *asked = context;
	size_t index;
	json_t *line;

	json_array_foreach(json_object_get(packet, "lines"), index, line)
	{
		strbuf_add_text(&asked->said, json_string_value(line));
		strbuf_add_char(&asked->said, '\n');
	}
}

static void
on_done(json_t *reply, const struct err *err, void *context)
{
	struct asked *asked = context;

	asked->done++;
	if (err)
		asked->err = *err;
	asked->status =
		(int)json_integer_value(json_object_get(reply, "status"));
	asked->timed_out = json_is_true(json_object_get(reply, "timed_out"));
}

static void
ask(struct fixture *fixture, struct asked *asked, const char *text)
{
	json_t *request = json_loads(text, 0, NULL);

	assert_non_null(request);
	*asked = (struct asked){ .done = 0 };
	strbuf_init(&asked->said, SAID_MAX);
	ipc_request_async(fixture->loop, fixture->socket, request, PATIENCE_MS,
		on_progress, on_done, asked);
	json_decref(request);
}

static void
wait_for(struct fixture *fixture, const struct asked *asked)
{
	int64_t until = clock_monotonic_ms() + PATIENCE_MS;

	while (asked->done == 0 && clock_monotonic_ms() < until)
		event_base_loop(fixture->loop, EVLOOP_ONCE);
	assert_int_equal(asked->done, 1);
}

#define TRY_WITH(parameters)                                                   \
	"{\"verb\":\"mail\",\"command\":\"try\","                              \
	"\"addresses\":[\"a@x.example\",\"b@x.example\"],"                     \
	"\"parameters\":{" parameters "}}"

struct said_case {
	const char *name;
	const char *request;
	int want_status;
	const char *want_end; /* of what it said */
};

static const struct said_case SAID[] = {
	{ "addresses by standard input", TRY_WITH("\"folder\":\"A B\""), 0,
		" -v try at=/sockets/s -F - -- A B\na@x.example\nb@x.example\n" },
	{ "an optional parameter",
		TRY_WITH("\"folder\":\"f\",\"subject\":\"-x\""), 0,
		" -v try at=/sockets/s -F - -- SUBJECT -x f\na@x.example\nb@x.example\n" },
	{ "no option", TRY_WITH("\"folder\":\"-A\""), 0,
		" -F - -- -A\na@x.example\nb@x.example\n" },
	{ "a failure is an answer", TRY_WITH("\"folder\":\"fail\""), 75,
		"b@x.example\nhalf a line\n" },
	{ "counters are lines", TRY_WITH("\"folder\":\"count\""), 0,
		"\n1/2\n2/2\n" },
	{ "no limit of memory", TRY_WITH("\"folder\":\"limits\""), 0,
		"\nunlimited\n" },
	{ "canonical addresses",
		"{\"verb\":\"mail\",\"command\":\"try\",\"addresses\":"
		"[\"A@X.Example\"],\"parameters\":{\"folder\":\"f\"}}",
		0, " f\na@x.example\n" },
};

static void
check_said(struct fixture *fixture, const struct said_case *c)
{
	struct asked asked;
	size_t length = strlen(c->want_end);

	ask(fixture, &asked, c->request);
	wait_for(fixture, &asked);
	if (asked.said.length < length ||
		strcmp(asked.said.data + asked.said.length - length,
			c->want_end) != 0)
		fail_msg("%s: said \"%s\", want \"...%s\"", c->name,
			asked.said.data, c->want_end);
	assert_int_equal(asked.status, c->want_status);
	assert_false(asked.timed_out);
	strbuf_deinit(&asked.said);
}

static void
doveadm_is_asked(void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(SAID); i++)
		check_said(*state, &SAID[i]);
}

/* An emulator needs memory of its own and takes no limit. */
static bool
takes_limits(void)
{
	const rlim_t some = (rlim_t)1 << 44;
	struct rlimit before, limit;
	bool taken;

	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	limit = (struct rlimit){ some, before.rlim_max };
	taken = setrlimit(RLIMIT_AS, &limit) == 0 &&
		getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur == some;
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	return taken;
}

static void
memory_is_limited(void **state)
{
	static const struct said_case LIMITED = { "the limit of memory",
		"{\"verb\":\"mail\",\"command\":\"limited\",\"addresses\":"
		"[\"a@x.example\"],\"parameters\":{\"folder\":\"limits\"}}",
		0, "\n65536\n" };

	if (!takes_limits()) {
		print_message("skipped: no limits of memory here"
			      " (an emulated processor)\n");
		skip();
	}
	check_said(*state, &LIMITED);
}

struct refused_case {
	const char *name;
	const char *request;
	enum err_code want;
	const char *want_field;
};

#define FIRST "{\"verb\":\"mail\",\"command\":\"try\",\"addresses\":"

static const struct refused_case REFUSED[] = {
	{ "no such command",
		"{\"verb\":\"mail\",\"command\":\"x\",\"addresses\":[]}",
		ERR_NOT_FOUND, "command" },
	{ "nobody", FIRST "[]}", ERR_INVALID, "addresses" },
	{ "an option", FIRST "[\"-A\"]}", ERR_INVALID, "addresses" },
	{ "a mask", FIRST "[\"*\"]}", ERR_INVALID, "addresses" },
	{ "two lines", FIRST "[\"a@x.example\\nb@x.example\"]}", ERR_INVALID,
		"addresses" },
	{ "a number", FIRST "[1]}", ERR_INVALID, "addresses" },
	{ "a missing parameter", TRY_WITH(""), ERR_INVALID, "folder" },
	{ "an unknown parameter", TRY_WITH("\"folder\":\"f\",\"x\":\"y\""),
		ERR_INVALID, "parameters" },
	{ "a long one", TRY_WITH("\"folder\":\"12345678901\""), ERR_TOO_BIG,
		"folder" },
	{ "a line end", TRY_WITH("\"folder\":\"a\\nb\""), ERR_INVALID,
		"folder" },
};

static void
bad_requests_are_refused(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(REFUSED); i++) {
		const struct refused_case *c = &REFUSED[i];
		struct asked asked;

		ask(fixture, &asked, c->request);
		wait_for(fixture, &asked);
		if (asked.err.code != c->want ||
			strcmp(asked.err.field, c->want_field) != 0)
			fail_msg("%s: got %d %s (%s), want %d %s", c->name,
				asked.err.code, asked.err.field, asked.err.text,
				c->want, c->want_field);
		strbuf_deinit(&asked.said);
	}
}

static void
the_second_waits_for_the_first(void **state)
{
	struct fixture *fixture = *state;
	struct asked first, second;

	ask(fixture, &first, TRY_WITH("\"folder\":\"wait\""));
	ask(fixture, &second, TRY_WITH("\"folder\":\"f\""));
	while (first.said.length == 0)
		event_base_loop(fixture->loop, EVLOOP_ONCE);
	assert_int_equal(second.said.length, 0);
	assert_int_equal(fs_write_atomic(fixture->gate, "", 0, 0644, (uid_t)-1,
				 (gid_t)-1, NULL),
		0);
	wait_for(fixture, &second);
	assert_int_equal(first.done, 1);
	assert_int_equal(first.status, 0);
	assert_int_equal(second.status, 0);
	strbuf_deinit(&first.said);
	strbuf_deinit(&second.said);
}

static void
what_takes_too_long_is_ended(void **state)
{
	struct fixture *fixture = *state;
	struct asked asked;

	ask(fixture, &asked, TRY_WITH("\"folder\":\"long\""));
	wait_for(fixture, &asked);
	assert_true(asked.timed_out);
	strbuf_deinit(&asked.said);
}

/* Its exit status is the code of the answer, 0 without an error. */
static pid_t
ask_as_nobody(const struct fixture *fixture, const char *text)
{
	pid_t pid = fork();

	if (pid == 0) {
		json_t *request = json_loads(text, 0, NULL), *reply;
		struct err err = { 0 };
		uid_t user;
		gid_t group;

		if (fs_user(NOBODY[0], &user, &group, NULL) < 0 ||
			setgid(group) < 0 || setuid(user) < 0 ||
			request == NULL)
			_exit(255);
		_exit(ipc_request(fixture->socket, request, PATIENCE_MS, NULL,
			      NULL, &reply, &err) == 0
				? 0
				: (int)err.code);
	}
	return pid;
}

/* A verb may be a user's, and a row of it root's alone. */
static void
a_row_is_for_who_it_names(void **state)
{
	static const struct {
		const char *request;
		int want;
	} rows[] = {
		{ TRY_WITH("\"folder\":\"f\""), ERR_DENIED },
		{ "{\"verb\":\"mail\",\"command\":\"others\",\"addresses\":"
		  "[\"a@x.example\"],\"parameters\":{\"folder\":\"f\"}}",
			0 },
	};
	struct fixture *fixture = *state;
	const struct timeval wait = { .tv_usec = 5000 };

	if (geteuid() != 0)
		skip();
	assert_int_equal(chmod(fixture->directory, 0755), 0);
	assert_int_equal(chmod(fixture->socket, 0666), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		pid_t pid = ask_as_nobody(fixture, rows[i].request);
		int status = 0;

		while (waitpid(pid, &status, WNOHANG) == 0) {
			event_base_loopexit(fixture->loop, &wait);
			event_base_dispatch(fixture->loop);
		}
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), rows[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			doveadm_is_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			memory_is_limited, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			bad_requests_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_second_waits_for_the_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			what_takes_too_long_is_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_row_is_for_who_it_names, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
