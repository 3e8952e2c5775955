/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question before something that can not be taken back. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include "cli/command.h"

/*
 * 0 with the option --yes, or when the person at the terminal types "yes"
 * behind the text. Else -1: ERR_DENIED says the text and names --yes.
 */
MUST_CHECK int confirm(const struct command_call *call, struct err *err,
	const char *format, ...) PRINTF_LIKE(3, 4);

#endif
