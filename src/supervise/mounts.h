/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Private bind mounts: one program finds a file of ours where it looks for
 * the machine's (/etc/resolv.conf, /etc/postfix), and nobody else does. A
 * container without CAP_SYS_ADMIN may not have them; there the place itself
 * can hold the same, put there by whoever made or started the container.
 */
#ifndef SUPERVISE_MOUNTS_H
#define SUPERVISE_MOUNTS_H

#include <stdbool.h>

#include "base/err.h"

/*
 * Makes each pair "SOURCE TARGET" (NULL ends the list) in a mount namespace
 * of the caller's own. A pair that cannot be made is no failure when it is
 * in place already. -1 names the first that is neither; the others are made.
 */
MUST_CHECK int mounts_make(const char *const *pairs, struct err *err);
/*
 * True when the target is the source, or a file with the same lines, apart
 * from empty ones and comments.
 */
bool mounts_in_place(const char *pair);

#endif
