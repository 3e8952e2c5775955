/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings are stored as texts and judged again when they are read. */
#include "model/setting.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/span.h"
#include "model/core_sql.h"

/* clang-format off */
static const struct setting SETTINGS[SETTING_COUNT] = {
	[SETTING_PASSWORD_LENGTH] = { "password_length", 3, 256, 8,
		"Least number of bytes of a password" },
	[SETTING_DKIM_BITS] = { "dkim_bits", 1024, 4096, 2048,
		"Length of new RSA keys for DKIM" },
};

/* clang-format on */

const struct setting *
setting_describe(enum setting_name name)
{
	return &SETTINGS[name];
}

int
setting_number(struct db *core, enum setting_name name, int64_t *number_out,
	struct err *err)
{
	const struct setting *setting = &SETTINGS[name];
	struct db_query q = db_query(core, &SETTING_SQL[SETTING_FIND]);
	uint64_t number = (uint64_t)setting->default_number;
	int got;

	db_bind_text(&q, 1, setting->name);
	got = db_step(&q, err);
	if (got == 1 && (span_parse_uint64(span_from(db_text(&q, 0)),
				 (uint64_t)setting->max, &number) != 0 ||
				number < (uint64_t)setting->min))
		number = (uint64_t)setting->default_number;
	db_finish(&q);
	if (got < 0)
		return -1;
	*number_out = (int64_t)number;
	return 0;
}

int
setting_set_number(struct db *core, enum setting_name name, int64_t number,
	struct err *err)
{
	const struct setting *setting = &SETTINGS[name];
	struct db_query q;
	char text[24];

	if (number < setting->min || number > setting->max)
		return err_field(err, ERR_INVALID, setting->name,
			"%s must be between %lld and %lld", setting->name,
			(long long)setting->min, (long long)setting->max);
	(void)snprintf(text, sizeof(text), "%lld", (long long)number);
	q = db_query(core, &SETTING_SQL[SETTING_STORE]);
	db_bind_text(&q, 1, setting->name);
	db_bind_text(&q, 2, text);
	db_bind_number(&q, 3, clock_wall_seconds());
	return db_run(&q, err);
}
