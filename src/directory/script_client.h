/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Has Dovecot run a program: the client of its `script` services
 * (src/util/script.c of Dovecot 2.3, protocol version 4). Which program
 * stands in dovecot.conf, behind its socket; only arguments are given.
 */
#ifndef DIRECTORY_SCRIPT_CLIENT_H
#define DIRECTORY_SCRIPT_CLIENT_H

#include <event2/event.h>

#include "base/err.h"

/* err NULL: it ended with exit status 0. */
typedef void script_client_fn(const struct err *err, void *context);

/*
 * Asks at once. arguments are NULL-ended and have no line ends. done is
 * called exactly once, from the loop; Dovecot ends the program after the
 * deadline.
 */
void script_client_run(struct event_base *loop, const char *socket_path,
	const char *const *arguments, int deadline_ms, script_client_fn *done,
	void *context);

#endif
