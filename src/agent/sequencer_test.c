/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sequencer on services that exist only here: commands change a status
 * as s6 would, time is a number.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/sequencer.h"
#include "base/alloc.h"

#define FAKE_PID 100

/* s6 obeys: up is running at once, ready only when the test says so. */
static bool
obey(const struct unit *unit, const char *letters)
{
	struct s6_status *status = (struct s6_status *)&unit->status;

	if (!status->supervised)
		return false;
	status->wanted_up = letters[0] == 'u';
	status->pid = letters[0] == 'u' ? FAKE_PID : status->pid;
	return true;
}

static void
ignore_down_file(const struct unit *unit, bool present)
{
	(void)unit;
	(void)present;
}

static void
ignore_hurry(const struct unit *unit)
{
	(void)unit;
}

static bool
path_is_yes(const char *path)
{
	return strcmp(path, "/yes") == 0 ||
	       (strncmp(path, "/scan/", strlen("/scan/")) == 0 &&
		       strcmp(path, "/scan/new") != 0);
}

static const struct sequencer_operations OPERATIONS = {
	.command = obey,
	.set_down_file = ignore_down_file,
	.hurry = ignore_hurry,
	.path_exists = path_is_yes,
};

#define SERVICE(service_name, ...)                                             \
	{                                                                      \
		.name = service_name, .start_ms = 1000, .prefer_ms = 500,      \
		.ready = ENGINE_READY_FD, .essential = true, __VA_ARGS__       \
	}

/* base <- daemon <- front; front prefers helper and a healthy resolver. */
static const struct engine ENGINE = {
	.name = "test",
	.services = {
		SERVICE("front", .after = { "daemon" }, .stop_order = 10,
			.prefer = { "helper", "health:resolver" }),
		SERVICE("daemon", .after = { "base" }, .stop_order = 30),
		SERVICE("base", .stop_order = 40),
		SERVICE("helper", .stop_order = 40),
		/* Of a profile or version that was not prepared yet. */
		SERVICE("new", .stop_order = 10),
		SERVICE("extra", .condition = "/no", .stop_order = 10),
	},
};

static int
set_up(void **state)
{
	struct sequencer *s = xmalloc(sizeof(*s));

	sequencer_init(s, &ENGINE, 1, "/scan", &OPERATIONS);
	for (size_t i = 0; i < s->unit_count; i++)
		s->units[i].status.supervised = true;
	*state = s;
	return 0;
}

static int
tear_down(void **state)
{
	x_free(state);
	return 0;
}

static enum unit_state
state_of(struct sequencer *s, const char *name)
{
	return sequencer_find(s, name)->state;
}

static void
set_ready(struct sequencer *s, const char *name)
{
	sequencer_find(s, name)->status.ready = true;
}

static void
end(struct sequencer *s, const char *name)
{
	struct s6_status *status = &sequencer_find(s, name)->status;

	status->pid = 0;
	status->ready = false;
}

#define assert_states(s, front, daemon, base, helper)                          \
	do {                                                                   \
		assert_int_equal(state_of(s, "front"), front);                 \
		assert_int_equal(state_of(s, "daemon"), daemon);               \
		assert_int_equal(state_of(s, "base"), base);                   \
		assert_int_equal(state_of(s, "helper"), helper);               \
	} while (0)

static void
start_all(struct sequencer *s)
{
	sequencer_set_fact(s, "resolver", true, "");
	sequencer_step(s, 1000);
	set_ready(s, "base");
	set_ready(s, "helper");
	sequencer_step(s, 1001);
	set_ready(s, "daemon");
	sequencer_step(s, 1002);
	set_ready(s, "front");
	sequencer_step(s, 1003);
}

static void
test_starts_in_order(void **state)
{
	struct sequencer *s = *state;

	sequencer_step(s, 1000);
	assert_states(
		s, UNIT_WAITING, UNIT_WAITING, UNIT_STARTING, UNIT_STARTING);
	assert_int_equal(state_of(s, "extra"), UNIT_OFF);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_PENDING);
	set_ready(s, "base");
	sequencer_step(s, 1010);
	assert_states(
		s, UNIT_WAITING, UNIT_STARTING, UNIT_READY, UNIT_STARTING);
	set_ready(s, "daemon");
	set_ready(s, "helper");
	sequencer_set_fact(s, "resolver", true, "");
	sequencer_step(s, 1020);
	assert_states(s, UNIT_STARTING, UNIT_READY, UNIT_READY, UNIT_READY);
	set_ready(s, "front");
	assert_int_equal(sequencer_step(s, 1035), SEQUENCER_NEVER);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_HEALTHY);
	assert_int_equal(sequencer_find(s, "front")->took_ms, 15);
}

static void
test_starts_degraded_when_preference_is_late(void **state)
{
	struct sequencer *s = *state;

	sequencer_step(s, 1000);
	set_ready(s, "base");
	set_ready(s, "helper");
	sequencer_step(s, 1000);
	set_ready(s, "daemon");
	assert_int_equal(sequencer_step(s, 1100), 1500);
	assert_int_equal(state_of(s, "front"), UNIT_WAITING);
	sequencer_step(s, 1600);
	assert_int_equal(state_of(s, "front"), UNIT_STARTING);
	set_ready(s, "front");
	sequencer_step(s, 1601);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_DEGRADED);
	assert_non_null(
		strstr(sequencer_find(s, "front")->note, "health:resolver"));
	sequencer_set_fact(s, "resolver", true, "");
	sequencer_step(s, 1700);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_HEALTHY);
}

static void
test_does_not_wait_for_what_is_overdue(void **state)
{
	struct sequencer *s = *state;
	struct unit *helper = sequencer_find(s, "helper");
	struct engine_service hasty = *helper->service;

	hasty.start_ms = 100;
	helper->service = &hasty;
	sequencer_set_fact(s, "resolver", true, "");
	sequencer_step(s, 1000);
	set_ready(s, "base");
	sequencer_step(s, 1000);
	set_ready(s, "daemon");
	sequencer_step(s, 1050);
	assert_int_equal(state_of(s, "front"), UNIT_WAITING);
	sequencer_step(s, 1100);
	sequencer_step(s, 1100);
	assert_int_equal(state_of(s, "helper"), UNIT_OVERDUE);
	assert_int_equal(state_of(s, "front"), UNIT_STARTING);
	assert_non_null(strstr(sequencer_find(s, "front")->note, "helper"));
}

static void
test_overdue_names_the_cause(void **state)
{
	struct sequencer *s = *state;
	const struct unit *culprit;

	sequencer_step(s, 1000);
	set_ready(s, "helper");
	assert_int_equal(sequencer_step(s, 1999), 2000);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_PENDING);
	sequencer_step(s, 2000);
	assert_states(s, UNIT_BLOCKED, UNIT_BLOCKED, UNIT_OVERDUE, UNIT_READY);
	assert_int_equal(sequencer_judge(s, &culprit), SEQUENCER_FAILED);
	assert_string_equal(culprit->service->name, "base");
	/* Late is better than never. */
	set_ready(s, "base");
	sequencer_step(s, 6000);
	assert_states(s, UNIT_WAITING, UNIT_STARTING, UNIT_READY, UNIT_READY);
}

static void
test_adopts_what_runs(void **state)
{
	struct sequencer *s = *state;

	for (size_t i = 0; i < s->unit_count; i++) {
		s->units[i].status.pid = FAKE_PID;
		s->units[i].status.wanted_up = true;
		s->units[i].status.ready = true;
	}
	sequencer_step(s, 1000);
	assert_states(s, UNIT_READY, UNIT_READY, UNIT_READY, UNIT_READY);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_HEALTHY);
	assert_int_equal(sequencer_find(s, "front")->took_ms, -1);
}

static void
test_crash_touches_nobody_else(void **state)
{
	struct sequencer *s = *state;

	start_all(s);
	end(s, "base");
	sequencer_step(s, 11000);
	assert_states(s, UNIT_READY, UNIT_READY, UNIT_RESTARTING, UNIT_READY);
	sequencer_find(s, "base")->status.pid = FAKE_PID + 1;
	assert_int_equal(sequencer_step(s, 11100), 12000);
	set_ready(s, "base");
	sequencer_step(s, 11200);
	assert_int_equal(sequencer_judge(s, NULL), SEQUENCER_HEALTHY);
}

static void
test_lost_supervisor(void **state)
{
	struct sequencer *s = *state;
	struct unit *base;

	start_all(s);
	base = sequencer_find(s, "base");
	base->status = (struct s6_status){ 0 };
	sequencer_step(s, 21000);
	assert_int_equal(base->state, UNIT_WAITING);
	/* Its down file is gone: the new supervisor starts it itself. */
	base->status = (struct s6_status){
		.supervised = true, .wanted_up = true, .pid = FAKE_PID
	};
	sequencer_step(s, 22000);
	assert_int_equal(base->state, UNIT_STARTING);
}

static void
test_restart_goes_down_first(void **state)
{
	struct sequencer *s = *state;
	struct unit *daemon;

	start_all(s);
	daemon = sequencer_find(s, "daemon");
	sequencer_restart(daemon);
	sequencer_step(s, 1100);
	assert_int_equal(daemon->state, UNIT_STOPPING);
	assert_false(daemon->status.wanted_up);
	assert_int_equal(state_of(s, "front"), UNIT_READY);
	end(s, "daemon");
	sequencer_step(s, 1200);
	assert_int_equal(daemon->state, UNIT_STARTING);
	assert_true(daemon->status.wanted_up);
	assert_false(daemon->restarting);
}

static void
test_stops_in_order(void **state)
{
	struct sequencer *s = *state;

	start_all(s);
	s->goal = SEQUENCER_DOWN;
	sequencer_step(s, 1100);
	assert_states(s, UNIT_STOPPING, UNIT_READY, UNIT_READY, UNIT_READY);
	end(s, "front");
	sequencer_step(s, 1101);
	assert_states(s, UNIT_DOWN, UNIT_STOPPING, UNIT_READY, UNIT_READY);
	end(s, "daemon");
	sequencer_step(s, 1102);
	assert_states(s, UNIT_DOWN, UNIT_DOWN, UNIT_STOPPING, UNIT_STOPPING);
	assert_false(s->all_down);
	end(s, "base");
	end(s, "helper");
	sequencer_step(s, 1103);
	assert_true(s->all_down);
}

#define SEQUENCER_TEST(test)                                                   \
	cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SEQUENCER_TEST(test_starts_in_order),
		SEQUENCER_TEST(test_starts_degraded_when_preference_is_late),
		SEQUENCER_TEST(test_does_not_wait_for_what_is_overdue),
		SEQUENCER_TEST(test_overdue_names_the_cause),
		SEQUENCER_TEST(test_adopts_what_runs),
		SEQUENCER_TEST(test_crash_touches_nobody_else),
		SEQUENCER_TEST(test_lost_supervisor),
		SEQUENCER_TEST(test_restart_goes_down_first),
		SEQUENCER_TEST(test_stops_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
