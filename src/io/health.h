/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells the agent one fact about the instance ("resolver", "dkim"): verb
 * health {name, ok, text}. The newest state is sent until it is taken, and
 * again every 30 seconds, because an agent that was restarted has
 * forgotten it. What follows from a fact is the agent's business.
 */
#ifndef IO_HEALTH_H
#define IO_HEALTH_H

#include <event2/event.h>
#include <stdbool.h>

#define HEALTH_TEXT_SIZE 200 /* with NUL; more is cut */

struct health;

/* Nothing is sent before the first health_set(). Texts are copied. */
struct health *health_new(
	struct event_base *loop, const char *agent_socket, const char *name);
/* A report that is on its way is not called back. */
void health_free(struct health **health);
void health_set(struct health *health, bool ok, const char *text);

#endif
