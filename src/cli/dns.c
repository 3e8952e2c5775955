/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Placeholder of the dns commands; replaced by their builder. */
#include "cli/command.h"

const struct command dns_commands[] = {
	{ .name = NULL },
};
