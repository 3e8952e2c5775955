/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd setup` for those who run it as a part of something else.
 */
#ifndef CLI_SETUP_H
#define CLI_SETUP_H

#include "cli/command.h"

/*
 * Makes the call's instance with the options that MAILHERD_ variables of
 * the environment stand for (setup_environment.h), as a container's first
 * start does. Exit status; says what it did, or why not.
 */
int setup_from_environment(struct command_call *call);

#endif
