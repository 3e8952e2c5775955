/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each engine's checker says, and which line it means. */
#include "agent/blame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"

struct fixture {
	char root[32];
	struct arena *arena;
	struct blame_scope scope;
};

/* Overrides and rendered files: R/o/<engine>/<file>, R/t/<engine>/<file>. */
static const struct {
	const char *path;
	const char *text;
} FILES[] = {
	{ "o/unbound/unbound.conf", "# x\nserver:\n\tnonsense: 1\n" },
	{ "o/redis/redis.conf", "# x\nhz 7\nmaxmemory lots\nappendonly 2\n" },
	{ "o/postfix/main.cf", "# x\nmessage_size_limit = big\nnonsense\n" },
	{ "o/postfix/master.cf", "smtp inet q - n - - smtpd\n" },
	{ "o/clamav/clamd.conf", "MaxThreads many\nMaxThreads more\n" },
	{ "t/postfix/main.cf", "a = 1\n\n# R/o/postfix/main.cf\n"
			       "# x\nmessage_size_limit = big\nnonsense\n" },
	{ "t/clamav/clamd.conf", "Ours yes\n\n# R/o/clamav/clamd.conf\n"
				 "MaxThreads many\nMaxThreads more\n" },
};

static const struct {
	const char *name;
	const char *engine;
	const char *output;
	const char *file; /* NULL: none */
	int line;
	const char *text; /* NULL: not looked at */
} CASES[] = {
	{ "unbound", "unbound",
		"R/t/unbound/override/unbound.conf:3: error: unknown keyword 'nonsense'\n"
		"read R/t/unbound/unbound.conf failed: 1 errors",
		"R/o/unbound/unbound.conf", 3,
		"R/o/unbound/unbound.conf line 3: error: unknown keyword 'nonsense'\n"
		"read R/t/unbound/unbound.conf failed: 1 errors" },
	{ "nginx", "nginx",
		"[emerg] unknown directive \"x\" in R/t/nginx/override/nginx.conf:2",
		"R/o/nginx/nginx.conf", 2, NULL },
	{ "dovecot", "dovecot",
		"# 2.3.19.1\ndoveconf: Fatal: Error in configuration file R/t/dovecot/override/dovecot.conf line 12: Unknown setting: x",
		"R/o/dovecot/dovecot.conf", 12,
		"doveconf: Fatal: Error in configuration file R/o/dovecot/dovecot.conf line 12: Unknown setting: x" },
	{ "rspamd's one way", "rspamd",
		"error while parsing R/t/rspamd/override/rspamd.conf: line: 2, column: 15 - 'string'",
		"R/o/rspamd/rspamd.conf", 2, NULL },
	{ "rspamd's other way", "rspamd",
		"ucl parser error: R/t/rspamd/override/rspamd.conf:3 unmatched open brace at 2; ",
		"R/o/rspamd/rspamd.conf", 3, NULL },
	{ "appended", "postfix",
		"postconf: warning: R/t/postfix/main.cf, line 5: overriding\n"
		"postconf: fatal: R/t/postfix/main.cf, line 6: missing '='",
		"R/o/postfix/main.cf", 3,
		"postconf: fatal: R/o/postfix/main.cf line 3: missing '='" },
	{ "appended, postconf's other way", "postfix",
		"postconf: fatal: file R/t/postfix/main.cf: line 6: bad field count",
		"R/o/postfix/main.cf", 3,
		"postconf: fatal: file R/o/postfix/main.cf line 3: bad field count" },
	{ "above what was appended", "postfix",
		"fatal: R/t/postfix/main.cf, line 1: missing '='", NULL, 0,
		"fatal: R/t/postfix/main.cf, line 1: missing '='" },
	{ "appended, with a colon", "clamav",
		"ERROR: Parse error at R/t/clamav/clamd.conf:4: Unknown",
		"R/o/clamav/clamd.conf", 1, NULL },
	{ "only the setting is named", "clamav",
		"ERROR: Incorrect argument format for option MaxThreads",
		"R/o/clamav/clamd.conf", 2, NULL },
	{ "only the setting, Postfix", "postfix",
		"fatal: bad numerical configuration: message_size_limit = big",
		"R/o/postfix/main.cf", 2, NULL },
	{ "the line is quoted", "redis",
		"Reading the configuration file, at line 3\n>>> 'maxmemory lots'\nargument must be a memory value",
		"R/o/redis/redis.conf", 3, NULL },
	{ "a line of master.cf is quoted", "postfix",
		"fatal: invalid private field \"q\" in \"smtp inet q - n - - smtpd\"",
		"R/o/postfix/master.cf", 1, NULL },
	{ "nobody's", "redis", "out of memory", NULL, 0, "out of memory" },
	{ "an engine without overrides", "mailherd", "x", NULL, 0, "x" },
	{ "warnings only", "postfix", "warning: nothing", NULL, 0,
		"warning: nothing" },
	{ "empty", "redis", "", NULL, 0, "" },
	{ "a number too long", "nginx",
		"in R/t/nginx/override/nginx.conf:99999999999999999999",
		"R/o/nginx/nginx.conf", 0, NULL },
};

/* R stands for the fixture's root. */
static const char *
expand(struct fixture *f, const char *text)
{
	struct strbuf out;
	const char *result;

	strbuf_init(&out, 4096);
	for (; *text != '\0'; text++) {
		if (*text == 'R' && text[1] == '/')
			strbuf_add_text(&out, f->root);
		else
			strbuf_add_char(&out, *text);
	}
	result = arena_strdup(f->arena, out.data);
	strbuf_deinit(&out);
	return result;
}

static void
write_file(struct fixture *f, const char *path, const char *text)
{
	const char *full = arena_printf(f->arena, "%s/%s", f->root, path);
	const char *content = expand(f, text);
	const char *folder = arena_strndup(
		f->arena, full, (size_t)(strrchr(full, '/') - full));

	assert_int_equal(
		fs_make_directory(folder, 0755, (uid_t)-1, (gid_t)-1, NULL), 0);
	assert_int_equal(fs_write_atomic(full, content, strlen(content), 0644,
				 (uid_t)-1, (gid_t)-1, NULL),
		0);
}

static int
set_up(void **state)
{
	static struct fixture f;

	(void)snprintf(f.root, sizeof(f.root), "/tmp/mh-blame-XXXXXX");
	assert_non_null(mkdtemp(f.root));
	f.arena = arena_new();
	for (size_t i = 0; i < ARRAY_LENGTH(FILES); i++)
		write_file(&f, FILES[i].path, FILES[i].text);
	f.scope.tree = arena_printf(f.arena, "%s/t", f.root);
	f.scope.overrides = arena_printf(f.arena, "%s/o", f.root);
	*state = &f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	return fs_remove_tree(f->root, NULL);
}

static void
expect_text(const char *name, const char *got, const char *want)
{
	if (got == want || (got != NULL && want != NULL && !strcmp(got, want)))
		return;
	fail_msg("%s: got \"%s\", want \"%s\"", name, got ? got : "NULL",
		want ? want : "NULL");
}

static void
test_cases(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct fault fault;

		f->scope.engine = CASES[i].engine;
		blame_find(&f->scope, expand(f, CASES[i].output), f->arena,
			&fault);
		expect_text(CASES[i].name, fault.file,
			CASES[i].file ? expand(f, CASES[i].file) : NULL);
		if (fault.line != CASES[i].line)
			fail_msg("%s: got line %d, want %d", CASES[i].name,
				fault.line, CASES[i].line);
		if (CASES[i].text != NULL)
			expect_text(CASES[i].name, fault.text,
				expand(f, CASES[i].text));
	}
}

static void
test_one_line(void **state)
{
	static const struct fault with = { "x", "/o/x", 3, "bad" };
	static const struct fault named = { "x", "/o/x", 3, "bad /o/x line 3" };
	static const struct fault without = { "x", NULL, 0, "bad" };
	struct fixture *f = *state;

	assert_string_equal(blame_text(&with, f->arena), "/o/x line 3: bad");
	assert_string_equal(blame_text(&named, f->arena), "bad /o/x line 3");
	assert_string_equal(blame_text(&without, f->arena), "bad");
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test_setup_teardown(test_cases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_one_line, set_up, tear_down),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
