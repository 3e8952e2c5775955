/* SPDX-License-Identifier: GPL-3.0-or-later */
/* No table of its own: each option is told once, where it is judged. */
#include "model/option.h"

#include <string.h>

#include "model/instance.h"

bool
option_at(size_t index, struct option *option_out)
{
	const struct instance_key *keys;
	const struct setting *setting;
	size_t count;

	keys = instance_keys(&count);
	if (index < count) {
		*option_out = (struct option){ .name = keys[index].name,
			.default_value = keys[index].default_value,
			.sentence = keys[index].sentence,
			.place = OPTION_FILE,
			.repeatable = keys[index].repeatable };
		return true;
	}
	index -= count;
	if (index >= SETTING_COUNT)
		return false;
	setting = setting_describe((enum setting_name)index);
	*option_out = (struct option){ .name = setting->name,
		.default_value = setting->default_text,
		.sentence = setting->sentence,
		.place = OPTION_DATABASE,
		.setting = (enum setting_name)index,
		.repeatable = setting->kind == SETTING_WORDS,
		.is_long = setting->kind == SETTING_LINES };
	return true;
}

bool
option_find(const char *name, struct option *option_out)
{
	struct option option;

	for (size_t i = 0; option_at(i, &option); i++)
		if (strcmp(option.name, name) == 0) {
			*option_out = option;
			return true;
		}
	return false;
}
