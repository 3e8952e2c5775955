/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Setting, finding, removing, against a plain table as oracle. */
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/compiler.h"

#define KEYS 500

static void
sets_finds_removes(void **state)
{
	(void)state;
	int one = 1, two = 2;
	struct map *map = map_new();
	assert_null(map_find(map, "a"));
	assert_null(map_set(map, "a", &one));
	assert_ptr_equal(map_set(map, "a", &two), &one);
	assert_ptr_equal(map_find(map, "a"), &two);
	assert_int_equal(map_count(map), 1);
	assert_ptr_equal(map_remove(map, "a"), &two);
	assert_null(map_remove(map, "a"));
	assert_null(map_find(map, "a"));
	assert_int_equal(map_count(map), 0);
	map_free(&map);
	assert_null(map);
	map_free(&map);
}

/* A cheap generator: the same steps in each run. */
static unsigned
next_step(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

static void
agrees_with_a_table(void **state)
{
	(void)state;
	static bool present[KEYS];
	static int values[KEYS];
	struct map *map = map_new();
	size_t count = 0;
	unsigned seed = 7;
	for (int step = 0; step < 20000; step++) {
		unsigned k = next_step(&seed) % KEYS;
		bool add = next_step(&seed) % 2;
		char key[32];
		snprintf(key, sizeof(key), "key%u", k);
		void *before = add ? map_set(map, key, &values[k])
				   : map_remove(map, key);
		assert_ptr_equal(before, present[k] ? &values[k] : NULL);
		count += (size_t)add - (size_t)present[k];
		present[k] = add;
		assert_int_equal(map_count(map), count);
	}
	size_t cursor = 0, seen = 0;
	const char *key;
	void *value;
	while (map_next(map, &cursor, &key, &value)) {
		ptrdiff_t k = (int *)value - values;
		char want[32];
		snprintf(want, sizeof(want), "key%td", k);
		assert_string_equal(key, want);
		assert_true(present[k]);
		seen++;
	}
	assert_int_equal(seen, count);
	map_free(&map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_finds_removes),
		cmocka_unit_test(agrees_with_a_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
