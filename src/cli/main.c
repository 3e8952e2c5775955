/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The command line program; its commands are tables (command.h). */
#include "cli/command.h"

int
main(int argc, char **argv)
{
	return command_main(argc, argv);
}
