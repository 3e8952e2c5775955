/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The end of a process that found one of its own invariants broken. */
#include "base/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void
bug_abort(const char *file, int line, const char *condition)
{
	char text[512];
	int length = snprintf(text, sizeof(text),
		"error: broken invariant file=%s line=%d condition=\"%s\"\n",
		file, line, condition);
	if (length > (int)sizeof(text) - 1)
		length = (int)sizeof(text) - 1;
	/* Nothing could be done about a failed write: the process ends. */
	if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
		abort();
	abort();
}
