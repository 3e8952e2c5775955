/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Alignment, zeroing, growth and reset of arenas. */
#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void
objects_are_aligned_and_zeroed(void **state)
{
	(void)state;
	static const unsigned char zero[20000];
	struct arena *arena = arena_new();
	for (size_t size = 1; size < 20000; size = size * 2 + 1) {
		unsigned char *object = arena_alloc(arena, size);
		assert_int_equal((uintptr_t)object % _Alignof(max_align_t), 0);
		assert_memory_equal(object, zero, size);
		memset(object, 0xff, size);
	}
	arena_free(&arena);
	assert_null(arena);
	arena_free(&arena);
}

static void
a_reset_forgets_and_zeroes(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	char *first = arena_strdup(arena, "first");
	for (int i = 0; i < 1000; i++)
		arena_printf(arena, "object %d %0100d", i, i);
	arena_alloc(arena, 100000);
	arena_reset(arena);
	char *again = arena_alloc(arena, 100);
	assert_ptr_equal(first, again);
	for (int i = 0; i < 100; i++)
		assert_int_equal(again[i], 0);
	arena_free(&arena);
}

static void
copies_texts(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	assert_string_equal(arena_strndup(arena, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(arena, "ab", 30), "ab");
	assert_string_equal(arena_printf(arena, "%s-%d", "x", 7), "x-7");
	assert_string_equal(arena_strdup(arena, ""), "");
	arena_free(&arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_aligned_and_zeroed),
		cmocka_unit_test(a_reset_forgets_and_zeroes),
		cmocka_unit_test(copies_texts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
