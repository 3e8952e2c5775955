/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The directory's verbs for the CLI and jobs, on sock/control/directory:
 * `status` tells what was asked and whether the databases are there.
 */
#ifndef DIRECTORY_STATUS_H
#define DIRECTORY_STATUS_H

#include "io/ipc.h"

/* Context: struct directory. */
extern const struct ipc_verb status_verbs[];

#endif
