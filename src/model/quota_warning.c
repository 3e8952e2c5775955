/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Templates are judged by filling them with values of somebody invented. */
#include "model/quota_warning.h"

#include <string.h>

#include "base/template.h"
#include "model/resource.h"

#define PERCENT_MAX 100
#define OFF "off"

const char QUOTA_WARNING_TEXT[] =
	"Your mailbox {{username}} is {{percent}} % full: {{used}} of {{quota}} are used.\n"
	"\n"
	"When it is full, it takes no more mail: senders are told to try again later,\n"
	"and after some days that their mail could not be delivered.\n"
	"\n"
	"To make room, delete mail that you no longer need, large attachments first,\n"
	"and empty the folder Trash: what lies there counts as well.\n"
	"\n"
	"This message was written by the mail server {{hostname}}.\n";

/* Keeps them ascending, each once. False: there is no room. */
static bool
insert(struct quota_levels *levels, int percent)
{
	size_t at = 0;

	while (at < levels->count && levels->percents[at] < percent)
		at++;
	if (at < levels->count && levels->percents[at] == percent)
		return true;
	if (levels->count == QUOTA_LEVELS_MAX)
		return false;
	memmove(levels->percents + at + 1, levels->percents + at,
		(levels->count - at) * sizeof(levels->percents[0]));
	levels->percents[at] = percent;
	levels->count++;
	return true;
}

static bool
parse_levels(struct span text, struct quota_levels *levels)
{
	struct span word;
	uint64_t percent;

	while (span_split(&text, ' ', &word)) {
		if (word.length == 0)
			continue;
		if (span_parse_uint64(word, PERCENT_MAX, &percent) != 0 ||
			percent == 0 || !insert(levels, (int)percent))
			return false;
	}
	return levels->count > 0;
}

int
quota_levels_parse(
	const char *text, struct quota_levels *levels_out, struct err *err)
{
	struct quota_levels levels = { .count = 0 };

	if (strcmp(text, OFF) != 0 && !parse_levels(span_from(text), &levels)) {
		(void)err_set(err, ERR_INVALID, "\"%.100s\" are no percentages",
			text);
		return err_remedy(err,
			"write up to %d numbers from 1 to 100, or off for no warnings",
			QUOTA_LEVELS_MAX);
	}
	*levels_out = levels;
	return 0;
}

int
quota_levels_reached(const struct quota_levels *levels, int64_t percent)
{
	int reached = 0;

	for (size_t i = 0; i < levels->count; i++)
		if (levels->percents[i] <= percent)
			reached = levels->percents[i];
	return reached;
}

int64_t
quota_percent(int64_t used_bytes, int64_t quota_bytes)
{
	if (quota_bytes <= 0 || used_bytes <= 0)
		return 0;
	if (used_bytes > INT64_MAX / PERCENT_MAX)
		return used_bytes / (quota_bytes / PERCENT_MAX + 1);
	return used_bytes * PERCENT_MAX / quota_bytes;
}

int
quota_warning_fill(const char *text, const char *name,
	const struct quota_warning_values *values, struct arena *arena,
	struct strbuf *out, struct err *err)
{
	struct template_scope *scope = template_scope_new(arena, NULL);
	const char *at = strrchr(values->username, '@');
	int64_t percent =
		quota_percent(values->used_bytes, values->quota_bytes);

	template_set(scope, "username", values->username, NULL);
	template_set(scope, "domain", at == NULL ? "" : at + 1, NULL);
	template_set(scope, "hostname", values->hostname, NULL);
	template_set(scope, "percent",
		arena_printf(arena, "%lld", (long long)percent), NULL);
	template_set(scope, "quota",
		resource_size_text(values->quota_bytes, arena), NULL);
	template_set(scope, "used",
		resource_size_text(values->used_bytes, arena), NULL);
	return template_render(span_from(text), name, scope,
		template_escaper_find("text"), NULL, NULL, out, err);
}

int
quota_warning_check(const char *text, const char *name, struct err *err)
{
	static const struct quota_warning_values SOMEBODY = {
		.username = "somebody@example.org",
		.hostname = "mail.example.org",
		.quota_bytes = 100,
		.used_bytes = 80,
	};
	struct arena *arena = arena_new();
	struct strbuf out;
	int status;

	strbuf_init(&out, QUOTA_WARNING_FILLED_MAX);
	status = quota_warning_fill(text, name, &SOMEBODY, arena, &out, err);
	strbuf_deinit(&out);
	arena_free(&arena);
	if (status != 0)
		(void)err_remedy(err,
			"values are {{username}}, {{domain}}, {{percent}}, {{quota}}, {{used}}, {{hostname}}");
	return status;
}
