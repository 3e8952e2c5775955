/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is the suite as good as it was before? What was not well before need not
 * be well after; what depends on the world outside (resolver, disk) proves
 * nothing about a build.
 */
#ifndef CLI_UPGRADE_HEALTH_H
#define CLI_UPGRADE_HEALTH_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/command.h"

/* What counts later of the suite as it is now; a new reference, NULL: down. */
json_t *upgrade_health_look(struct command_call *call);
/* Waits until it is as good as in before (may be NULL: it was down). */
MUST_CHECK int upgrade_health_wait(struct command_call *call,
	const json_t *before, int deadline_ms, struct err *err);
/* Pure, for the test: of two reports. The reason, when it is not. */
bool upgrade_health_judge(
	const json_t *before, const json_t *after, char *why, size_t size);

#endif
