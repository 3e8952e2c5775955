/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A second keeper of the listening sockets: the descriptor holder
 * (s6-fdholderd) can be killed like any other process, and would come back
 * empty. The agent has a copy of each descriptor and gives back what a new
 * holder does not have. Only when both die at once are the sockets made
 * anew (io/fdstore.h).
 */
#ifndef AGENT_HOLDER_H
#define AGENT_HOLDER_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/paths.h"

#define HOLDER_SOCKETS_MAX 32

struct holder_socket {
	char *id; /* its path */
	int fd;
};

struct holder {
	pid_t pid; /* of the holder that was looked at last */
	struct holder_socket sockets[HOLDER_SOCKETS_MAX];
	size_t count;
};

/*
 * pid is that of a holder that is ready. changed: a program that may have
 * stored sockets has become ready. Waits for the holder half a second at
 * most; failures are logged and made good at the next call.
 */
void holder_turn(struct holder *holder, const struct paths *paths, pid_t pid,
	bool changed);
void holder_deinit(struct holder *holder);

#endif
