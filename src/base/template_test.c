/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes out of templates, and what is refused by name and line. */
#include "base/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct render_case {
	const char *name;
	const char *escaper;
	const char *input;
	const char *want; /* NULL: refused, error below */
	const char *error;
};

static struct template_scope *
make_scope(struct arena *arena)
{
	struct template_scope *scope = template_scope_new(arena, NULL);
	struct template_scope *item;

	template_set(scope, "host", "mail.example.org", "hostname");
	template_set(scope, "empty", NULL, NULL);
	template_set(scope, "nasty", "a\"b\\c", "nasty.setting");
	template_set(scope, "line", "a\nb", "line.setting");
	template_set(scope, "dollar", "a$b", NULL);
	template_set(scope, "markup", "<b>&'", NULL);
	template_set_flag(scope, "on", true);
	template_set_flag(scope, "off", false);
	template_list(scope, "none");
	item = template_item(scope, "ports", "x", NULL);
	template_set(item, "port", "25", NULL);
	item = template_item(scope, "ports", "y", NULL);
	template_set(item, "port", "587", NULL);
	return scope;
}

static int
put_partial(
	void *context, const char *file, struct strbuf *out, struct err *err)
{
	(void)context;
	if (strcmp(file, "bad") == 0)
		return err_set(err, ERR_SYSTEM, "no such luck");
	strbuf_add_text(out, "[{{raw}} ");
	strbuf_add_text(out, file);
	strbuf_add_text(out, "]\n");
	return 0;
}

static const struct render_case CASES[] = {
	{ "plain", "word", "a {b} c\n", "a {b} c\n", NULL },
	{ "nothing", "word", "", "", NULL },
	{ "value", "word", "h={{host}};", "h=mail.example.org;", NULL },
	{ "blanks in the mark", "word", "{{ host }}", "mail.example.org",
		NULL },
	{ "flag on", "word", "a\n{{#on}}\nb\n{{/on}}\nc\n", "a\nb\nc\n", NULL },
	{ "flag off", "word", "a\n{{#off}}\nb\n{{/off}}\nc\n", "a\nc\n", NULL },
	{ "inverted", "word", "{{^off}}b{{/off}}{{^on}}c{{/on}}", "b", NULL },
	{ "empty text is off", "word", "{{#empty}}b{{/empty}}", "", NULL },
	{ "list", "word", "{{#ports}}\np {{port}} {{.}} {{host}}\n{{/ports}}\n",
		"p 25 x mail.example.org\np 587 y mail.example.org\n", NULL },
	{ "list in a line", "word", "x{{#ports}}, {{.}}{{/ports}}", "x, x, y",
		NULL },
	{ "empty list", "word", "{{#none}}{{member}}{{/none}}", "", NULL },
	{ "empty list inverted", "word", "{{^none}}n{{/none}}", "n", NULL },
	{ "nested", "word",
		"{{#on}}{{#ports}}{{#on}}{{.}}{{/on}}{{/ports}}{{/on}}", "xy",
		NULL },
	{ "remark", "word", "{{! any < thing }}\na{{!b}}c\n", "ac\n", NULL },
	{ "indented mark", "word", "  {{#on}}  \nb\n\t{{/on}}", "b\n", NULL },
	{ "two marks in a line stay", "word", "{{#on}} {{/on}}\n", " \n",
		NULL },
	{ "partial", "word", "a\n{{>main.cf}}\nb\n",
		"a\n[{{raw}} main.cf]\nb\n", NULL },
	{ "partial that is not shown", "word", "{{#off}}{{>bad}}{{/off}}", "",
		NULL },
	{ "partial fails", "word", "{{>bad}}", NULL, "no such luck" },
	{ "none copies", "none", "{{x\n", "{{x\n", NULL },
	{ "postfix doubles the dollar", "postfix", "{{dollar}}", "a$$b", NULL },
	{ "ucl escapes", "ucl", "{{nasty}}", "a\\\"b\\\\c", NULL },
	{ "ucl refuses the dollar", "ucl", "{{dollar}}", NULL,
		"t:1: dollar: the byte 0x24 can not stand in a file of format ucl" },
	{ "html escapes", "html", "{{markup}}", "&lt;b&gt;&amp;&#39;", NULL },
	{ "names the setting", "word", "\n{{nasty}}", NULL,
		"t:2: nasty.setting: the byte 0x22" },
	{ "no line breaks", "html", "{{line}}", NULL, "byte 0x0a" },
	{ "unknown name", "word", "a\n\n{{nobody}}", NULL,
		"t:3: there is no value \"nobody\"" },
	{ "unknown section", "word", "{{#nobody}}{{/nobody}}", NULL,
		"there is no value" },
	{ "list as value", "word", "{{ports}}", NULL, "is a list" },
	{ "open mark", "word", "\n{{host", NULL, "t:2: {{ without }}" },
	{ "no name", "word", "{{}}", NULL, "a name is expected" },
	{ "bad name", "word", "{{Host}}", NULL, "a name is expected" },
	{ "path as partial", "word", "{{>../x}}", NULL, "a name is expected" },
	{ "end without start", "word", "{{/on}}", NULL, "ends nothing" },
	{ "crossed", "word", "{{#on}}{{#off}}{{/on}}{{/off}}", NULL,
		"ends nothing" },
	{ "start without end", "word", "a\n{{#on}}", NULL,
		"t:2: {{#on}} has no end" },
	{ "too deep", "word",
		"{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}{{#on}}"
		"{{#on}}{{#on}}",
		NULL, "too deep" },
};

static bool
check_case(const struct render_case *c)
{
	struct arena *arena = arena_new();
	struct template_scope *scope = make_scope(arena);
	struct strbuf out;
	struct err err = { 0 };
	int result;
	bool right;

	strbuf_init(&out, 4096);
	result = template_render(span_from(c->input), "t", scope,
		template_escaper_find(c->escaper), put_partial, NULL, &out,
		&err);
	if (c->want != NULL)
		right = result == 0 && strcmp(out.data, c->want) == 0;
	else
		right = result == -1 && strstr(err.text, c->error) != NULL;
	if (!right)
		print_error("%s: got %d \"%s\" (%s), want \"%s\"\n", c->name,
			result, out.data, err.text,
			c->want == NULL ? c->error : c->want);
	strbuf_deinit(&out);
	arena_free(&arena);
	return right;
}

static void
test_cases(void **state)
{
	bool right = true;

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++)
		right &= check_case(&CASES[i]);
	assert_true(right);
}

/* Every byte through every format: what comes out has no control bytes. */
static void
test_bytes(void **state)
{
	static const char *const FORMATS[] = { "word", "postfix", "dovecot",
		"nginx", "ucl", "unbound", "redis", "lua", "html" };

	(void)state;
	for (size_t f = 0; f < ARRAY_LENGTH(FORMATS); f++) {
		for (int byte = 1; byte < 256; byte++) {
			struct arena *arena = arena_new();
			struct template_scope *scope =
				template_scope_new(arena, NULL);
			char text[2] = { (char)byte, '\0' };
			struct strbuf out;
			int result;

			strbuf_init(&out, 64);
			template_set(scope, "v", text, NULL);
			result = template_render(span_from("{{v}}"), "t", scope,
				template_escaper_find(FORMATS[f]), NULL, NULL,
				&out, NULL);
			if (byte < 0x20 || byte == 0x7f)
				assert_int_equal(result, -1);
			else if (byte >= 'a' && byte <= 'z')
				assert_string_equal(out.data, text);
			strbuf_deinit(&out);
			arena_free(&arena);
		}
	}
}

static void
test_limit(void **state)
{
	struct arena *arena = arena_new();
	struct strbuf out;
	struct err err = { 0 };

	(void)state;
	strbuf_init(&out, 8);
	assert_int_equal(
		template_render(span_from("123456789"), "t", make_scope(arena),
			template_escaper_find("word"), NULL, NULL, &out, &err),
		-1);
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_null(template_escaper_find("nothing"));
	strbuf_deinit(&out);
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
