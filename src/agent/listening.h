/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Is a TCP port of this network namespace being listened on? Looked up in
 * the kernel's table, without a connection, so that the listener does not
 * notice.
 */
#ifndef AGENT_LISTENING_H
#define AGENT_LISTENING_H

#include <stdbool.h>

/* address "*" or an any-address: whatever address it listens on. */
bool listening_on(const char *address, int port);

#endif
