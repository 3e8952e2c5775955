/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The addresses by which other machines reach this one: where port 25 is
 * bound to some, those; else what the interfaces have, private ones only
 * when there are no others.
 */
#ifndef CLI_MACHINE_ADDRESSES_H
#define CLI_MACHINE_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/instance.h"

#define MACHINE_ADDRESSES_MAX 32

struct machine_addresses {
	const char *list[MACHINE_ADDRESSES_MAX + 1]; /* NULL-ended, numeric */
	size_t count;
	bool private_only; /* none of the internet is on this machine */
};

MUST_CHECK int machine_addresses_find(const struct instance *instance,
	struct arena *arena, struct machine_addresses *out, struct err *err);

#endif
