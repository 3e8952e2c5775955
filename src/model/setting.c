/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Settings are stored as texts and judged again when they are read. */
#include "model/setting.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_write.h"
#include "base/span.h"
#include "base/utf8.h"
#include "model/address.h"
#include "model/audit.h"
#include "model/core_sql.h"
#include "model/quota_warning.h"

#define TYPE "setting"
#define JSON_MAX (6 * SETTING_TEXT_MAX + 1024) /* every byte escaped */

static const char *const SCHEMES[] = { "BLF-CRYPT", "ARGON2ID", NULL };

static int
check_levels(const char *text, const char *name, struct err *err)
{
	struct quota_levels levels;

	if (quota_levels_parse(text, &levels, err) == 0)
		return 0;
	return err_prefix(err, "%s", name);
}

/* Empty: who it is depends on the mailbox. */
static int
check_sender(const char *text, const char *name, struct err *err)
{
	char address[ADDRESS_MAX];

	if (text[0] == '\0')
		return 0;
	return address_canonical(text, false, name, address, err);
}

/* clang-format off */
static const struct setting SETTINGS[SETTING_COUNT] = {
	[SETTING_PASSWORD_LENGTH] = { "password_length", "8", SETTING_NUMBER,
		NULL, 3, 256, NULL, "Least number of bytes of a password" },
	[SETTING_PASSWORD_SCHEME] = { "password_scheme", "BLF-CRYPT",
		SETTING_CHOICE, SCHEMES, 0, 0, NULL,
		"How new passwords are hashed: BLF-CRYPT or ARGON2ID" },
	[SETTING_DKIM_BITS] = { "dkim_bits", "2048", SETTING_NUMBER, NULL,
		1024, 4096, NULL, "Length of new RSA keys for DKIM" },
	[SETTING_GARBAGE_DAYS] = { "garbage_days", "7", SETTING_NUMBER, NULL,
		0, 3650, NULL,
		"Days for which a removed mailbox can be brought back with its mail" },
	[SETTING_QUOTA_WARNINGS] = { "quota.warnings", "80 95 100",
		SETTING_WORDS, NULL, 0, 100, check_levels,
		"At which percentages of its quota a mailbox is warned, or off" },
	[SETTING_QUOTA_WARNING_SENDER] = { "quota.warning_sender", "",
		SETTING_LINE, NULL, 0, ADDRESS_MAX - 1, check_sender,
		"Sender of quota warnings; empty: postmaster of the mailbox's domain" },
	[SETTING_QUOTA_WARNING_SUBJECT] = { "quota.warning_subject",
		"Your mailbox is {{percent}} % full", SETTING_LINE, NULL, 1,
		QUOTA_WARNING_SUBJECT_MAX, quota_warning_check,
		"Subject of quota warnings, a template" },
	[SETTING_QUOTA_WARNING_TEXT] = { "quota.warning_text",
		QUOTA_WARNING_TEXT, SETTING_LINES, NULL, 1,
		QUOTA_WARNING_TEXT_MAX, quota_warning_check,
		"Text of quota warnings, a template" },
	[SETTING_AUDIT_DAYS] = { "audit_days", "365", SETTING_NUMBER,
		NULL, 1, 36500, NULL,
		"Days for which it is kept who changed what" },
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

static int
no_number(const struct setting *setting, const char *text, struct err *err)
{
	(void)err_field(err, ERR_INVALID, setting->name,
		"%s can not be \"%.100s\"", setting->name, text);
	return err_remedy(err, "write a number from %lld to %lld",
		(long long)setting->min, (long long)setting->max);
}

static int
no_choice(const struct setting *setting, const char *text, struct err *err)
{
	(void)err_field(err, ERR_INVALID, setting->name,
		"%s can not be \"%.100s\"", setting->name, text);
	(void)err_remedy(err, "choose %s", setting->choices[0]);
	for (size_t i = 1; err != NULL && setting->choices[i] != NULL; i++) {
		size_t length = strlen(err->remedy);

		(void)snprintf(err->remedy + length,
			sizeof(err->remedy) - length, " or %s",
			setting->choices[i]);
	}
	return -1;
}

static bool
is_text_byte(const struct setting *setting, unsigned char byte)
{
	if (byte == '\n' || byte == '\t')
		return setting->kind == SETTING_LINES;
	return byte >= ' ' && byte != 0x7f;
}

/* Printable UTF-8; the error says on which line it ends being that. */
static int
check_bytes(const struct setting *setting, const char *text, struct err *err)
{
	size_t left = strlen(text);
	int line = 1;

	while (left > 0) {
		size_t length = utf8_length(text, left);
		bool is_c1 = length == 2 && (unsigned char)text[0] == 0xc2 &&
			     (unsigned char)text[1] < 0xa0;

		if (length == 0 || is_c1 ||
			!is_text_byte(setting, (unsigned char)text[0])) {
			(void)err_field(err, ERR_INVALID, setting->name,
				"%s:%d: the byte 0x%02x is no text in UTF-8",
				setting->name, line, (unsigned char)text[0]);
			return err_remedy(err,
				"write it with the character set UTF-8, without control characters%s",
				setting->kind == SETTING_LINES
					? ""
					: " and line ends");
		}
		line += text[0] == '\n';
		text += length;
		left -= length;
	}
	return 0;
}

static int
check_text(const struct setting *setting, const char *text, struct err *err)
{
	int64_t length = (int64_t)strlen(text);

	if (length > setting->max || length < setting->min) {
		(void)err_field(err,
			length < setting->min ? ERR_INVALID : ERR_TOO_BIG,
			setting->name, "%s has %lld bytes", setting->name,
			(long long)length);
		return err_remedy(err, "write %lld to %lld bytes",
			(long long)setting->min, (long long)setting->max);
	}
	if (check_bytes(setting, text, err) != 0)
		return -1;
	if (setting->check(text, setting->name, err) == 0)
		return 0;
	if (err != NULL)
		(void)snprintf(
			err->field, sizeof(err->field), "%s", setting->name);
	return -1;
}

int
setting_check(enum setting_name name, const char *text, struct err *err)
{
	const struct setting *setting = &SETTINGS[name];
	int64_t number;

	switch (setting->kind) {
	case SETTING_NUMBER:
		return parse_number(setting, text, &number)
			       ? 0
			       : no_number(setting, text, err);
	case SETTING_CHOICE:
		return is_choice(setting, text) ? 0
						: no_choice(setting, text, err);
	case SETTING_WORDS:
	case SETTING_LINE:
	case SETTING_LINES:
		break;
	}
	return check_text(setting, text, err);
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
	stored = got == 1 && setting_check(name, db_text(&q, 0), NULL) == 0;
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
