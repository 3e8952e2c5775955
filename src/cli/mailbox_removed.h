/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd mailbox remove, deleted, undelete, purge: mailboxes that are
 * taken away and brought back, with all that was theirs. Messages that a
 * user deleted are another matter (mail_deleted.c).
 */
#ifndef CLI_MAILBOX_REMOVED_H
#define CLI_MAILBOX_REMOVED_H

#include "cli/command.h"

extern const struct command_option mailbox_removed_remove_options[];
extern const struct command_option mailbox_removed_list_options[];
extern const struct command_option mailbox_removed_return_options[];
extern const struct command_option mailbox_removed_purge_options[];

int mailbox_removed_remove(struct command_call *call);
int mailbox_removed_list(struct command_call *call);
int mailbox_removed_return(struct command_call *call);
int mailbox_removed_purge(struct command_call *call);

#endif
