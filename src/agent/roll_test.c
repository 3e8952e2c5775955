/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A roll over services that exist only here. Each test says which are
 * stale and what they do; what was done to whom is written down as text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/roll.h"
#include "base/alloc.h"

#define SERVICE(service_name, order, ...)                                      \
	{                                                                      \
		.name = service_name, .stop_order = order, .start_ms = 1000,   \
		.prefer_ms = 60000, .ready = ENGINE_READY_FD, __VA_ARGS__      \
	}

static const struct engine ENGINE = {
	.name = "test",
	.services = {
		SERVICE("front", 10, .prefer = { "health:resolver" }),
		SERVICE("base", 40),
		SERVICE("log", 60),
		SERVICE("middle", 30),
	},
};

struct fixture {
	struct sequencer sequencer;
	struct roll roll;
	struct stale stale[SEQUENCER_UNITS_MAX];
	struct process process[SEQUENCER_UNITS_MAX];
	int64_t failures[SEQUENCER_UNITS_MAX];
	enum roll_reload reload;
	bool obeys;
	char done[256]; /* "restart base" ... */
};

/* The one fixture of the running test, for operations without a context. */
static struct fixture *fixture;

static bool
exists(const char *path)
{
	(void)path;
	return true;
}

static const struct sequencer_operations SEQUENCER = { .path_exists = exists };

static size_t
place_of(const struct unit *unit)
{
	return (size_t)(unit - fixture->sequencer.units);
}

static void
write_down(const char *what, const struct roll_item *item)
{
	size_t used = strlen(fixture->done);

	snprintf(fixture->done + used, sizeof(fixture->done) - used, "%s%s %s",
		used > 0 ? ", " : "", what, item->unit->service->name);
}

static bool
restart(struct roll_item *item, void *context)
{
	(void)context;
	if (!fixture->obeys)
		return false;
	write_down("restart", item);
	item->unit->restarting = true;
	item->unit->state = UNIT_STOPPING;
	return true;
}

static bool
reload(struct roll_item *item, void *context)
{
	(void)context;
	write_down("reload", item);
	return true;
}

static enum roll_reload
reloaded(struct roll_item *item, int64_t now_ms, void *context)
{
	(void)item;
	(void)now_ms;
	(void)context;
	return fixture->reload;
}

static void
look(const struct unit *unit, struct process *process_out,
	int64_t *failures_out)
{
	*process_out = fixture->process[place_of(unit)];
	*failures_out = fixture->failures[place_of(unit)];
}

static void
tell(const struct roll_item *item, void *context)
{
	(void)item;
	(void)context;
}

static const struct roll_operations OPERATIONS = {
	.restart = restart,
	.reload = reload,
	.reloaded = reloaded,
	.look = look,
	.tell = tell,
};

static int
set_up(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));

	sequencer_init(&f->sequencer, &ENGINE, 1, "/scan", &SEQUENCER);
	for (size_t i = 0; i < f->sequencer.unit_count; i++) {
		f->sequencer.units[i].state = UNIT_READY;
		f->process[i] = (struct process){ 100 + (pid_t)i, 1 };
	}
	f->reload = ROLL_RELOAD_TAKEN;
	f->obeys = true;
	fixture = f;
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	fixture = NULL;
	x_free(state);
	return 0;
}

static struct unit *
unit_of(struct fixture *f, const char *name)
{
	return sequencer_find(&f->sequencer, name);
}

static void
make_stale(struct fixture *f, const char *name, enum stale_action action)
{
	f->stale[place_of(unit_of(f, name))].action = action;
}

static void
begin(struct fixture *f)
{
	roll_init(&f->roll, &f->sequencer, f->stale, &OPERATIONS, NULL);
}

static int
step(struct fixture *f, int64_t now_ms)
{
	struct err err = { 0 };

	return roll_step(&f->roll, now_ms, &err);
}

/* It is there again, as another process. */
static void
become_ready(struct fixture *f, const char *name)
{
	struct unit *unit = unit_of(f, name);

	unit->restarting = false;
	unit->state = UNIT_READY;
	f->process[place_of(unit)].pid += 1000;
}

static enum roll_state
state_of(struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->roll.count; i++)
		if (f->roll.items[i].unit == unit_of(f, name))
			return f->roll.items[i].state;
	return ROLL_FAILED;
}

static void
test_nothing_stale_is_done_at_once(void **state)
{
	struct fixture *f = *state;

	begin(f);
	assert_int_equal(step(f, 0), 1);
	assert_int_equal(roll_work(&f->roll), 0);
	assert_string_equal(f->done, "");
}

static void
test_one_at_a_time_and_databases_first(void **state)
{
	struct fixture *f = *state;

	make_stale(f, "front", STALE_RELOAD);
	make_stale(f, "base", STALE_RESTART);
	make_stale(f, "log", STALE_RESTART);
	begin(f);
	assert_int_equal(step(f, 0), 0);
	assert_string_equal(f->done, "restart log");
	assert_int_equal(step(f, 10), 0); /* it is not ready yet */
	assert_string_equal(f->done, "restart log");
	become_ready(f, "log");
	assert_int_equal(step(f, 20), 0);
	assert_string_equal(f->done, "restart log, restart base");
	become_ready(f, "base");
	assert_int_equal(step(f, 30), 0);
	assert_int_equal(step(f, 40), 1);
	assert_string_equal(f->done, "restart log, restart base, reload front");
	assert_int_equal(state_of(f, "log"), ROLL_RESTARTED);
	assert_int_equal(state_of(f, "front"), ROLL_RELOADED);
	assert_int_equal(state_of(f, "middle"), ROLL_UNTOUCHED);
	assert_int_equal(roll_work(&f->roll), 3);
}

/* A probe may be answered by one that is about to end. */
static void
test_ready_by_a_probe_must_last(void **state)
{
	struct fixture *f = *state;
	struct engine_service probed = *unit_of(f, "base")->service;

	probed.ready = ENGINE_READY_PROBE;
	unit_of(f, "base")->service = &probed;
	make_stale(f, "base", STALE_RESTART);
	begin(f);
	assert_int_equal(step(f, 0), 0);
	become_ready(f, "base");
	unit_of(f, "base")->ready_ms = 10;
	assert_int_equal(step(f, 309), 0);
	assert_int_equal(step(f, 310), 1);
}

static void
test_ready_as_the_same_process_is_not_restarted(void **state)
{
	struct fixture *f = *state;

	make_stale(f, "log", STALE_RESTART);
	begin(f);
	assert_int_equal(step(f, 0), 0);
	/* s6 has not even stopped it. */
	unit_of(f, "log")->restarting = false;
	unit_of(f, "log")->state = UNIT_READY;
	assert_int_equal(step(f, 10), 0);
	become_ready(f, "log");
	assert_int_equal(step(f, 20), 1);
}

static void
test_a_reload_that_is_not_taken_becomes_a_restart(void **state)
{
	struct fixture *f = *state;

	f->reload = ROLL_RELOAD_BUSY;
	make_stale(f, "middle", STALE_RELOAD);
	begin(f);
	assert_int_equal(step(f, 0), 0);
	assert_int_equal(step(f, 10), 0);
	assert_string_equal(f->done, "reload middle");
	f->reload = ROLL_RELOAD_REFUSED;
	assert_int_equal(step(f, 20), 0);
	assert_string_equal(f->done, "reload middle, restart middle");
	become_ready(f, "middle");
	assert_int_equal(step(f, 30), 1);
	assert_int_equal(state_of(f, "middle"), ROLL_RESTARTED);
}

static void
test_a_service_that_is_switched_off_counts_as_done(void **state)
{
	struct fixture *f = *state;

	make_stale(f, "middle", STALE_RESTART);
	begin(f);
	assert_int_equal(step(f, 0), 0);
	unit_of(f, "middle")->restarting = false;
	unit_of(f, "middle")->state = UNIT_OFF;
	assert_int_equal(step(f, 10), 1);
}

struct failure {
	const char *name;
	enum unit_state state;
	int64_t failures;
	const char *text;
};

static void
test_failures_name_the_service_and_stop_the_roll(void **state)
{
	static const struct failure FAILURES[] = {
		{ "overdue", UNIT_OVERDUE, 0,
			"base does not become ready in time" },
		{ "blocked", UNIT_BLOCKED, 0, "base waiting for log" },
		{ "again and again", UNIT_RESTARTING, 4,
			"base ends as soon as it is started" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(FAILURES); i++) {
		struct unit *unit = unit_of(f, "base");
		struct err err = { 0 };

		f->done[0] = '\0';
		f->failures[place_of(unit)] = 7;
		make_stale(f, "base", STALE_RESTART);
		make_stale(f, "front", STALE_RESTART);
		begin(f);
		assert_int_equal(step(f, 0), 0);
		unit->restarting = false;
		unit->state = FAILURES[i].state;
		snprintf(unit->note, sizeof(unit->note), "waiting for log");
		f->failures[place_of(unit)] = 7 + FAILURES[i].failures;
		assert_int_equal(roll_step(&f->roll, 10, &err), -1);
		assert_string_equal(err.text, FAILURES[i].text);
		assert_string_equal(err.remedy, "mailherd logs base");
		assert_string_equal(f->done, "restart base");
		assert_int_equal(state_of(f, "base"), ROLL_FAILED);
	}
}

static void
test_without_a_supervisor_it_gives_up_in_the_end(void **state)
{
	struct fixture *f = *state;

	f->obeys = false;
	make_stale(f, "base", STALE_RESTART);
	begin(f);
	assert_int_equal(step(f, 1), 0);
	assert_int_equal(step(f, 5000), 0);
	assert_int_equal(step(f, 5001), -1);
}

/* It would be down while it waits, so it waits before it is stopped. */
static void
test_a_preference_known_to_be_missing_is_waited_for_first(void **state)
{
	struct fixture *f = *state;

	make_stale(f, "front", STALE_RESTART);
	sequencer_set_fact(&f->sequencer, "resolver", false, "no answer");
	begin(f);
	assert_int_equal(step(f, 1), 0);
	assert_int_equal(step(f, 9999), 0);
	assert_string_equal(f->done, "");
	assert_int_equal(step(f, 10001), 0);
	assert_string_equal(f->done, "restart front");
}

static void
test_an_unknown_preference_is_not_waited_for(void **state)
{
	struct fixture *f = *state;

	make_stale(f, "front", STALE_RESTART);
	begin(f);
	assert_int_equal(step(f, 1), 0);
	assert_string_equal(f->done, "restart front");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_stale_is_done_at_once),
		TEST(test_one_at_a_time_and_databases_first),
		TEST(test_ready_by_a_probe_must_last),
		TEST(test_ready_as_the_same_process_is_not_restarted),
		TEST(test_a_reload_that_is_not_taken_becomes_a_restart),
		TEST(test_a_service_that_is_switched_off_counts_as_done),
		TEST(test_failures_name_the_service_and_stop_the_roll),
		TEST(test_without_a_supervisor_it_gives_up_in_the_end),
		TEST(test_a_preference_known_to_be_missing_is_waited_for_first),
		TEST(test_an_unknown_preference_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
