/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings are stored as texts and judged again when they are read. */
#include "model/setting.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/span.h"
#include "model/audit.h"
#include "model/core_sql.h"

#define TYPE "setting"
#define JSON_MAX 1024

static const char *const SCHEMES[] = { "BLF-CRYPT", "ARGON2ID", NULL };

/* clang-format off */
static const struct setting SETTINGS[SETTING_COUNT] = {
	[SETTING_PASSWORD_LENGTH] = { "password_length", "8", NULL, 3, 256,
		"Least number of bytes of a password" },
	[SETTING_PASSWORD_SCHEME] = { "password_scheme", "BLF-CRYPT", SCHEMES,
		0, 0, "How new passwords are hashed: BLF-CRYPT or ARGON2ID" },
	[SETTING_DKIM_BITS] = { "dkim_bits", "2048", NULL, 1024, 4096,
		"Length of new RSA keys for DKIM" },
	[SETTING_GARBAGE_DAYS] = { "garbage_days", "7", NULL, 0, 3650,
		"Days for which a removed mailbox can be brought back with its mail" },
};

/* clang-format on */

const struct setting *
setting_describe(enum setting_name name)
{
	return &SETTINGS[name];
}

static bool
is_choice(const struct setting *setting, const char *text)
{
	for (size_t i = 0; setting->choices[i] != NULL; i++)
		if (strcmp(setting->choices[i], text) == 0)
			return true;
	return false;
}

static bool
parse_number(const struct setting *setting, const char *text, int64_t *out)
{
	uint64_t number;

	if (span_parse_uint64(
		    span_from(text), (uint64_t)setting->max, &number) != 0 ||
		(int64_t)number < setting->min)
		return false;
	*out = (int64_t)number;
	return true;
}

static bool
is_value(const struct setting *setting, const char *text)
{
	int64_t number;

	return setting->choices != NULL ? is_choice(setting, text)
					: parse_number(setting, text, &number);
}

int
setting_check(enum setting_name name, const char *text, struct err *err)
{
	const struct setting *setting = &SETTINGS[name];

	if (is_value(setting, text))
		return 0;
	(void)err_field(err, ERR_INVALID, setting->name,
		"%s can not be \"%.100s\"", setting->name, text);
	if (setting->choices == NULL)
		return err_remedy(err, "write a number from %lld to %lld",
			(long long)setting->min, (long long)setting->max);
	(void)err_remedy(err, "choose %s", setting->choices[0]);
	for (size_t i = 1; err != NULL && setting->choices[i] != NULL; i++) {
		size_t length = strlen(err->remedy);

		(void)snprintf(err->remedy + length,
			sizeof(err->remedy) - length, " or %s",
			setting->choices[i]);
	}
	return -1;
}

int
setting_text(struct db *core, enum setting_name name, struct arena *arena,
	const char **text_out, bool *stored_out, struct err *err)
{
	const struct setting *setting = &SETTINGS[name];
	struct db_query q = db_query(core, &SETTING_SQL[SETTING_FIND]);
	bool stored;
	int got;

	db_bind_text(&q, 1, setting->name);
	got = db_step(&q, err);
	stored = got == 1 && is_value(setting, db_text(&q, 0));
	if (got >= 0)
		*text_out = stored ? arena_strdup(arena, db_text(&q, 0))
				   : setting->default_text;
	db_finish(&q);
	if (got < 0)
		return -1;
	if (stored_out != NULL)
		*stored_out = stored;
	return 0;
}

int
setting_number(struct db *core, enum setting_name name, int64_t *number_out,
	struct err *err)
{
	struct arena *arena = arena_new();
	const char *text;
	int status = setting_text(core, name, arena, &text, NULL, err);

	/* The default is a number, too: a test reads each of them. */
	if (status == 0)
		BUG_ON(!parse_number(&SETTINGS[name], text, number_out));
	arena_free(&arena);
	return status;
}

static int
write_row(struct model *model, const struct setting *setting, const char *text,
	struct err *err)
{
	struct db_query q = db_query(model->core,
		&SETTING_SQL[text == NULL ? SETTING_REMOVE : SETTING_STORE]);

	db_bind_text(&q, 1, setting->name);
	if (text != NULL) {
		db_bind_text(&q, 2, text);
		db_bind_number(&q, 3, clock_wall_seconds());
	}
	return db_run(&q, err);
}

static const char *
json_of(struct model *model, const struct setting *setting, const char *text)
{
	struct strbuf out;
	struct json_writer w;
	const char *json;

	strbuf_init(&out, JSON_MAX);
	json_writer_init(&w, &out);
	json_object_open(&w, NULL);
	json_text(&w, setting->name, text);
	json_object_close(&w);
	json = arena_strdup(model->arena, out.data);
	strbuf_deinit(&out);
	return json;
}

static int
change(struct model *model, enum setting_name name, const char *text,
	struct err *err)
{
	const struct setting *setting = &SETTINGS[name];
	struct audit_entry entry = { "edit", TYPE, setting->name, 0, NULL,
		NULL };
	const char *before;

	if (setting_text(model->core, name, model->arena, &before, NULL, err) !=
		0)
		return -1;
	entry.old = json_of(model, setting, before);
	entry.changed = json_of(
		model, setting, text == NULL ? setting->default_text : text);
	if (write_row(model, setting, text, err) != 0)
		return -1;
	return audit_write(model, &entry, err);
}

int
setting_store(struct model *model, enum setting_name name, const char *text,
	struct err *err)
{
	if (text != NULL && setting_check(name, text, err) != 0)
		return -1;
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(model, change(model, name, text, err), err);
}

int
setting_changed(struct db *core, enum setting_name name, struct arena *arena,
	struct setting_change *change_out, struct err *err)
{
	struct db_query q = db_query(core, &AUDIT_SQL[AUDIT_NEWEST]);
	struct setting_change found = { 0 };
	int got;

	db_bind_text(&q, 1, TYPE);
	db_bind_text(&q, 2, SETTINGS[name].name);
	got = db_step(&q, err);
	if (got == 1) {
		found.at = db_number(&q, 0);
		found.actor = arena_strdup(arena, db_text(&q, 1));
	}
	db_finish(&q);
	if (got < 0)
		return -1;
	*change_out = found;
	return 0;
}
