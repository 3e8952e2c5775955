/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The value of a setting, from the words of the command or from a file. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/strbuf.h"
#include "cli/config.h"

#define CHUNK 4096

/* Line ends of other systems become ours. */
static void
drop_returns(char *text)
{
	char *to = text;

	for (const char *from = text; *from != '\0'; from++)
		if (from[0] != '\r' || from[1] != '\n')
			*to++ = *from;
	*to = '\0';
}

static int
read_all(int fd, const char *name, struct strbuf *out, struct err *err)
{
	char chunk[CHUNK];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) != 0) {
		if (got < 0 && errno != EINTR)
			return err_errno(err, errno, "reading the file");
		if (got > 0)
			strbuf_add(out, chunk, (size_t)got);
		if (strbuf_overflowed(out)) {
			(void)err_field(err, ERR_TOO_BIG, name,
				"the file is too large for %s", name);
			return err_remedy(err, "write at most %d bytes",
				SETTING_TEXT_MAX);
		}
	}
	if (memchr(out->data, '\0', out->length) == NULL)
		return 0;
	(void)err_field(err, ERR_INVALID, name, "the file is no text");
	return err_remedy(err, "name a text file in UTF-8");
}

int
config_text_read(int fd, const struct option *option, struct arena *arena,
	const char **text_out, struct err *err)
{
	struct strbuf text;
	char *copy;
	int status;

	strbuf_init(&text, 2 * SETTING_TEXT_MAX);
	status = read_all(fd, option->name, &text, err);
	copy = arena_strdup(arena, text.data);
	strbuf_deinit(&text);
	if (status != 0)
		return -1;
	drop_returns(copy);
	/* An editor ends a file of one line, too. */
	if (!option->is_long && copy[0] != '\0' &&
		copy[strlen(copy) - 1] == '\n')
		copy[strlen(copy) - 1] = '\0';
	*text_out = copy;
	return 0;
}

const char *
config_text_join(const char *const *values, struct arena *arena)
{
	const char *joined = values[0];

	for (size_t i = 1; values[i] != NULL; i++)
		joined = arena_printf(arena, "%s %s", joined, values[i]);
	return joined;
}
