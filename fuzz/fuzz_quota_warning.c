/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: facts_parse() with any answer, and message_make() with
 * what it took. A message has neither carriage returns nor bytes above
 * 0x7e, its header ends once, and no line of its body is longer than 76.
 */
#include <string.h>

#include "fuzz.h"
#include "warning/facts.h"
#include "warning/message.h"

#define BODY_LINE 76

static void
check(const struct strbuf *message)
{
	const char *body = strstr(message->data, "\n\n");
	size_t column = 0;

	BUG_ON(strlen(message->data) != message->length || body == NULL);
	for (const char *c = message->data; *c != '\0'; c++) {
		BUG_ON((*c < ' ' || *c > '~') && *c != '\n' && *c != '\t');
		column = *c == '\n' ? 0 : column + 1;
		BUG_ON(c > body && column > BODY_LINE);
	}
	BUG_ON(strncmp(message->data, "Date: ", 6) != 0);
	BUG_ON(strstr(message->data, "\nSubject: ") > body);
	for (const char *line = message->data; line < body;
		line = strchr(line, '\n') + 1)
		BUG_ON(*line != ' ' && strchr(line, ':') == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span json = { (const char *)data, size };
	struct arena *arena = arena_new();
	struct facts facts;

	if (facts_parse(json, arena, &facts, NULL) == 0) {
		for (int part = 0; part <= MESSAGE_TO_COPIES; part++) {
			struct strbuf out;

			strbuf_init(&out, MESSAGE_SIZE_MAX);
			if (message_make(&facts, (enum message_part)part,
				    "mx.example.org", arena, &out, NULL) == 0)
				check(&out);
			strbuf_deinit(&out);
		}
	}
	arena_free(&arena);
	return 0;
}
