/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two small trees, changed step by step. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "agent/compare.h"
#include "base/alloc.h"
#include "base/fs.h"

struct fixture {
	char directory[64];
	char a[PATH_MAX / 2], b[PATH_MAX / 2];
};

static int
set_up(void **state)
{
	struct fixture *f = xmalloc(sizeof(*f));

	snprintf(f->directory, sizeof(f->directory), "/tmp/mailherd-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->a, sizeof(f->a), "%s/a", f->directory);
	snprintf(f->b, sizeof(f->b), "%s/b", f->directory);
	assert_int_equal(mkdir(f->a, 0755), 0);
	assert_int_equal(mkdir(f->b, 0755), 0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(fs_remove_tree(f->directory, &err), 0);
	x_free(state);
	return 0;
}

static void
write_file(const char *tree, const char *name, const char *text)
{
	struct err err;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
}

static void
test_trees(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	assert_true(compare_same(f->a, f->b));
	write_file(f->a, "one", "1\n");
	assert_false(compare_same(f->a, f->b));
	write_file(f->b, "one", "2\n");
	assert_false(compare_same(f->a, f->b));
	write_file(f->b, "one", "1\n");
	assert_true(compare_same(f->a, f->b));
	write_file(f->b, "two", "");
	assert_false(compare_same(f->a, f->b));
	write_file(f->a, "two", "");
	snprintf(path, sizeof(path), "%s/two", f->a);
	assert_int_equal(chmod(path, 0600), 0);
	assert_false(compare_same(f->a, f->b));
}

static void
test_what_is_not_there(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/nothing", f->a);
	assert_true(compare_same(path, path));
	assert_false(compare_same(path, f->a));
}

static void
test_lines_that_begin_with_a_word(void **state)
{
	static const char *const WORDS[] = { "interface", "port", NULL };
	struct fixture *f = *state;
	char path_a[PATH_MAX], path_b[PATH_MAX];

	write_file(f->a, "x", "  port: 53\ncache: 1\nports: 1\n");
	write_file(f->b, "x", "  port: 53\ncache: 2\nports: 2\n");
	assert_true(compare_same_lines(f->a, f->b, WORDS));
	write_file(f->b, "y", "port_range: 7\n");
	assert_true(compare_same_lines(f->a, f->b, WORDS));
	write_file(f->b, "y", "interface=::1\n");
	assert_false(compare_same_lines(f->a, f->b, WORDS));

	snprintf(path_a, sizeof(path_a), "%s/x", f->a);
	snprintf(path_b, sizeof(path_b), "%s/x", f->b);
	write_file(f->b, "x", "  port: 54\ncache: 1\nports: 1\n");
	assert_true(compare_same_without(path_a, path_b, WORDS));
	write_file(f->b, "x", "  port: 53\ncache: 2\nports: 1\n");
	assert_false(compare_same_without(path_a, path_b, WORDS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_trees, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_what_is_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_lines_that_begin_with_a_word, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
