/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one table of everything that an administrator can set, by name: keys
 * of mailherd.conf (model/instance.h) and settings in core.db
 * (model/setting.h) seen as one. What they mean and which values they take
 * is told there; `config show`, `config set` and the page of settings
 * are made from here. Options of objects (a mailbox's quota) are not here.
 */
#ifndef MODEL_OPTION_H
#define MODEL_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "model/setting.h"

enum option_place {
	OPTION_FILE, /* mailherd.conf: in force after a restart of its readers */
	OPTION_DATABASE /* in force with its commit */
};

struct option {
	const char *name;
	const char *default_value; /* "" when there is none */
	const char *sentence;
	enum option_place place;
	enum setting_name setting; /* of OPTION_DATABASE */
	bool repeatable; /* also: several values are joined */
	bool is_long; /* a text of several lines */
};

/* Keys of the file first. False beyond the last one. */
bool option_at(size_t index, struct option *option_out);
bool option_find(const char *name, struct option *option_out);

#endif
