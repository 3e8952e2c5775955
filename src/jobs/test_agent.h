/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An agent that answers as told, and a core.db, for the unit tests of this
 * folder; static functions, because there is no test library. What it was
 * asked is noted as text, a line each: "index a@x.example b@x.example",
 * "list NAME", "health 1 TEXT".
 */
#ifndef JOBS_TEST_AGENT_H
#define JOBS_TEST_AGENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/ipc.h"
#include "store/schema.h"

#define TEST_AGENT_PATIENCE_MS 10000
#define TEST_AGENT_ASKED_MAX 16000
#define TEST_AGENT_QUIET_TURNS 10

struct test_agent {
	char directory[40];
	char path[64]; /* of its socket */
	struct event_base *loop;
	struct db *core;
	struct ipc_server *server; /* NULL: it is away */
	char asked[TEST_AGENT_ASKED_MAX];
	char said[TEST_AGENT_ASKED_MAX]; /* to the log, by who is tested */
	/* Instead of {"status":0}; answers, or keeps the call in held. */
	void (*answer)(struct test_agent *agent, struct ipc_call *call,
		json_t *request);
	struct ipc_call *held;
	void *context; /* of the test */
};

UNUSED static void
test_agent_note(char *notes, const char *text, const char *end)
{
	size_t used = strlen(notes);

	snprintf(notes + used, TEST_AGENT_ASKED_MAX - used, "%s%s", text, end);
}

UNUSED static const char *
test_agent_text(const json_t *request, const char *name)
{
	const char *text = json_string_value(json_object_get(request, name));

	return text ? text : "";
}

UNUSED static void
test_agent_answer(struct test_agent *agent, struct ipc_call *call, json_t *r)
{
	if (agent->answer != NULL) {
		agent->answer(agent, call, r);
		return;
	}
	json_number(ipc_answer(call), "status", 0);
	ipc_reply(call);
}

UNUSED static void
test_agent_on_mail(struct ipc_call *call, json_t *request, void *context)
{
	struct test_agent *agent = context;
	json_t *parameters = json_object_get(request, "parameters");
	size_t i;
	json_t *address;

	test_agent_note(agent->asked, test_agent_text(request, "command"), "");
	if (parameters != NULL)
		test_agent_note(
			agent->asked, " ", test_agent_text(parameters, "age"));
	json_array_foreach(json_object_get(request, "addresses"), i, address)
	{
		test_agent_note(agent->asked, " ", json_string_value(address));
	}
	test_agent_note(agent->asked, "", "\n");
	test_agent_answer(agent, call, request);
}

UNUSED static void
test_agent_on_garbage(struct ipc_call *call, json_t *request, void *context)
{
	struct test_agent *agent = context;

	test_agent_note(agent->asked, test_agent_text(request, "action"), " ");
	test_agent_note(agent->asked, test_agent_text(request, "after"), "");
	test_agent_note(agent->asked, test_agent_text(request, "entry"), "\n");
	test_agent_answer(agent, call, request);
}

UNUSED static void
test_agent_on_health(struct ipc_call *call, json_t *request, void *context)
{
	struct test_agent *agent = context;
	bool ok = json_is_true(json_object_get(request, "ok"));

	test_agent_note(agent->asked, ok ? "health 1 " : "health 0 ", "");
	test_agent_note(agent->asked, test_agent_text(request, "text"), "\n");
	ipc_reply(call);
}

static const struct ipc_field TEST_AGENT_ANYTHING[] = {
	{ "command", IPC_TEXT, 0, false },
	{ "action", IPC_TEXT, 0, false },
	{ "after", IPC_TEXT, 0, false },
	{ "entry", IPC_TEXT, 0, false },
	{ "name", IPC_TEXT, 0, false },
	{ "text", IPC_TEXT, 0, false },
	{ "ok", IPC_BOOL, 0, false },
	{ "addresses", IPC_ARRAY, 0, false },
	{ "parameters", IPC_OBJECT, 0, false },
	{ .name = NULL },
};

static const struct ipc_verb TEST_AGENT_VERBS[] = {
	{ "mail", TEST_AGENT_ANYTHING, NULL, test_agent_on_mail },
	{ "garbage", TEST_AGENT_ANYTHING, NULL, test_agent_on_garbage },
	{ "health", TEST_AGENT_ANYTHING, NULL, test_agent_on_health },
	{ .name = NULL },
};

UNUSED static void
test_agent_start(struct test_agent *agent)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(
		AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", agent->path);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 16), 0);
	agent->server =
		ipc_server_new(agent->loop, fd, TEST_AGENT_VERBS, agent);
}

/* To the call that was held, if there is one. */
UNUSED static void
test_agent_let_go(struct test_agent *agent)
{
	struct ipc_call *call = agent->held;

	agent->held = NULL;
	if (call == NULL)
		return;
	json_number(ipc_answer(call), "status", 0);
	ipc_reply(call);
}

/* Killed: what it was asked is not answered. */
UNUSED static void
test_agent_stop(struct test_agent *agent)
{
	ipc_server_free(&agent->server);
	test_agent_let_go(agent); /* to nobody */
	(void)unlink(agent->path);
}

UNUSED static void
test_agent_on_line(const char *line, void *context)
{
	struct test_agent *agent = context;

	test_agent_note(agent->said, line, "\n");
}

UNUSED static void
test_agent_script(struct test_agent *agent, const char *sql)
{
	struct err err;

	if (db_script(agent->core, sql, &err) < 0)
		fail_msg("%s: %s", sql, err.text);
}

/* Mailboxes first to last, "u0001@x.example" and so on; store ids are
 * numbers of 32 digits. */
UNUSED static void
test_agent_add_mailboxes(struct test_agent *agent, int first, int last)
{
	char sql[1200];

	snprintf(sql, sizeof(sql),
		"INSERT OR IGNORE INTO domain (id, name, active, max_mailboxes,"
		" max_aliases, default_quota, max_quota, quota, created, modified)"
		" VALUES (1, 'x.example', 1, 0, 0, 0, 0, 0, 0, 0);"
		"WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
		" WHERE i < %d) INSERT INTO mailbox (id, address, domain_id,"
		" active, quota, store_id, imap, pop3, smtp, sieve, dav, eas,"
		" force_password_change, password, password_changed, created,"
		" modified, local_part) SELECT i, printf('u%%04d@x.example', i),"
		" 1, 1, 0, printf('%%032d', i), 1, 1, 1, 1, 1, 1, 0, '', 0, 0, 0,"
		" printf('u%%04d', i) FROM n;",
		first, last);
	test_agent_script(agent, sql);
}

UNUSED static struct test_agent *
test_agent_new(void)
{
	struct test_agent *agent = xmalloc(sizeof(*agent));
	char path[80];
	struct err err;

	snprintf(agent->directory, sizeof(agent->directory),
		"/tmp/mh-jobs-XXXXXX");
	assert_non_null(mkdtemp(agent->directory));
	snprintf(
		agent->path, sizeof(agent->path), "%s/agent", agent->directory);
	snprintf(path, sizeof(path), "%s/core.db", agent->directory);
	if (db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000, &agent->core, &err) <
			0 ||
		schema_migrate(agent->core, SCHEMA_CORE, NULL, &err) < 0)
		fail_msg("%s", err.text);
	agent->loop = event_base_new();
	log_set_sink(test_agent_on_line, agent);
	test_agent_start(agent);
	return agent;
}

/* After what is tested, which is done with all that it asked. */
UNUSED static void
test_agent_free(struct test_agent *agent)
{
	test_agent_stop(agent);
	log_set_sink(NULL, NULL);
	event_base_free(agent->loop);
	db_close(&agent->core);
	assert_int_equal(fs_remove_tree(agent->directory, NULL), 0);
	x_free(&agent);
}

UNUSED static void
test_agent_turn(struct test_agent *agent)
{
	const struct timeval wait = { .tv_usec = 5000 };

	event_base_loopexit(agent->loop, &wait);
	event_base_dispatch(agent->loop);
}

/* Until the notes (asked or said) end with that, then a little longer. */
UNUSED static void
test_agent_expect(struct test_agent *agent, const char *notes, const char *end)
{
	int64_t until_ms = clock_monotonic_ms() + TEST_AGENT_PATIENCE_MS;
	size_t length = strlen(end);

	while (strlen(notes) < length ||
		strcmp(notes + strlen(notes) - length, end) != 0) {
		if (clock_monotonic_ms() > until_ms)
			fail_msg("got \"%s\", want \"...%s\"", notes, end);
		test_agent_turn(agent);
	}
}

/* Nothing more is asked or said for some turns. */
UNUSED static void
test_agent_expect_quiet(struct test_agent *agent)
{
	size_t asked = strlen(agent->asked);

	for (int i = 0; i < TEST_AGENT_QUIET_TURNS; i++)
		test_agent_turn(agent);
	if (strlen(agent->asked) != asked)
		fail_msg("asked \"%s\"", agent->asked + asked);
}

/* Until that was said to the log. */
UNUSED static void
test_agent_expect_said(struct test_agent *agent, const char *part)
{
	int64_t until_ms = clock_monotonic_ms() + TEST_AGENT_PATIENCE_MS;

	while (strstr(agent->said, part) == NULL) {
		if (clock_monotonic_ms() > until_ms)
			fail_msg("said \"%s\", want \"%s\"", agent->said, part);
		test_agent_turn(agent);
	}
}

#endif
