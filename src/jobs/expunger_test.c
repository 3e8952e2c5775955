/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom expunger.c has expunged, and what it does when that fails. */
#include "jobs/expunger.h"

#include "jobs/test_agent.h"

#define DAYS 7

static struct expunger *
begin(struct test_agent *agent, int days)
{
	struct expunger *expunger =
		expunger_new(agent->loop, agent->core, days, agent->path);

	expunger_wake(expunger);
	return expunger;
}

static void
end(struct test_agent *agent, struct expunger *expunger)
{
	test_agent_expect_quiet(agent);
	expunger_free(&expunger);
	test_agent_free(agent);
}

static void
not_at_once_after_the_start(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger =
		expunger_new(agent->loop, agent->core, DAYS, agent->path);

	test_agent_add_mailboxes(agent, 1, 1);
	test_agent_expect_quiet(agent);
	assert_string_equal(agent->asked, "");
	end(agent, expunger);
}

static void
the_age_is_what_is_kept(void **state UNUSED)
{
	static const struct {
		int days;
		const char *want;
	} CASES[] = {
		{ DAYS, "expunge-old 7d u0001@x.example u0002@x.example\n" },
		{ 3650, "expunge-old 3650d u0001@x.example u0002@x.example\n" },
		/* What was kept before it was switched off goes. */
		{ 0, "expunge-old 0s u0001@x.example u0002@x.example\n" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct test_agent *agent = test_agent_new();
		struct expunger *expunger;

		test_agent_add_mailboxes(agent, 1, 2);
		expunger = begin(agent, CASES[i].days);
		test_agent_expect(agent, agent->asked, CASES[i].want);
		test_agent_expect_quiet(agent);
		assert_string_equal(agent->asked, CASES[i].want);
		assert_string_equal(agent->said, "");
		end(agent, expunger);
	}
}

static void
nobody_is_there(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger = begin(agent, DAYS);

	test_agent_expect_quiet(agent);
	assert_string_equal(agent->asked, "");
	end(agent, expunger);
}

static int
count_lines(const char *text)
{
	int count = 0;

	for (; *text != '\0'; text++)
		count += *text == '\n';
	return count;
}

/* Every mailbox is named once, the last batch is short. */
static void
all_in_batches(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger;
	char address[40];

	test_agent_add_mailboxes(agent, 1, 401);
	expunger = begin(agent, DAYS);
	test_agent_expect(
		agent, agent->asked, "\nexpunge-old 7d u0401@x.example\n");
	test_agent_expect_quiet(agent);
	assert_int_equal(count_lines(agent->asked), 3);
	for (int i = 1; i <= 401; i++) {
		const char *at;

		snprintf(address, sizeof(address), " u%04d@x.example", i);
		at = strstr(agent->asked, address);
		assert_non_null(at);
		assert_null(strstr(at + 1, address));
	}
	end(agent, expunger);
}

static void
answer_failed(struct test_agent *agent UNUSED, struct ipc_call *call,
	json_t *request UNUSED)
{
	json_number(ipc_answer(call), "status", 75);
	ipc_reply(call);
}

/* Words in the place of numbers, and nothing of what is expected. */
static void
answer_nonsense(struct test_agent *agent UNUSED, struct ipc_call *call,
	json_t *request UNUSED)
{
	json_text(ipc_answer(call), "status", "-1");
	json_text(ipc_answer(call), "lines", "doveadm(");
	ipc_reply(call);
}

static void
answer_refused(struct test_agent *agent UNUSED, struct ipc_call *call,
	json_t *request UNUSED)
{
	struct err err = { 0 };

	(void)err_set(&err, ERR_BUSY, "too many wait");
	ipc_fail(call, &err);
}

/* One mailbox that fails does not keep those behind it waiting. */
static void
the_others_are_not_held_up(void **state UNUSED)
{
	void (*const answers[])(struct test_agent *, struct ipc_call *,
		json_t *) = { answer_failed, answer_nonsense };

	for (size_t i = 0; i < ARRAY_LENGTH(answers); i++) {
		struct test_agent *agent = test_agent_new();
		struct expunger *expunger;

		agent->answer = answers[i];
		test_agent_add_mailboxes(agent, 1, 201);
		expunger = begin(agent, DAYS);
		test_agent_expect(agent, agent->asked,
			"\nexpunge-old 7d u0201@x.example\n");
		test_agent_expect_quiet(agent);
		assert_int_equal(count_lines(agent->asked), 2);
		assert_int_equal(strstr(agent->said, "status=75") != NULL,
			answers[i] == answer_failed);
		end(agent, expunger);
	}
}

/* Later once more, from the first mailbox on. */
static void
what_is_refused_is_asked_again(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger;

	agent->answer = answer_refused;
	test_agent_add_mailboxes(agent, 1, 1);
	expunger = begin(agent, DAYS);
	test_agent_expect_said(agent, "trying again later");
	test_agent_expect_quiet(agent); /* and not at once */
	assert_int_equal(count_lines(agent->asked), 1);
	agent->answer = NULL;
	expunger_wake(expunger);
	test_agent_expect(
		agent, agent->asked, "\nexpunge-old 7d u0001@x.example\n");
	end(agent, expunger);
}

/* It is being restarted, which is no news. */
static void
the_agent_is_away(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger;

	test_agent_add_mailboxes(agent, 1, 1);
	test_agent_stop(agent);
	expunger = begin(agent, DAYS);
	test_agent_expect_quiet(agent);
	assert_string_equal(agent->said, "");
	test_agent_start(agent);
	expunger_wake(expunger);
	test_agent_expect(
		agent, agent->asked, "expunge-old 7d u0001@x.example\n");
	end(agent, expunger);
}

static void
answer_never(
	struct test_agent *agent, struct ipc_call *call, json_t *request UNUSED)
{
	agent->held = call;
}

/* Killed while it works: the whole is begun again, nothing is skipped. */
static void
the_agent_dies_at_work(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger;

	agent->answer = answer_never;
	test_agent_add_mailboxes(agent, 1, 201);
	expunger = begin(agent, DAYS);
	test_agent_expect(agent, agent->asked, "u0200@x.example\n");
	expunger_wake(expunger); /* it is at work */
	test_agent_expect_quiet(agent);
	test_agent_stop(agent);
	test_agent_expect_quiet(agent);
	agent->answer = NULL;
	test_agent_start(agent);
	agent->asked[0] = '\0';
	expunger_wake(expunger);
	test_agent_expect(
		agent, agent->asked, "\nexpunge-old 7d u0201@x.example\n");
	assert_int_equal(count_lines(agent->asked), 2);
	end(agent, expunger);
}

/* It is freed by the answer, which may be long in coming. */
static void
the_end_while_an_answer_is_awaited(void **state UNUSED)
{
	struct test_agent *agent = test_agent_new();
	struct expunger *expunger;

	agent->answer = answer_never;
	test_agent_add_mailboxes(agent, 1, 1);
	expunger = begin(agent, DAYS);
	test_agent_expect(agent, agent->asked, "u0001@x.example\n");
	expunger_free(&expunger);
	assert_null(expunger);
	test_agent_let_go(agent);
	end(agent, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_at_once_after_the_start),
		cmocka_unit_test(the_age_is_what_is_kept),
		cmocka_unit_test(nobody_is_there),
		cmocka_unit_test(all_in_batches),
		cmocka_unit_test(the_others_are_not_held_up),
		cmocka_unit_test(what_is_refused_is_asked_again),
		cmocka_unit_test(the_agent_is_away),
		cmocka_unit_test(the_agent_dies_at_work),
		cmocka_unit_test(the_end_while_an_answer_is_awaited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
