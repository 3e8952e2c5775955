/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Placeholder of the lifecycle commands; replaced by their builder. */
#include "cli/command.h"

const struct command lifecycle_commands[] = {
	{ .name = NULL },
};
