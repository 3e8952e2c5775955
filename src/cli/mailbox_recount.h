/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd mailbox recount: has Dovecot count what mailboxes hold anew, in
 * its index and in usage.db. It is done in the background, a slice at a
 * time; mail goes on meanwhile.
 */
#ifndef CLI_MAILBOX_RECOUNT_H
#define CLI_MAILBOX_RECOUNT_H

#include "cli/command.h"

extern const struct command_option mailbox_recount_options[];

int mailbox_recount_run(struct command_call *call);

#endif
