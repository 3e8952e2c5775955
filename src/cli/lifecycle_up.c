/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd up: becomes the supervisor, or has it started and waits. */
#include "cli/lifecycle.h"
#include "cli/suite.h"
#include "cli/upgrade.h"
#include "supervise/s6.h"

static int
up_foreground(struct command_call *call)
{
	bool is_container = command_option(call, "container") != NULL;
	struct err err = { 0 };
	int status;

	if (s6_scan_running(call->paths.services)) {
		err_set(&err, ERR_EXISTS, "mailherd is running already");
		return command_fail(call, &err);
	}
	if (is_container && (status = lifecycle_container_begin(call)) != 0)
		return status;
	upgrade_before_start(call);
	if (suite_prepare(call, &err) == -1)
		return command_fail(call, &err);
	if (is_container)
		lifecycle_container_resolver(call);
	(void)suite_become(call, &err); /* returned: err is set */
	return command_fail(call, &err);
}

int
lifecycle_up(struct command_call *call)
{
	struct err err = { 0 };

	if (command_option(call, "foreground") != NULL ||
		command_option(call, "container") != NULL)
		return up_foreground(call);
	if (upgrade_is_due(call))
		return upgrade_up(call);
	if (suite_begin(call, NULL, &err) == -1)
		return command_fail(call, &err);
	return lifecycle_wait_healthy(call);
}
