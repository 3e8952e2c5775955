/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is written is read again; what is damaged is no answer. */
#include "cli/upgrade_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "cli/upgrade_package.h"

struct fixture {
	struct paths paths;
	char root[32];
	struct err err;
};

static int
set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char path[PATHS_MAX + 16];

	(void)snprintf(f->root, sizeof(f->root), "/tmp/mhu-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(paths_init(&f->paths, f->root, &f->err), 0);
	(void)snprintf(path, sizeof(path), "%s/upgrade", f->paths.state);
	assert_int_equal(
		fs_make_directory(path, 0755, (uid_t)-1, (gid_t)-1, &f->err),
		0);
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fs_remove_tree(f->root, &f->err), 0);
	x_free(&f);
	return 0;
}

static void
test_state(void **context)
{
	struct fixture *f = *context;
	struct upgrade_state state = { .is_rollback = true,
		.step = UPGRADE_BACK_DATA,
		.from = { "1.0", "aa" },
		.to = { "0.9~\"quoted\"", "bb" },
		.began_s = 1234567890123,
		.before = { 17, 3, 1 },
		.restore = { 16, 2, 1 },
		.cause = "line one\nline two" };
	struct upgrade_state got = { 0 };

	assert_int_equal(upgrade_state_read(&f->paths, &got, &f->err), 0);
	for (int step = 0; step < UPGRADE_STEP_COUNT; step++) {
		state.step = (enum upgrade_step)step;
		assert_int_equal(
			upgrade_state_write(&f->paths, &state, &f->err), 0);
		memset(&got, 0, sizeof(got));
		assert_int_equal(
			upgrade_state_read(&f->paths, &got, &f->err), 1);
		assert_memory_equal(&got, &state, sizeof(got));
	}
	assert_int_equal(upgrade_state_remove(&f->paths, &f->err), 0);
	assert_int_equal(upgrade_state_remove(&f->paths, &f->err), 0);
	assert_int_equal(upgrade_state_read(&f->paths, &got, &f->err), 0);
}

static void
test_report(void **context)
{
	struct fixture *f = *context;
	struct upgrade_state state = { .report = json_pack("{s:i}", "a", 1) };
	struct upgrade_state got = { 0 };

	assert_int_equal(upgrade_state_write(&f->paths, &state, &f->err), 0);
	assert_int_equal(upgrade_state_read(&f->paths, &got, &f->err), 1);
	assert_true(json_equal(state.report, got.report));
	json_decref(state.report);
	json_decref(got.report);
}

static void
test_damaged(void **context)
{
	static const char *const TEXTS[] = { "", "{", "[]", "{}",
		"{\"step\":\"unheard of\"}", "{\"step\":7}" };
	struct fixture *f = *context;
	struct upgrade_state got;
	char path[PATHS_MAX + 32];

	(void)snprintf(
		path, sizeof(path), "%s/upgrade/state.json", f->paths.state);
	for (size_t i = 0; i < ARRAY_LENGTH(TEXTS); i++) {
		assert_int_equal(
			fs_write_atomic(path, TEXTS[i], strlen(TEXTS[i]), 0644,
				(uid_t)-1, (gid_t)-1, &f->err),
			0);
		assert_int_equal(
			upgrade_state_read(&f->paths, &got, &f->err), -1);
		assert_int_equal(f->err.code, ERR_CORRUPT);
	}
}

static void
test_proven_and_previous(void **context)
{
	struct fixture *f = *context;
	struct upgrade_build build = { "1.0+x",
		"0123456789abcdef0123456789abcdef" };
	struct upgrade_build got = { 0 };
	struct upgrade_point point = { 5, 2, 1 }, got_point = { 0 };

	assert_int_equal(upgrade_proven_read(&f->paths, &got, &f->err), 0);
	assert_int_equal(upgrade_proven_write(&f->paths, &build, &f->err), 0);
	assert_int_equal(upgrade_proven_read(&f->paths, &got, &f->err), 1);
	assert_string_equal(got.id, build.id);
	assert_string_equal(got.version, build.version);
	assert_int_equal(
		upgrade_previous_write(&f->paths, &build, &point, &f->err), 0);
	assert_int_equal(
		upgrade_previous_read(&f->paths, &got, &got_point, &f->err), 1);
	assert_string_equal(got.id, build.id);
	assert_memory_equal(&got_point, &point, sizeof(point));
}

/* As `b2sum --length=128` prints it: the package's preinst compares. */
static void
test_id(void **context UNUSED)
{
	char id[UPGRADE_ID_SIZE];

	upgrade_package_id(span_from("abc"), id);
	assert_string_equal(id, "cf4ab791c62b8d2b2109c90275287816");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_report, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_damaged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_proven_and_previous, set_up, tear_down),
		cmocka_unit_test(test_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
