/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings that live in core.db: one table says name, limits, default and
 * sentence; a row exists only for what was changed. With the keys of
 * mailherd.conf they make up the options of model/option.h.
 */
#ifndef MODEL_SETTING_H
#define MODEL_SETTING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/model.h"

enum setting_name {
	SETTING_PASSWORD_LENGTH,
	SETTING_PASSWORD_SCHEME,
	SETTING_DKIM_BITS,
	SETTING_GARBAGE_DAYS,
	SETTING_QUOTA_WARNINGS,
	SETTING_QUOTA_WARNING_SENDER,
	SETTING_QUOTA_WARNING_SUBJECT,
	SETTING_QUOTA_WARNING_TEXT,
	SETTING_AUDIT_DAYS,
	SETTING_COUNT
};

enum setting_kind {
	SETTING_NUMBER, /* from min to max */
	SETTING_CHOICE, /* one of choices */
	SETTING_WORDS, /* a line; several values are joined by blanks */
	SETTING_LINE, /* a text without line ends */
	SETTING_LINES /* a text with them, better given as a file */
};

struct setting {
	const char *name;
	const char *default_text;
	enum setting_kind kind;
	const char *const *choices; /* NULL-ended */
	int64_t min;
	int64_t max; /* of a text: bytes, at most SETTING_TEXT_MAX */
	/* Of a text: more that it must be. */
	int (*check)(const char *text, const char *name, struct err *err);
	const char *sentence;
};

#define SETTING_TEXT_MAX 8192

/* The newest change of one; at 0: never. Texts live in the arena given. */
struct setting_change {
	int64_t at;
	const char *actor;
};

const struct setting *setting_describe(enum setting_name name);
/* A stored value outside of the limits counts as not stored. */
MUST_CHECK int setting_number(struct db *core, enum setting_name name,
	int64_t *number_out, struct err *err);
/* The text in force, any kind. stored_out may be NULL. */
MUST_CHECK int setting_text(struct db *core, enum setting_name name,
	struct arena *arena, const char **text_out, bool *stored_out,
	struct err *err);
/* Is this a value of it? */
MUST_CHECK int setting_check(
	enum setting_name name, const char *text, struct err *err);
/* One transaction with its audit; text NULL: the default again. */
MUST_CHECK int setting_store(struct model *model, enum setting_name name,
	const char *text, struct err *err);
MUST_CHECK int setting_changed(struct db *core, enum setting_name name,
	struct arena *arena, struct setting_change *change_out,
	struct err *err);

#endif
