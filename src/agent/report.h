/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's answer to `status`: the suite and each service, as JSON. */
#ifndef AGENT_REPORT_H
#define AGENT_REPORT_H

#include "agent/agent.h"
#include "base/json_write.h"

/* Members of an open object. */
void report_write(const struct agent *agent, struct json_writer *w);

#endif
