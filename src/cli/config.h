/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of the config commands share; nobody else's. They read
 * and write options (model/option.h); what engines think of the outcome is
 * asked of mailherd-prepare, which changes nothing when it rehearses.
 */
#ifndef CLI_CONFIG_H
#define CLI_CONFIG_H

#include <jansson.h>

#include "cli/command.h"
#include "model/option.h"

int config_show(struct command_call *call);
int config_set(struct command_call *call);

/* The file as a value of the option. */
MUST_CHECK int config_text_read(int fd, const struct option *option,
	struct arena *arena, const char **text_out, struct err *err);
/* At least one word, NULL-ended. */
const char *config_text_join(const char *const *values, struct arena *arena);

/* ERR_NOT_FOUND with a remedy when there is no option of that name. */
MUST_CHECK int config_find(
	const char *name, struct option *option_out, struct err *err);
/*
 * What every engine says to a candidate for mailherd.conf: ERR_INVALID
 * with the first fault, its file and line. *checked_out is false when
 * nothing was ever in force here, so that there is nothing to ask.
 */
MUST_CHECK int config_try(const struct command_call *call,
	const char *candidate, bool *checked_out, struct err *err);

#endif
