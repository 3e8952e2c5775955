/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Roots that are taken and roots that are refused. */
#include "base/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void
the_machine_has_no_root(void **state)
{
	(void)state;
	static const char *const SAME[] = { NULL, "", "/", "//" };
	for (size_t i = 0; i < ARRAY_LENGTH(SAME); i++) {
		struct paths paths;
		struct err err = { 0 };
		assert_int_equal(paths_init(&paths, SAME[i], &err), 0);
		assert_string_equal(paths.root, "");
		assert_string_equal(
			paths.config, "/etc/mailherd/mailherd.conf");
		assert_string_equal(
			paths.core_db, "/var/lib/mailherd/db/core/core.db");
		assert_string_equal(paths.sockets, "/run/mailherd/sock");
		assert_string_equal(paths.logs, "/var/log/mailherd");
	}
}

static void
everything_is_below_the_root(void **state)
{
	(void)state;
	struct paths paths;
	struct err err = { 0 };
	assert_int_equal(paths_init(&paths, "/tmp/mh-x/", &err), 0);
	assert_string_equal(paths.root, "/tmp/mh-x");
	assert_string_equal(paths.rendered, "/tmp/mh-x/var/lib/mailherd/etc");
	/* Programs are not the instance's. */
	assert_null(strstr(paths.programs, "/tmp/mh-x"));
	assert_non_null(strstr(paths.programs, "/lib/mailherd"));
	assert_non_null(strstr(paths.binary, "/bin/mailherd"));
}

static void
refuses_odd_roots(void **state)
{
	(void)state;
	static const char *const BAD[] = { "relative", "/tmp/../etc", "/tmp/..",
		"/tmp//x", "/tmp/a b", "/tmp/a\nb", "/tmp/$x", "/tmp/'x'",
		"/12345678901234567890123456789012345678901" };
	for (size_t i = 0; i < ARRAY_LENGTH(BAD); i++) {
		struct paths paths = { .root = "untouched" };
		struct err err = { 0 };
		if (paths_init(&paths, BAD[i], &err) == 0)
			fail_msg("accepted %s", BAD[i]);
		assert_int_equal(err.code, ERR_INVALID);
		assert_string_equal(err.field, "root");
		assert_string_equal(paths.root, "untouched");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_machine_has_no_root),
		cmocka_unit_test(everything_is_below_the_root),
		cmocka_unit_test(refuses_odd_roots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
