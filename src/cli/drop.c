/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Commands on objects run as the database's user: what a hostile name or a
 * hostile import file could reach is what that user may, without network
 * and without starting programs. While an upgrade is under way they do not
 * run at all: what they wrote could be lost with its return.
 */
#include "cli/command.h"
#include "cli/owner.h"
#include "cli/upgrade_guard.h"

int
command_drop(const struct paths *paths, struct err *err)
{
	if (upgrade_guard_command(paths, err) == -1)
		return -1;
	return owner_enter_core(paths, err);
}
