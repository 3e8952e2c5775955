/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A slice each turn; a whole one means that there may be more. */
#include "jobs/audit_pruner.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "model/audit.h"
#include "model/setting.h"

#define FIRST_MS 300000
#define INTERVAL_MS 3600000
#define PAUSE_MS 100
#define SLICE 500 /* rows */
#define DAY_SECONDS 86400

struct audit_pruner {
	struct db *core;
	struct event *timer;
	int64_t count; /* since the last pause of an hour */
};

static void
look_in(struct audit_pruner *pruner, int ms)
{
	struct timeval wait = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	event_add(pruner->timer, &wait);
}

static int
prune(struct audit_pruner *pruner, int64_t *count_out, struct err *err)
{
	int64_t days;

	if (setting_number(pruner->core, SETTING_AUDIT_DAYS, &days, err) < 0)
		return -1;
	return audit_prune(pruner->core,
		clock_wall_seconds() - days * DAY_SECONDS, SLICE, count_out,
		err);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct audit_pruner *pruner = context;
	int64_t count = 0;
	struct err err;

	if (prune(pruner, &count, &err) < 0)
		log_error("audit can not be shortened, trying again later",
			LOG_ERR(&err));
	pruner->count += count;
	if (count == SLICE) {
		look_in(pruner, PAUSE_MS);
		return;
	}
	if (pruner->count > 0)
		log_info("old changes are forgotten",
			LOG_NUMBER("rows", pruner->count));
	pruner->count = 0;
	look_in(pruner, INTERVAL_MS);
}

struct audit_pruner *
audit_pruner_new(struct event_base *loop, struct db *core)
{
	struct audit_pruner *pruner = xmalloc(sizeof(*pruner));

	pruner->core = core;
	pruner->timer = evtimer_new(loop, on_timer, pruner);
	BUG_ON(pruner->timer == NULL);
	look_in(pruner, FIRST_MS);
	return pruner;
}

void
audit_pruner_free(struct audit_pruner **pruner)
{
	if (*pruner != NULL)
		event_free((*pruner)->timer);
	x_free(pruner);
}

void
audit_pruner_wake(struct audit_pruner *pruner)
{
	look_in(pruner, 0);
}
