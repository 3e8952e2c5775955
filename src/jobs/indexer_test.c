/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom indexer.c has indexed and when; what failures, kills and strange
 * answers leave. */
#include "jobs/indexer.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "jobs/test_agent.h"

#define LAG_MS 20
#define DAY_MS (24LL * 3600 * 1000)
#define STATE_MAX 10000

struct fixture {
	struct test_agent *agent;
	struct paths paths;
	struct db *usage;
	struct indexer *indexer;
	struct indexer_options options;
	char state_path[PATHS_MAX + 32];
};

static void
make_directory(const char *path)
{
	assert_int_equal(
		fs_make_directory(path, 0700, (uid_t)-1, (gid_t)-1, NULL), 0);
}

static void
open_usage(struct fixture *f)
{
	struct err err;

	if (db_open(f->paths.usage_db, DB_WRITE, DB_SYNC_NORMAL, 1000,
		    &f->usage, &err) < 0 ||
		schema_migrate(f->usage, SCHEMA_USAGE, NULL, &err) < 0)
		fail_msg("%s", err.text);
}

static int
setup(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));
	char core[PATHS_MAX + 8];

	f->agent = test_agent_new();
	f->agent->context = f;
	assert_int_equal(paths_init(&f->paths, f->agent->directory, NULL), 0);
	snprintf(core, sizeof(core), "%s/core", f->paths.database);
	make_directory(core);
	snprintf(core, sizeof(core), "%s/usage", f->paths.database);
	make_directory(core);
	make_directory(f->paths.index);
	snprintf(f->state_path, sizeof(f->state_path), "%s/core/search.json",
		f->paths.database);
	open_usage(f);
	f->options = (struct indexer_options){ .paths = &f->paths,
		.core = f->agent->core,
		.agent_socket = f->agent->path,
		.lag_ms = LAG_MS,
		.workers = 1 };
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	test_agent_expect_quiet(f->agent);
	indexer_free(&f->indexer);
	db_close(&f->usage);
	test_agent_free(f->agent);
	x_free(&f);
	return 0;
}

static void
start(struct fixture *f)
{
	f->indexer = indexer_new(f->agent->loop, &f->options);
}

/* The mailboxes first to last get mail; changes go on from `change`. */
static void
deliver(struct fixture *f, int first, int last, int change)
{
	char sql[400];
	struct err err;

	snprintf(sql, sizeof(sql),
		"WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
		" WHERE i < %d) INSERT OR REPLACE INTO quota (mailbox_id, bytes,"
		" messages, updated, change) SELECT i, 1, 1, 0, %d + i - %d"
		" FROM n",
		first, last, change, first);
	if (db_script(f->usage, sql, &err) < 0)
		fail_msg("%s", err.text);
}

static int64_t
state_number(struct fixture *f, const char *name)
{
	json_t *state = json_load_file(f->state_path, 0, NULL);
	json_int_t number = -1;

	if (json_is_object(state))
		number = json_integer_value(json_object_get(state, name));
	json_decref(state);
	return number;
}

static void
expect_state(struct fixture *f, const char *name, int64_t want)
{
	int64_t until_ms = clock_monotonic_ms() + TEST_AGENT_PATIENCE_MS;

	while (state_number(f, name) != want) {
		if (clock_monotonic_ms() > until_ms)
			fail_msg("%s is %lld, want %lld", name,
				(long long)state_number(f, name),
				(long long)want);
		test_agent_turn(f->agent);
	}
}

static void
write_state(struct fixture *f, const char *text)
{
	assert_int_equal(fs_write_atomic(f->state_path, text, strlen(text),
				 0640, (uid_t)-1, (gid_t)-1, NULL),
		0);
}

static void
who_got_mail_is_indexed_once(void **state)
{
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 1, 3);
	deliver(f, 1, 1, 1);
	deliver(f, 3, 3, 2);
	start(f);
	test_agent_expect(f->agent, f->agent->asked,
		"index u0001@x.example u0003@x.example\n");
	expect_state(f, "mark", 2);
	test_agent_expect_quiet(f->agent);
	deliver(f, 3, 3, 3);
	test_agent_expect(
		f->agent, f->agent->asked, "\nindex u0003@x.example\n");
	expect_state(f, "mark", 3);
}

/* The row of one that was removed, or may not be delivered to. */
static void
who_is_no_mailbox_is_passed(void **state)
{
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 1, 2);
	test_agent_script(
		f->agent, "UPDATE mailbox SET active = 0 WHERE id = 2");
	deliver(f, 1, 9, 1);
	start(f);
	test_agent_expect(f->agent, f->agent->asked, "index u0001@x.example\n");
	expect_state(f, "mark", 9);
	test_agent_expect_quiet(f->agent);
	assert_string_equal(f->agent->asked, "index u0001@x.example\n");
}

static int
count_asked(const struct fixture *f, char what)
{
	int count = 0;

	for (const char *c = f->agent->asked; *c != '\0'; c++)
		count += *c == what;
	return count;
}

/* More than it reads ahead: batches of fifty, nobody twice. */
static void
many_go_in_batches(void **state)
{
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 1, 620);
	deliver(f, 1, 620, 1);
	start(f);
	expect_state(f, "mark", 620);
	expect_state(f, "waiting", 0);
	test_agent_expect_quiet(f->agent);
	assert_int_equal(count_asked(f, '@'), 620);
	assert_int_equal(count_asked(f, '\n'), 13);
}

static void
hold(struct test_agent *agent, struct ipc_call *call, json_t *request UNUSED)
{
	agent->held = call;
}

static void
let_go(struct fixture *f)
{
	assert_non_null(f->agent->held);
	f->agent->answer = NULL;
	test_agent_let_go(f->agent);
}

/* Many deliveries while one batch is at work make one more. */
static void
mail_that_comes_meanwhile_is_gathered(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = hold;
	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 1, 1);
	start(f);
	test_agent_expect(f->agent, f->agent->asked, "index u0001@x.example\n");
	for (int i = 0; i < 5; i++) {
		deliver(f, 1, 2, 2 + 2 * i);
		test_agent_expect_quiet(f->agent);
	}
	let_go(f);
	test_agent_expect(f->agent, f->agent->asked,
		"\nindex u0001@x.example u0002@x.example\n");
	expect_state(f, "mark", 11);
	assert_int_equal(count_asked(f, '\n'), 2);
}

static void
progress(struct ipc_call *call, const char *line)
{
	struct json_writer *answer = ipc_answer(call);

	json_array_open(answer, "lines");
	json_text(answer, NULL, line);
	json_array_close(answer);
	ipc_progress(call);
}

static void
blame_the_second(
	struct test_agent *agent UNUSED, struct ipc_call *call, json_t *request)
{
	bool among = json_array_size(json_object_get(request, "addresses")) > 1;

	if (among)
		progress(call,
			"doveadm(u0002@x.example)<1><x>: Error: it is broken");
	json_number(ipc_answer(call), "status", among ? 75 : 0);
	ipc_reply(call);
}

static void
who_fails_is_put_off_alone(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = blame_the_second;
	test_agent_add_mailboxes(f->agent, 1, 3);
	deliver(f, 1, 3, 1);
	start(f);
	test_agent_expect_said(f->agent, "it is broken");
	expect_state(f, "mark", 3); /* it holds up nobody */
	test_agent_expect_quiet(f->agent);
	assert_int_equal(count_asked(f, '\n'), 1);
}

/* Its index is dropped first; a clock set back does not prolong the wait. */
static void
who_failed_is_tried_again_after_a_restart(void **state)
{

	static const struct {
		int64_t due_in_ms;
		bool asks;
	} CASES[] = { { -1, true }, { 60000, false },
		{ 6 * 3600 * 1000 - 5000, false }, { 30 * DAY_MS, true } };
	struct fixture *f = *state;
	char text[STATE_MAX];

	test_agent_add_mailboxes(f->agent, 1, 3);
	deliver(f, 1, 3, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		f->agent->asked[0] = '\0';
		snprintf(text, sizeof(text),
			"{\"mark\":3,\"failing\":[{\"mailbox_id\":2,\"address\":"
			"\"u0002@x.example\",\"failures\":2,\"due_ms\":%lld,\"text\":"
			"\"it was broken\"}],\"waiting\":0,\"optimized_ms\":0}",
			(long long)clock_wall_ms() + CASES[i].due_in_ms);
		write_state(f, text);
		start(f);
		if (CASES[i].asks)
			test_agent_expect(f->agent, f->agent->asked,
				"fts-rescan u0002@x.example\n"
				"index u0002@x.example\n");
		test_agent_expect_quiet(f->agent);
		if (!CASES[i].asks)
			assert_string_equal(f->agent->asked, "");
		indexer_free(&f->indexer);
	}
}

/* A child is what is killed: its answers are awaited by nobody then. */
static pid_t
start_child(struct fixture *f)
{
	pid_t pid = fork();

	if (pid == 0) {
		char path[80];
		struct event_base *loop = event_base_new();

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		snprintf(path, sizeof(path), "%s/core.db", f->agent->directory);
		f->options.core = NULL;
		if (db_open(path, DB_READ, DB_SYNC_NORMAL, 1000,
			    &f->options.core, NULL) == 0 &&
			indexer_new(loop, &f->options) != NULL)
			event_base_dispatch(loop);
		_exit(1);
	}
	return pid;
}

static void
a_kill_repeats_what_was_not_done(void **state)
{
	struct fixture *f = *state;
	pid_t pid;

	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 1, 1);
	pid = start_child(f);
	test_agent_expect(f->agent, f->agent->asked, "index u0001@x.example\n");
	expect_state(f, "mark", 1);
	f->agent->answer = hold;
	deliver(f, 2, 2, 2);
	test_agent_expect(
		f->agent, f->agent->asked, "\nindex u0002@x.example\n");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	let_go(f); /* to nobody */
	f->agent->asked[0] = '\0';
	start(f);
	test_agent_expect(f->agent, f->agent->asked, "index u0002@x.example\n");
	expect_state(f, "mark", 2);
	test_agent_expect_quiet(f->agent);
	assert_string_equal(f->agent->asked, "index u0002@x.example\n");
}

static void
a_damaged_state_begins_anew(void **state)
{
	static const char *const DAMAGED[] = { "", "{\"mark\":", "[]",
		"{\"mark\":-3}" };
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 1, 1);
	deliver(f, 1, 1, 1);
	for (size_t i = 0; i < ARRAY_LENGTH(DAMAGED); i++) {
		f->agent->asked[0] = '\0';
		assert_int_equal(fs_write_atomic(f->state_path, DAMAGED[i],
					 strlen(DAMAGED[i]), 0640, (uid_t)-1,
					 (gid_t)-1, NULL),
			0);
		start(f);
		test_agent_expect(
			f->agent, f->agent->asked, "index u0001@x.example\n");
		expect_state(f, "mark", 1);
		indexer_free(&f->indexer);
	}
}

/* It was restored from a backup, or made anew. */
static void
another_usage_counts_as_changed(void **state)
{
	struct fixture *f = *state;

	write_state(f, "{\"mark\":100}");
	test_agent_add_mailboxes(f->agent, 1, 1);
	deliver(f, 1, 1, 5);
	start(f);
	test_agent_expect(f->agent, f->agent->asked, "index u0001@x.example\n");
	expect_state(f, "mark", 5);
}

static void
a_missing_usage_is_waited_for(void **state)
{
	struct fixture *f = *state;
	char away[PATHS_MAX + 8];

	db_close(&f->usage);
	snprintf(away, sizeof(away), "%s.away", f->paths.usage_db);
	assert_int_equal(rename(f->paths.usage_db, away), 0);
	test_agent_add_mailboxes(f->agent, 1, 1);
	start(f);
	test_agent_expect_said(f->agent, "indexing waits");
	test_agent_expect_quiet(f->agent);
	assert_int_equal(rename(away, f->paths.usage_db), 0);
	open_usage(f);
	deliver(f, 1, 1, 1);
	test_agent_expect(f->agent, f->agent->asked, "index u0001@x.example\n");
	expect_state(f, "mark", 1);
}

/* Nobody is blamed, nothing is marked as done. */
static void
expect_not_done(struct fixture *f)
{
	expect_state(f, "mark", 0);
	expect_state(f, "waiting", 2);
	test_agent_expect_quiet(f->agent);
	assert_null(strstr(f->agent->said, "cannot be indexed"));
}

static void
the_agent_is_away(void **state)
{
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 2, 1);
	test_agent_stop(f->agent);
	start(f);
	expect_not_done(f);
	test_agent_start(f->agent);
	/* A successor does not wait for the five seconds. */
	indexer_free(&f->indexer);
	start(f);
	test_agent_expect(f->agent, f->agent->asked,
		"index u0001@x.example u0002@x.example\n");
	expect_state(f, "mark", 2);
}

static void
the_agent_dies_at_work(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = hold;
	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 2, 1);
	start(f);
	test_agent_expect(f->agent, f->agent->asked, "u0002@x.example\n");
	test_agent_stop(f->agent);
	expect_not_done(f);
	test_agent_start(f->agent);
}

static void
dovecot_is_away(struct test_agent *agent UNUSED, struct ipc_call *call,
	json_t *r UNUSED)
{
	progress(call,
		"doveadm(u0001@x.example): Error: auth-master: connect failed");
	json_number(ipc_answer(call), "status", 75);
	ipc_reply(call);
}

static void
without_dovecot_nobody_is_blamed(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = dovecot_is_away;
	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 2, 1);
	start(f);
	expect_not_done(f);
}

/* Lines that blame strangers or nobody, no line at all, no numbers. */
static void
strange_answer(struct test_agent *agent UNUSED, struct ipc_call *call,
	json_t *request UNUSED)
{
	static const char LONG[] = "doveadm(%0999d): Error: x";
	static const char *const LINES[] = { "", "doveadm(", "doveadm()",
		"doveadm(u0001@x.example: Error: ",
		"doveadm(stranger@x): Error: y",
		"Error: doveadm(u0001@x.example)" };
	char line[1200];

	snprintf(line, sizeof(line), LONG, 7);
	progress(call, line);
	for (size_t i = 0; i < ARRAY_LENGTH(LINES); i++)
		progress(call, LINES[i]);
	json_text(ipc_answer(call), "lines", "no array");
	ipc_progress(call);
	json_number(ipc_answer(call), "lines", 7);
	json_text(ipc_answer(call), "status", "no number");
	ipc_reply(call);
}

static void
strange_answers_do_no_harm(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = strange_answer;
	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 2, 1);
	start(f);
	expect_state(f, "mark", 2);
	assert_null(strstr(f->agent->said, "cannot be indexed"));
}

/* A doveadm that was killed blames nobody: each is tried alone, later. */
static void
killed(struct test_agent *agent UNUSED, struct ipc_call *call,
	json_t *request UNUSED)
{
	json_number(ipc_answer(call), "status", 128 + SIGKILL);
	ipc_reply(call);
}

static void
a_killed_batch_is_not_done(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = killed;
	test_agent_add_mailboxes(f->agent, 1, 2);
	deliver(f, 1, 2, 1);
	start(f);
	expect_not_done(f);
	assert_int_equal(count_asked(f, '\n'), 1);
}

/* Just not, exactly and long due; and a clock that was set back. */
static void
the_index_is_cleaned_up_when_due(void **state)
{
	static const struct {
		int64_t ago_ms;
		bool asks;
	} CASES[] = { { DAY_MS - 60000, false }, { DAY_MS, true },
		{ 9 * DAY_MS, true }, { -DAY_MS, false } };
	struct fixture *f = *state;
	char text[STATE_MAX];

	f->options.optimize_days = 1;
	test_agent_add_mailboxes(f->agent, 1, 51);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		f->agent->asked[0] = '\0';
		snprintf(text, sizeof(text),
			"{\"mark\":0,\"optimized_ms\":%lld}",
			(long long)clock_wall_ms() - CASES[i].ago_ms);
		write_state(f, text);
		start(f);
		if (CASES[i].asks)
			test_agent_expect(f->agent, f->agent->asked,
				"\nfts-optimize u0051@x.example\n");
		test_agent_expect_quiet(f->agent);
		assert_int_equal(count_asked(f, '@'), CASES[i].asks ? 51 : 0);
		indexer_free(&f->indexer);
	}
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(who_got_mail_is_indexed_once),
		ROW(who_is_no_mailbox_is_passed),
		ROW(many_go_in_batches),
		ROW(mail_that_comes_meanwhile_is_gathered),
		ROW(who_fails_is_put_off_alone),
		ROW(who_failed_is_tried_again_after_a_restart),
		ROW(a_kill_repeats_what_was_not_done),
		ROW(a_damaged_state_begins_anew),
		ROW(another_usage_counts_as_changed),
		ROW(a_missing_usage_is_waited_for),
		ROW(the_agent_is_away),
		ROW(the_agent_dies_at_work),
		ROW(without_dovecot_nobody_is_blamed),
		ROW(strange_answers_do_no_harm),
		ROW(a_killed_batch_is_not_done),
		ROW(the_index_is_cleaned_up_when_due),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
