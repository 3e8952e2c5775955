/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For administrators who come from mailcow: dockerized: what became of each
 * variable of its mailcow.conf. docs/admin/settings.md is printed from it;
 * a test checks that what it names exists and that no option is missing.
 */
#ifndef CLI_VARIABLE_H
#define CLI_VARIABLE_H

#include <stddef.h>

struct variable {
	const char *names; /* blanks between; "*_THRESHOLD" stands for many */
	const char *options; /* ours, blanks between; NULL: there is none */
	const char *text; /* how it differs, where else it is said, or why */
};

const struct variable *variable_table(size_t *count_out);

#endif
