/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lines of /proc/<pid>/maps, and what the trial's file says of a tree that
 * is, or is not any more, in force.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/generation.h"
#include "agent/stale.h"
#include "agent/trial.h"
#include "base/alloc.h"
#include "base/fs.h"

struct mapping_case {
	const char *line;
	const char *want; /* NULL: nothing was replaced */
};

#define MAPPED "7f1200000000-7f1200010000 "
#define AT " 00001000 08:01 4711                       "

static const struct mapping_case MAPPINGS[] = {
	{ MAPPED "r-xp" AT "/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)",
		"/usr/lib/x86_64-linux-gnu/libssl.so.3" },
	{ MAPPED "r-xp" AT "/lib/libc.so.6 (deleted)", "/lib/libc.so.6" },
	{ MAPPED "r-xp" AT "/usr/lib/a b (deleted)", "/usr/lib/a b" },
	{ MAPPED "r-xp" AT "/usr/lib/x86_64-linux-gnu/libssl.so.3", NULL },
	/* Data: a locale, a table, its relocated part. */
	{ MAPPED "r--p" AT "/usr/lib/locale/locale-archive (deleted)", NULL },
	{ MAPPED "rw-p" AT "/usr/lib/libssl.so.3 (deleted)", NULL },
	/* What engines make themselves. */
	{ MAPPED "rwxs" AT "/dev/zero (deleted)", NULL },
	{ MAPPED "r-xp" AT "/memfd:pcre2 (deleted)", NULL },
	{ MAPPED "r-xp" AT "/var/lib/mailherd/x.hs (deleted)", NULL },
	{ MAPPED "r-xp 00000000 00:00 0        [vdso]", NULL },
	{ " (deleted)", NULL },
	{ "/usr (deleted)", NULL },
	{ "", NULL },
};

static void
test_mappings(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(MAPPINGS); i++) {
		struct span name = { 0 };
		bool found = stale_mapping(span_from(MAPPINGS[i].line), &name);

		if (found != (MAPPINGS[i].want != NULL))
			print_error("line: %s\n", MAPPINGS[i].line);
		assert_int_equal(found, MAPPINGS[i].want != NULL);
		if (found)
			assert_true(span_equal_text(name, MAPPINGS[i].want));
	}
}

struct fixture {
	char root[64];
	struct paths paths;
};

static int
set_up(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));
	struct err err;

	snprintf(f->root, sizeof(f->root), "/tmp/mailherd-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(paths_init(&f->paths, f->root, &err), 0);
	assert_int_equal(
		fs_make_directory(f->paths.run, 0755, -1, -1, &err), 0);
	assert_int_equal(
		fs_make_directory(f->paths.state, 0755, -1, -1, &err), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(fs_remove_tree(f->root, &err), 0);
	x_free(state);
	return 0;
}

static void
put_in_force(const struct fixture *f, const char *generation)
{
	(void)unlink(f->paths.rendered);
	assert_int_equal(symlink(generation, f->paths.rendered), 0);
}

static void
test_a_trial_counts_while_its_generation_is_in_force(void **state)
{
	struct fixture *f = *state;
	struct trial trial = { 7, 9 }, read = { 0 };
	struct err err;

	put_in_force(f, "gen/7");
	assert_false(
		trial_read(&f->paths, generation_current(&f->paths), &read));
	assert_int_equal(trial_write(&f->paths, &trial, &err), 0);
	/* Killed before the swap. */
	assert_false(
		trial_read(&f->paths, generation_current(&f->paths), &read));
	put_in_force(f, "gen/9");
	assert_true(
		trial_read(&f->paths, generation_current(&f->paths), &read));
	assert_int_equal(read.previous, 7);
	assert_int_equal(read.current, 9);
	put_in_force(f, "gen/10");
	assert_false(
		trial_read(&f->paths, generation_current(&f->paths), &read));
	put_in_force(f, "gen/9");
	assert_int_equal(trial_end(&f->paths, &err), 0);
	assert_false(
		trial_read(&f->paths, generation_current(&f->paths), &read));
	assert_int_equal(trial_end(&f->paths, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mappings),
		cmocka_unit_test_setup_teardown(
			test_a_trial_counts_while_its_generation_is_in_force,
			set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
