/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd key import`: what `key export` wrote goes back to where it was,
 * and keys of mail at rest of another installation are added to read with.
 * Files are only ever made, never replaced, with their bytes as they were.
 */
#ifndef CLI_KEY_IMPORT_H
#define CLI_KEY_IMPORT_H

#include "cli/command.h"

/* What `key export` writes: JSON. */
#define KEY_EXPORT_FORMAT "mailherd-keys-1"
#define KEY_EXPORT_MAX (64 * 1024)

int key_import(struct command_call *call);

#endif
