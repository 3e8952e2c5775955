/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Setting, comparing and clearing secrets. */
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
sets_and_compares(void **state)
{
	(void)state;
	struct secret secret = { 0 };
	assert_true(secret_equal(&secret, "", 0));
	secret_set(&secret, "swordfish", 9);
	assert_string_equal(secret.bytes, "swordfish");
	assert_true(secret_equal(&secret, "swordfish", 9));
	assert_false(secret_equal(&secret, "swordfisx", 9));
	assert_false(secret_equal(&secret, "swordfis", 8));
	/* From its own bytes: the copy is made before the wiping. */
	secret_set(&secret, secret.bytes + 5, 4);
	assert_string_equal(secret.bytes, "fish");
	secret_deinit(&secret);
	assert_null(secret.bytes);
	assert_int_equal(secret.length, 0);
	secret_deinit(&secret);
}

static void
wipes(void **state)
{
	(void)state;
	char bytes[] = "secret";
	secret_wipe(bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_and_compares),
		cmocka_unit_test(wipes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
