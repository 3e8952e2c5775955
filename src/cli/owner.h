/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Work of a root command that touches somebody's data: done by a child
 * that becomes its owner first, so that root never opens a file whose
 * bytes or name somebody else decides. What it answers is a number or an
 * error; anything else it leaves in files.
 */
#ifndef CLI_OWNER_H
#define CLI_OWNER_H

#include "base/err.h"
#include "base/paths.h"

/* Becomes the user that owns the data: command_drop() or its like. */
typedef int owner_enter_fn(const struct paths *paths, struct err *err);
/* A number of the caller's choice, or -1 and err. */
typedef int owner_run_fn(void *context, struct err *err);

/* What run answered; -1 also when the child ended without an answer. */
MUST_CHECK int owner_run(const struct paths *paths, owner_enter_fn *enter,
	owner_run_fn *run, void *context, struct err *err);
/* The user of core.db, without network and without starting programs. */
MUST_CHECK int owner_enter_core(const struct paths *paths, struct err *err);
/* The same for usage.db. */
MUST_CHECK int owner_enter_usage(const struct paths *paths, struct err *err);

#endif
