/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One line at a time, copied so that key and value end in a NUL. */
#include "base/config.h"

#include <string.h>
#include <strings.h>

#include "base/fs.h"

#define CONFIG_KEY_CHARACTERS                                                  \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

static bool
is_blank(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\r';
}

static struct span
trim(struct span text)
{
	while (text.length && is_blank(text.data[0])) {
		text.data++;
		text.length--;
	}
	while (text.length && is_blank(text.data[text.length - 1]))
		text.length--;
	return text;
}

/* Splits a copy of the line in place; 1, or 0 for blank and comment. */
static int
split_line(char *line, char **key_out, char **value_out, struct err *err)
{
	struct span text = trim(span_from(line));
	if (text.length == 0 || text.data[0] == '#')
		return 0;
	ptrdiff_t equals = span_find(text, '=');
	if (equals < 0)
		return err_set(
			err, ERR_INVALID, "the line is not \"key = value\"");
	struct span key = trim((struct span){ text.data, (size_t)equals });
	struct span value = trim((struct span){
		text.data + equals + 1, text.length - (size_t)equals - 1 });
	*key_out = line + (key.data - line);
	*value_out = line + (value.data - line);
	(*key_out)[key.length] = '\0';
	(*value_out)[value.length] = '\0';
	if (key.length == 0 ||
		strspn(*key_out, CONFIG_KEY_CHARACTERS) != key.length)
		return err_set(err, ERR_INVALID,
			"a key has only letters, digits, \".\", \"_\", \"-\"");
	return 1;
}

static int
parse_line(struct span raw, const char *name, config_line_fn *line_fn,
	void *context, int number, struct err *err)
{
	char line[CONFIG_LINE_MAX + 1];
	if (raw.length > CONFIG_LINE_MAX) {
		err_set(err, ERR_TOO_BIG, "the line is longer than %d bytes",
			CONFIG_LINE_MAX);
		return err_prefix(err, "%s:%d", name, number);
	}
	if (span_find(raw, '\0') >= 0) {
		err_set(err, ERR_INVALID, "the line has a NUL byte");
		return err_prefix(err, "%s:%d", name, number);
	}
	if (raw.length)
		memcpy(line, raw.data, raw.length);
	line[raw.length] = '\0';

	char *key = NULL, *value = NULL;
	int found = split_line(line, &key, &value, err);
	if (found < 0)
		return err_prefix(err, "%s:%d", name, number);
	if (found == 0)
		return 0;
	if (line_fn(context, key, value, number, err) < 0)
		return err_prefix(err, "%s:%d: %s", name, number, key);
	return 0;
}

int
config_parse(struct span text, const char *name, config_line_fn *line_fn,
	void *context, struct err *err)
{
	int number = 0;
	struct span line;
	while (span_split(&text, '\n', &line)) {
		number++;
		if (parse_line(line, name, line_fn, context, number, err) < 0)
			return -1;
	}
	return 0;
}

int
config_parse_file(const char *path, config_line_fn *line_fn, void *context,
	struct err *err)
{
	struct strbuf text;
	strbuf_init(&text, CONFIG_FILE_SIZE_MAX);
	int result = fs_read(path, CONFIG_FILE_SIZE_MAX, &text, err);
	if (result == 0)
		result = config_parse(
			strbuf_span(&text), path, line_fn, context, err);
	strbuf_deinit(&text);
	return result;
}

int
config_bool(const char *value)
{
	static const char *const WORDS[][2] = {
		{ "no", "yes" },
		{ "n", "y" },
		{ "false", "true" },
		{ "off", "on" },
		{ "0", "1" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(WORDS); i++) {
		for (int answer = 0; answer < 2; answer++) {
			if (strcasecmp(value, WORDS[i][answer]) == 0)
				return answer;
		}
	}
	return -1;
}
