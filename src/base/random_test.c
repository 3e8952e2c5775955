/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lengths, alphabets and that two draws differ. */
#include "base/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void
texts_have_their_length_and_alphabet(void **state)
{
	(void)state;
	char hex[33], password[41], other[41];
	random_hex(hex, 16);
	assert_int_equal(strlen(hex), 32);
	assert_int_equal(strspn(hex, "0123456789abcdef"), 32);
	random_password(password, 40);
	assert_int_equal(strlen(password), 40);
	assert_int_equal(strcspn(password, "0OIl1"), 40);
	random_password(other, 40);
	assert_string_not_equal(password, other);
	random_password(password, 0);
	assert_string_equal(password, "");
}

static void
bytes_fill_what_is_asked(void **state)
{
	(void)state;
	unsigned char bytes[66] = { 0 }, seen = 0;
	for (int i = 0; i < 20; i++) {
		random_bytes(bytes + 1, 64);
		seen |= bytes[64];
		assert_int_equal(bytes[0] | bytes[65], 0);
	}
	assert_int_not_equal(seen, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_have_their_length_and_alphabet),
		cmocka_unit_test(bytes_fill_what_is_asked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
