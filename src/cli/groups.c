/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one list of all groups of commands, in the order of the help. */
#include "cli/groups.h"

/* clang-format off */
const struct command *const command_groups[] = {
	setup_commands,
	lifecycle_commands,
	upgrade_commands,
	config_commands,
	uninstall_commands,
	domain_commands,
	alias_domain_commands,
	mailbox_commands,
	mail_commands,
	alias_commands,
	app_password_commands,
	search_commands,
	dns_commands,
	doctor_commands,
	key_commands,
	NULL,
};
/* clang-format on */
