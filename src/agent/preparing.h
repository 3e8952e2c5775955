/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the agent has mailherd-prepare bring the run tree and the rendered
 * configuration up to date, without waiting for it.
 */
#ifndef AGENT_PREPARING_H
#define AGENT_PREPARING_H

#include "io/child.h"
#include "io/service.h"

/* arguments (NULL-ended, copied) follow --root ROOT. */
void preparing_start(const struct service_state *service,
	const char *const *arguments, child_done_fn *done, void *context);
/* False when it did what it was told; else why not, in its own words. */
bool preparing_failed(const struct child_result *result,
	const struct strbuf *output, const struct err *start_error,
	struct err *err);
/* What a child said, without its last line ends; what names the child. */
void preparing_output_error(struct err *err, const char *what,
	const struct child_result *result, const struct strbuf *output);
/* The number in a line "NAME NUMBER" of its output; 0: none. */
int preparing_number(const struct strbuf *output, const char *name);

#endif
