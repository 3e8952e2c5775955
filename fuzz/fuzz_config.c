/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: config_parse() on any bytes, with a callback that
 * refuses some keys, and config_bool() on the values. What it hands over
 * must be trimmed text within the line's limit.
 */
#include <string.h>

#include "base/config.h"
#include "fuzz.h"

static int
check_line(void *context, const char *key, const char *value, int line,
	struct err *err)
{
	int *last = context;
	BUG_ON(line <= *last);
	*last = line;
	size_t length = strlen(value);
	BUG_ON(!key[0] || strlen(key) + length > CONFIG_LINE_MAX);
	BUG_ON(length && (value[0] == ' ' || value[length - 1] == ' '));
	BUG_ON(strchr(value, '\n'));
	if (config_bool(value) == 0)
		return err_set(err, ERR_INVALID, "refused: %s", value);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int last = 0;
	struct err err = { 0 };
	struct span text = { (const char *)data, size };
	int result = config_parse(text, "fuzz", check_line, &last, &err);
	BUG_ON((result < 0) != (err.code != ERR_NONE));
	return 0;
}
