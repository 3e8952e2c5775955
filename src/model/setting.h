/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings that live in core.db: one table says name, limits, default and
 * sentence; a row exists only for what was changed.
 */
#ifndef MODEL_SETTING_H
#define MODEL_SETTING_H

#include <stdint.h>

#include "base/err.h"
#include "store/db.h"

enum setting_name {
	SETTING_PASSWORD_LENGTH,
	SETTING_DKIM_BITS,
	SETTING_COUNT
};

struct setting {
	const char *name;
	int64_t min;
	int64_t max;
	int64_t default_number;
	const char *sentence;
};

const struct setting *setting_describe(enum setting_name name);
/* A stored value outside of the limits counts as not stored. */
MUST_CHECK int setting_number(struct db *core, enum setting_name name,
	int64_t *number_out, struct err *err);
MUST_CHECK int setting_set_number(struct db *core, enum setting_name name,
	int64_t number, struct err *err);

#endif
