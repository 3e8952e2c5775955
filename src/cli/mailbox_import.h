/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd mailbox import: many mailboxes, written in slices. */
#ifndef CLI_MAILBOX_IMPORT_H
#define CLI_MAILBOX_IMPORT_H

#include "cli/command.h"

extern const struct command_option mailbox_import_options[];

int mailbox_import_run(struct command_call *call);

#endif
