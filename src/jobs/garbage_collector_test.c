/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose time is over, what is deleted of the garbage area, and what is not
 * for any reason. */
#include "jobs/garbage_collector.h"

#include <inttypes.h>

#include "jobs/test_agent.h"
#include "model/removed_mailbox.h"

#define DAYS 7 /* garbage_days, as it is without being set */
#define KEPT_SECONDS (DAYS * REMOVED_DAY_SECONDS)
#define NOBODY "%" PRId64 "_ab000000000000000000000000000001"
#define NAMES_MAX 8
#define NAME_SIZE 300

struct fixture {
	struct test_agent *agent;
	struct garbage_collector *collector;
	char names[NAMES_MAX][NAME_SIZE]; /* what lies there, in their order */
	int unfinished; /* answers of a drop that is not at its end */
	bool repeats; /* the same list again and again */
	bool numbers; /* in the place of names */
	bool fails;
};

static void
write_names(struct fixture *f, struct json_writer *w, const char *after)
{
	json_array_open(w, "entries");
	if (f->numbers)
		json_number(w, NULL, 7);
	for (int i = 0; i < NAMES_MAX; i++)
		if (f->names[i][0] != '\0' &&
			(f->repeats || strcmp(f->names[i], after) > 0))
			json_text(w, NULL, f->names[i]);
	json_array_close(w);
}

static void
forget(struct fixture *f, const char *name)
{
	for (int i = 0; i < NAMES_MAX; i++)
		if (strcmp(f->names[i], name) == 0)
			f->names[i][0] = '\0';
}

static void
answer(struct test_agent *agent, struct ipc_call *call, json_t *request)
{
	struct fixture *f = agent->context;
	struct err err = { 0 };

	if (f->fails) {
		(void)err_set(&err, ERR_SYSTEM, "input/output error");
		ipc_fail(call, &err);
		return;
	}
	if (strcmp(test_agent_text(request, "action"), "list") == 0)
		write_names(
			f, ipc_answer(call), test_agent_text(request, "after"));
	else if (f->unfinished > 0 && f->unfinished--)
		json_bool(ipc_answer(call), "unfinished", true);
	else
		forget(f, test_agent_text(request, "entry"));
	ipc_reply(call);
}

static int
setup(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));

	f->agent = test_agent_new();
	f->agent->context = f;
	f->agent->answer = answer;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	test_agent_expect_quiet(f->agent);
	garbage_collector_free(&f->collector);
	test_agent_free(f->agent);
	x_free(&f);
	return 0;
}

static void
look(struct fixture *f)
{
	if (f->collector == NULL)
		f->collector = garbage_collector_new(
			f->agent->loop, f->agent->core, f->agent->path);
	garbage_collector_wake(f->collector);
}

/* A mailbox that was removed so long ago. */
static void
add_removed(struct fixture *f, int id, int64_t seconds_ago)
{
	char sql[300];

	snprintf(sql, sizeof(sql),
		"INSERT INTO removed_mailbox (id, store_id, address, state,"
		" removed, settled, due, bytes, memory) VALUES (%d,"
		" printf('ab%%030d', %d), 'a@x.example', 0, %" PRId64
		", 1, 0, 10, '{}')",
		id, id, clock_wall_seconds() - seconds_ago);
	test_agent_script(f->agent, sql);
}

static int64_t
state_of(struct fixture *f, int id)
{
	static const struct db_statement SQL = { "state",
		"SELECT state FROM removed_mailbox WHERE id = ?1", NULL };
	struct db_query q = db_query(f->agent->core, &SQL);
	int64_t value = -1;

	db_bind_number(&q, 1, id);
	if (db_step(&q, NULL) == 1)
		value = db_number(&q, 0);
	db_finish(&q);
	return value;
}

/* One that was removed in the future: the clock was set back since. */
static void
removed_mailboxes_are_kept_as_long_as_said(void **state)
{
	static const struct {
		int64_t ago;
		enum removed_state want;
	} CASES[] = { { 0, REMOVED_KEPT }, { KEPT_SECONDS - 60, REMOVED_KEPT },
		{ KEPT_SECONDS, REMOVED_PURGED },
		{ KEPT_SECONDS + 1, REMOVED_PURGED },
		{ -KEPT_SECONDS, REMOVED_KEPT } };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		add_removed(f, (int)i + 1, CASES[i].ago);
	look(f);
	test_agent_expect(f->agent, f->agent->asked, "health 1 \n");
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		if (state_of(f, (int)i + 1) != (int64_t)CASES[i].want)
			fail_msg("%" PRId64 " seconds: got %" PRId64
				 ", want %d",
				CASES[i].ago, state_of(f, (int)i + 1),
				(int)CASES[i].want);
}

static void
the_setting_decides(void **state)
{
	struct fixture *f = *state;

	test_agent_script(f->agent,
		"INSERT INTO setting (name, value, modified) VALUES ('garbage_days', '1', 0)");
	add_removed(f, 1, REMOVED_DAY_SECONDS - 60);
	add_removed(f, 2, REMOVED_DAY_SECONDS);
	look(f);
	test_agent_expect(f->agent, f->agent->asked, "health 1 \n");
	assert_int_equal(state_of(f, 1), REMOVED_KEPT);
	assert_int_equal(state_of(f, 2), REMOVED_PURGED);
}

static void
put(struct fixture *f, int place, int64_t seconds_ago)
{
	snprintf(f->names[place], NAME_SIZE, NOBODY,
		clock_wall_seconds() - seconds_ago);
}

/* Version 0.1 wrote the time into the name. */
static void
earlier_entries_go_when_their_time_is_over(void **state)
{
	static const struct {
		int64_t ago;
		bool goes;
	} CASES[] = { { 900 * (int64_t)REMOVED_DAY_SECONDS, true },
		{ KEPT_SECONDS + 1, true }, { KEPT_SECONDS, true },
		{ KEPT_SECONDS - 60, false }, { 0, false },
		{ -KEPT_SECONDS, false } };
	struct fixture *f = *state;
	char want[NAME_SIZE + 8];

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		put(f, (int)i, CASES[i].ago);
	snprintf(want, sizeof(want), "drop %s\n", f->names[2]);
	look(f);
	test_agent_expect(f->agent, f->agent->asked, want);
	test_agent_expect_quiet(f->agent);
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		assert_int_equal(f->names[i][0] == '\0', CASES[i].goes);
	assert_non_null(strstr(f->agent->asked, "health 1 \n"));
}

static void
a_big_one_goes_in_steps(void **state)
{
	struct fixture *f = *state;

	put(f, 0, KEPT_SECONDS);
	f->unfinished = 2;
	look(f);
	test_agent_expect_said(f->agent, "deleted it");
	assert_string_equal(f->names[0], "");
	assert_int_equal(f->unfinished, 0);
}

/* core.db was put back to an older state: that is for a person. */
static void
what_has_an_owner_is_not_dropped(void **state)
{
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 5, 5);
	add_removed(f, 1, 0);
	snprintf(f->names[0], NAME_SIZE, "1000_%032d", 5);
	snprintf(f->names[1], NAME_SIZE, "1000_ab%030d", 1);
	look(f);
	test_agent_expect_said(f->agent, "belongs to nobody");
	test_agent_expect_quiet(f->agent);
	assert_null(strstr(f->agent->asked, "drop"));
}

/* What nobody of us has put there, also such as look like it. */
static void
what_is_not_known_is_left_alone(void **state)
{
	static const char *const NAMES[] = { "..", "1000_",
		"1000_AB000000000000000000000000000001",
		"1000_ab00000000000000000000000000000",
		"1000_ab000000000000000000000000000001.1",
		"9999999999999_ab000000000000000000000000000001",
		"_ab000000000000000000000000000001", "lost+found" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++)
		snprintf(f->names[i], NAME_SIZE, "%s", NAMES[i]);
	look(f);
	test_agent_expect_said(f->agent, "entries=8");
	for (int i = 0; i < NAMES_MAX; i++)
		assert_int_equal(removed_entry_time(NAMES[i]), -1);
	test_agent_expect_quiet(f->agent);
	assert_null(strstr(f->agent->asked, "drop"));
}

static void
unknown_entries_are_told(void **state)
{
	struct fixture *f = *state;

	add_removed(f, 1, 0);
	snprintf(f->names[0], NAME_SIZE, "ab%030d", 1);
	snprintf(f->names[1], NAME_SIZE, "stranger");
	look(f);
	test_agent_expect(f->agent, f->agent->asked,
		"health 0 1 entries of .garbage belong to nobody, one is"
		" stranger\n");
	f->names[1][0] = '\0';
	look(f);
	test_agent_expect(f->agent, f->agent->asked, "health 1 \n");
}

/* Its row is gone from removed_mailbox, but the mailbox is there. */
static void
mail_of_a_mailbox_is_brought_back(void **state)
{
	struct fixture *f = *state;

	test_agent_add_mailboxes(f->agent, 5, 5);
	snprintf(f->names[0], NAME_SIZE, "%032d", 5);
	look(f);
	test_agent_expect_said(f->agent, "bringing it back");
	test_agent_expect(f->agent, f->agent->asked, "health 1 \n");
	assert_int_equal(state_of(f, 5), REMOVED_RETURNING);
	assert_null(strstr(f->agent->asked, "drop"));
}

/* Nothing is judged by half, and nothing goes on for ever. */
static void
strange_lists_do_no_harm(void **state)
{
	struct fixture *f = *state;

	put(f, 0, KEPT_SECONDS);
	f->repeats = true;
	look(f);
	test_agent_expect_said(f->agent, "not in its order");
	test_agent_expect_quiet(f->agent);
	f->repeats = false;
	f->numbers = true;
	f->agent->said[0] = '\0';
	look(f);
	test_agent_expect_said(f->agent, "not in its order");
	test_agent_expect_quiet(f->agent);
	assert_null(strstr(f->agent->asked, "drop"));
	assert_null(strstr(f->agent->asked, "health"));
}

static void
a_failure_is_said_and_tried_again(void **state)
{
	struct fixture *f = *state;

	f->fails = true;
	put(f, 0, KEPT_SECONDS);
	look(f);
	test_agent_expect_said(f->agent, "can not be listed");
	test_agent_expect_quiet(f->agent);
	f->fails = false;
	look(f);
	test_agent_expect_said(f->agent, "deleted it");
}

/* It is being restarted, which is no news; times are judged without it. */
static void
the_agent_is_away(void **state)
{
	struct fixture *f = *state;

	add_removed(f, 2, KEPT_SECONDS);
	put(f, 0, KEPT_SECONDS);
	test_agent_stop(f->agent);
	look(f);
	test_agent_expect_said(f->agent, "the time of removed mailboxes");
	test_agent_expect_quiet(f->agent);
	assert_int_equal(state_of(f, 2), REMOVED_PURGED);
	assert_null(strstr(f->agent->said, "warn"));
	test_agent_start(f->agent);
	look(f);
	test_agent_expect_said(f->agent, "deleted it");
}

static void
never(struct test_agent *agent, struct ipc_call *call, json_t *r UNUSED)
{
	agent->held = call;
}

static void
the_agent_dies_at_work(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = never;
	put(f, 0, KEPT_SECONDS);
	look(f);
	test_agent_expect(f->agent, f->agent->asked, "list \n");
	look(f); /* it is at it */
	test_agent_expect_quiet(f->agent);
	test_agent_stop(f->agent);
	test_agent_expect_quiet(f->agent);
	f->agent->answer = answer;
	test_agent_start(f->agent);
	look(f);
	test_agent_expect_said(f->agent, "deleted it");
}

/* It is freed by the answer, which may be long in coming. */
static void
the_end_while_an_answer_is_awaited(void **state)
{
	struct fixture *f = *state;

	f->agent->answer = never;
	look(f);
	test_agent_expect(f->agent, f->agent->asked, "list \n");
	garbage_collector_free(&f->collector);
	assert_null(f->collector);
	test_agent_let_go(f->agent);
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(removed_mailboxes_are_kept_as_long_as_said),
		ROW(the_setting_decides),
		ROW(earlier_entries_go_when_their_time_is_over),
		ROW(a_big_one_goes_in_steps),
		ROW(what_has_an_owner_is_not_dropped),
		ROW(what_is_not_known_is_left_alone),
		ROW(unknown_entries_are_told),
		ROW(mail_of_a_mailbox_is_brought_back),
		ROW(strange_lists_do_no_harm),
		ROW(a_failure_is_said_and_tried_again),
		ROW(the_agent_is_away),
		ROW(the_agent_dies_at_work),
		ROW(the_end_while_an_answer_is_awaited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
