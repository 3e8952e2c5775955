/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Only a whole "yes" is one; what is not a terminal can not say it. */
#include "cli/confirm.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ANSWER "yes\n"

int
confirm(const struct command_call *call, struct err *err, const char *format,
	...)
{
	char text[512], answer[16];
	va_list list;

	va_start(list, format);
	(void)vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (command_option(call, "yes") != NULL) {
		if (!call->json)
			puts(text);
		return 0;
	}
	if (call->json || !isatty(STDIN_FILENO)) {
		(void)err_set(err, ERR_DENIED, "%s", text);
		return err_remedy(err, "say it with --yes");
	}
	printf("%s\nType \"yes\" to go on: ", text);
	(void)fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin) != NULL &&
		strcmp(answer, ANSWER) == 0)
		return 0;
	return err_set(err, ERR_DENIED, "nothing was changed");
}
