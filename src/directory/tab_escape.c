/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One table both ways, so that they cannot differ. */
#include "directory/tab_escape.h"

#include <string.h>

#define ESCAPE '\001'

/* The letter at each index stands for the byte at the same index. */
static const char letters[] = { '1', 't', 'n', 'r', '0' };
static const char bytes[] = { ESCAPE, '\t', '\n', '\r', '\0' };

void
tab_escape(struct strbuf *out, struct span text)
{
	const char *found;

	for (size_t i = 0; i < text.length; i++) {
		found = memchr(bytes, text.data[i], sizeof(bytes));
		if (found == NULL) {
			strbuf_add_char(out, text.data[i]);
			continue;
		}
		strbuf_add_char(out, ESCAPE);
		strbuf_add_char(out, letters[found - bytes]);
	}
}

int
tab_unescape(struct span text, char *out, size_t out_size)
{
	const char *found;
	size_t length = 0;

	for (size_t i = 0; i < text.length; i++) {
		char byte = text.data[i];

		if (byte == ESCAPE) {
			if (++i == text.length)
				return -1;
			found = memchr(letters, text.data[i], sizeof(letters));
			if (found == NULL)
				return -1;
			byte = bytes[found - letters];
		}
		if (byte == '\0' || length + 1 >= out_size)
			return -1;
		out[length++] = byte;
	}
	out[length] = '\0';
	return 0;
}
