/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Placeholder of the setup commands; replaced by their builder. */
#include "cli/command.h"

const struct command setup_commands[] = {
	{ .name = NULL },
};
