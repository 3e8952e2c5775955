/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order is that of a stop, backwards: who stops last (logger,
 * databases) is renewed first, so that a service finds what it needs in
 * its new shape. A service that would wait for a preference does so before
 * it is stopped, not after.
 */
#include "agent/roll.h"

#include <stdlib.h>
#include <string.h>

#define PREFERENCE_WAIT_MS 10000
#define BEGIN_RETRY_MS 5000

static const char *const STATE_NAMES[] = {
	[ROLL_UNTOUCHED] = "untouched",
	[ROLL_WAITING] = "waiting",
	[ROLL_RELOADING] = "reloading",
	[ROLL_RESTARTING] = "restarting",
	[ROLL_RELOADED] = "reloaded",
	[ROLL_RESTARTED] = "restarted",
	[ROLL_FAILED] = "failed",
};

const char *
roll_state_name(enum roll_state state)
{
	return STATE_NAMES[state];
}

static int
compare_items(const void *a, const void *b)
{
	const struct roll_item *left = a, *right = b;
	int order = right->unit->service->stop_order -
		    left->unit->service->stop_order;

	/* Units stand in the order of their table. */
	return order != 0 ? order : left->unit < right->unit ? -1 : 1;
}

void
roll_init(struct roll *roll, struct sequencer *sequencer,
	const struct stale *stale, const struct roll_operations *operations,
	void *context)
{
	*roll = (struct roll){ .operations = operations,
		.context = context,
		.sequencer = sequencer,
		.count = sequencer->unit_count };
	for (size_t i = 0; i < roll->count; i++)
		roll->items[i] = (struct roll_item){
			.unit = &sequencer->units[i],
			.stale = stale[i],
			.state = stale[i].action == STALE_NOT ? ROLL_UNTOUCHED
							      : ROLL_WAITING,
			.took_ms = -1,
		};
	qsort(roll->items, roll->count, sizeof(roll->items[0]), compare_items);
}

size_t
roll_work(const struct roll *roll)
{
	size_t count = 0;

	for (size_t i = 0; i < roll->count; i++)
		count += roll->items[i].state != ROLL_UNTOUCHED;
	return count;
}

static void
change(struct roll *roll, struct roll_item *item, enum roll_state state)
{
	item->state = state;
	roll->operations->tell(item, roll->context);
}

static int
fail(struct roll *roll, struct roll_item *item, struct err *err,
	const char *text)
{
	change(roll, item, ROLL_FAILED);
	err_set(err, ERR_UNAVAILABLE, "%s %s", item->unit->service->name, text);
	return err_remedy(err, "mailherd logs %s", item->unit->service->name);
}

/* True while it would only wait after its stop, for a while. */
static bool
waits_for_preference(struct roll *roll, struct roll_item *item, int64_t now_ms)
{
	int wait_ms = item->unit->service->prefer_ms;

	if (!sequencer_misses_known(roll->sequencer, item->unit))
		return false;
	if (item->waited_ms == 0)
		item->waited_ms = now_ms;
	if (wait_ms > PREFERENCE_WAIT_MS)
		wait_ms = PREFERENCE_WAIT_MS;
	return now_ms < item->waited_ms + wait_ms;
}

static bool
begin_restart(struct roll *roll, struct roll_item *item)
{
	roll->operations->look(item->unit, &item->process, &item->failures);
	if (!roll->operations->restart(item, roll->context))
		return false;
	change(roll, item, ROLL_RESTARTING);
	return true;
}

static bool
begin_reload(struct roll *roll, struct roll_item *item)
{
	roll->operations->look(item->unit, &item->process, &item->failures);
	if (!roll->operations->reload(item, roll->context))
		return false;
	change(roll, item, ROLL_RELOADING);
	return true;
}

static int
step_waiting(struct roll *roll, struct roll_item *item, int64_t now_ms,
	struct err *err)
{
	bool begun;

	if (waits_for_preference(roll, item, now_ms))
		return 0;
	if (item->began_ms == 0)
		item->began_ms = now_ms;
	begun = item->stale.action == STALE_RELOAD ? begin_reload(roll, item)
						   : begin_restart(roll, item);
	if (!begun && now_ms >= item->began_ms + BEGIN_RETRY_MS)
		return fail(roll, item, err, "has no supervisor");
	return 0;
}

static int
step_reloading(struct roll *roll, struct roll_item *item, int64_t now_ms,
	struct err *err)
{
	switch (roll->operations->reloaded(item, now_ms, roll->context)) {
	case ROLL_RELOAD_BUSY:
		return 0;
	case ROLL_RELOAD_TAKEN:
		item->took_ms = now_ms - item->began_ms;
		change(roll, item, ROLL_RELOADED);
		return 1;
	case ROLL_RELOAD_REFUSED:
		break;
	}
	item->stale.action = STALE_RESTART;
	item->state = ROLL_WAITING;
	return step_waiting(roll, item, now_ms, err);
}

static bool
is_another(const struct process *a, const struct process *b)
{
	return a->pid != b->pid || a->start_ticks != b->start_ticks;
}

static int
step_restarting(struct roll *roll, struct roll_item *item, int64_t now_ms,
	struct err *err)
{
	const struct unit *unit = item->unit;
	struct process process;
	int64_t failures;

	roll->operations->look(unit, &process, &failures);
	if (unit->state == UNIT_OVERDUE)
		return fail(roll, item, err, "does not become ready in time");
	if (unit->state == UNIT_BLOCKED)
		return fail(roll, item, err, unit->note);
	if (failures - item->failures >= ROLL_FAILURES_MAX)
		return fail(roll, item, err, "ends as soon as it is started");
	if (unit->restarting ||
		(unit->state != UNIT_OFF &&
			(!sequencer_stays_ready(unit, now_ms) ||
				process.pid == 0 ||
				!is_another(&process, &item->process))))
		return 0;
	item->took_ms = now_ms - item->began_ms;
	change(roll, item, ROLL_RESTARTED);
	return 1;
}

static int
step_item(struct roll *roll, struct roll_item *item, int64_t now_ms,
	struct err *err)
{
	switch (item->state) {
	case ROLL_WAITING:
		return step_waiting(roll, item, now_ms, err);
	case ROLL_RELOADING:
		return step_reloading(roll, item, now_ms, err);
	case ROLL_RESTARTING:
		return step_restarting(roll, item, now_ms, err);
	default:
		return 1;
	}
}

int
roll_step(struct roll *roll, int64_t now_ms, struct err *err)
{
	for (size_t i = 0; i < roll->count; i++) {
		int answer = step_item(roll, &roll->items[i], now_ms, err);

		if (answer != 1)
			return answer;
	}
	return 1;
}
