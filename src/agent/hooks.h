/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the administrator wants done before a service starts: the programs
 * in etc/mailherd/hooks/<service>, run by mailherd-run as root, one after
 * another in the order of the bytes of their names. Whatever becomes of
 * them, the service starts: a hook that fails, is overdue or is not fit to
 * be run by root is named in the service's log.
 *
 * A hook sees what the service will see (its private mounts, its TZ), with
 * MAILHERD_SERVICE and MAILHERD_ROOT in its environment; what it prints
 * goes to the service's log. Probes and restarts of probes run none.
 */
#ifndef AGENT_HOOKS_H
#define AGENT_HOOKS_H

#define HOOKS_DEADLINE_MS 30000 /* of all hooks of a service together */

struct hooks {
	const char *directory; /* need not exist */
	const char *service;
	const char *root; /* of the instance; "/" for the machine's */
	const char *const *environment; /* of the service; NULL-ended */
	int deadline_ms;
};

void hooks_run(const struct hooks *hooks);
/* One program of ours, with what hooks get: NULL-ended argv. */
void hooks_run_program(const struct hooks *hooks, const char *const *argv);

#endif
