/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: template_render() with any template and any value in
 * every format. The first byte chooses the format, then comes the value up
 * to a NUL, then the template. A result has no control byte that the
 * template did not have.
 */
#include <string.h>

#include "base/template.h"
#include "fuzz.h"

#define OUT_MAX 65536

static const char *const FORMATS[] = { "none", "word", "postfix", "dovecot",
	"nginx", "ucl", "unbound", "redis", "lua", "html" };

static int
put_partial(
	void *context, const char *file, struct strbuf *out, struct err *err)
{
	(void)context;
	if (strchr(file, '/') != NULL)
		return err_set(err, ERR_INVALID, "a path as name");
	strbuf_add_text(out, "partial\n");
	return 0;
}

static struct template_scope *
make_scope(struct arena *arena, const char *value)
{
	struct template_scope *scope = template_scope_new(arena, NULL);
	struct template_scope *item;

	template_set(scope, "v", value, "setting");
	template_set_flag(scope, "f", false);
	template_list(scope, "e");
	item = template_item(scope, "l", value, NULL);
	template_set(item, "m", value, NULL);
	(void)template_item(scope, "l", "second", NULL);
	return scope;
}

static bool
has_byte(const void *text, size_t length, int byte)
{
	return length > 0 && memchr(text, byte, length) != NULL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena;
	struct err err = { 0 };
	struct strbuf out;
	struct span text;
	const char *value;
	const uint8_t *end = size < 2 ? NULL : memchr(data + 1, 0, size - 1);

	if (end == NULL)
		return 0;
	value = (const char *)data + 1;
	text = (struct span){ (const char *)end + 1,
		size - (size_t)(end + 1 - data) };
	arena = arena_new();
	strbuf_init(&out, OUT_MAX);
	if (template_render(text, "fuzz", make_scope(arena, value),
		    template_escaper_find(
			    FORMATS[data[0] % ARRAY_LENGTH(FORMATS)]),
		    put_partial, NULL, &out, &err) == 0) {
		for (int byte = 0; byte < 0x20; byte++)
			BUG_ON(byte != '\n' &&
				has_byte(out.data, out.length, byte) &&
				!has_byte(text.data, text.length, byte));
	} else {
		BUG_ON(err.code == ERR_NONE);
	}
	strbuf_deinit(&out);
	arena_free(&arena);
	return 0;
}
