/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands on objects run as the database's user: what a hostile name or a
 * hostile import file could reach is what that user may, without network
 * and without starting programs.
 */
#include "cli/command.h"
#include "io/jail.h"

int
command_drop(const struct paths *paths, struct err *err)
{
	static const char *const groups[] = { "mailherd-read", "mailherd-write",
		NULL };
	static const struct jail jail = {
		.user = "mailherd",
		.groups = groups,
		.network = JAIL_UNIX_ONLY,
		.exec = false,
	};

	return jail_enter(&jail, paths, err);
}
