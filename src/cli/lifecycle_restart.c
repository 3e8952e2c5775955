/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd restart: all, one service, or what is stale (--changed). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/lifecycle.h"
#include "cli/suite.h"
#include "cli/upgrade.h"
#include "supervise/s6.h"

#define RESTART_DEADLINE_MS 300000

static void
print_roll(const json_t *reply, int64_t ms)
{
	const json_t *services = json_object_get(reply, "services");

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *service = json_array_get(services, i);
		const char *reason = suite_text(service, "reason");

		if (strcmp(suite_text(service, "action"), "untouched") == 0)
			continue;
		printf("%s %s%s%s\n", suite_text(service, "name"),
			suite_text(service, "action"), *reason ? ": " : "",
			reason);
	}
	if (json_integer_value(json_object_get(reply, "changed")) == 0)
		puts("nothing to do");
	else
		printf("%s after %.1f s\n", suite_text(reply, "state"),
			(double)ms / 1000);
}

/* Programs of a newer build would touch the data before it is copied. */
static int
refuse_when_due(const struct command_call *call, struct err *err)
{
	if (!upgrade_is_due(call))
		return 0;
	(void)err_set(err, ERR_BUSY,
		"a newer build is installed and not in force yet");
	return err_remedy(
		err, "mailherd upgrade brings it into force, or goes back");
}

int
lifecycle_restart_changed(const struct command_call *call)
{
	int64_t began_ms = clock_monotonic_ms();
	struct err err = { 0 };
	json_t *reply;

	if (refuse_when_due(call, &err) == -1 ||
		suite_roll(call, &reply, &err) == -1)
		return command_fail(call, &err);
	(void)json_object_del(reply, "ok"); /* the protocol's, not ours */
	if (call->json) {
		json_dumpf(reply, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_roll(reply, clock_monotonic_ms() - began_ms);
	}
	json_decref(reply);
	return 0;
}

int
lifecycle_restart(struct command_call *call)
{
	const char *service = command_argument(call, 0);
	bool changed = command_option(call, "changed") != NULL;
	struct err err = { 0 };

	if (changed && service != NULL) {
		err_field(&err, ERR_INVALID, "changed",
			"--changed finds the services itself; name none");
		return command_fail(call, &err);
	}
	if (!s6_scan_running(call->paths.services)) {
		err_set(&err, ERR_UNAVAILABLE, "mailherd is not running");
		err_remedy(&err, "mailherd up");
		return command_fail(call, &err);
	}
	if (changed)
		return lifecycle_restart_changed(call);
	if ((service == NULL && refuse_when_due(call, &err) == -1) ||
		suite_ask(call, "restart", service, RESTART_DEADLINE_MS, NULL,
			&err) == -1)
		return command_fail(call, &err);
	if (service == NULL)
		return lifecycle_wait_healthy(call);
	puts(call->json ? "{\"state\":\"restarted\"}" : "restarted");
	return 0;
}
