/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Levels at their limits, the sentence for people, the table's sense. */
#include "io/disk_space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MIB (UINT64_C(1024) * 1024)

static const struct disk_place PLACE = { .name = "place",
	.full_bytes = 80 * MIB,
	.low_bytes = 800 * MIB,
	.effect = "something waits" };

static void
test_levels(void **state)
{
	static const struct {
		const char *name;
		struct disk_space space;
		enum disk_level before;
		enum disk_level want;
	} rows[] = {
		{ "nothing free", { 0, 9 * MIB, 0, 0 }, DISK_GOOD, DISK_FULL },
		{ "just enough", { 80 * MIB, 900 * MIB, 9000, 9999 }, DISK_GOOD,
			DISK_LOW },
		{ "not yet enough again", { 80 * MIB, 900 * MIB, 9000, 9999 },
			DISK_FULL, DISK_FULL },
		{ "enough again", { 90 * MIB, 900 * MIB, 9000, 9999 },
			DISK_FULL, DISK_LOW },
		{ "plenty", { 800 * MIB, 900 * MIB, 9000, 9999 }, DISK_GOOD,
			DISK_GOOD },
		{ "not yet plenty", { 850 * MIB, 900 * MIB, 9000, 9999 },
			DISK_LOW, DISK_LOW },
		{ "plenty at once", { 950 * MIB, 990 * MIB, 9000, 9999 },
			DISK_FULL, DISK_GOOD },
		{ "no inode left", { 900 * MIB, 900 * MIB, 0, 9999 }, DISK_GOOD,
			DISK_FULL },
		{ "few inodes", { 900 * MIB, 900 * MIB, 1999, 9999 }, DISK_GOOD,
			DISK_LOW },
		{ "no limit of inodes", { 900 * MIB, 900 * MIB, 0, 0 },
			DISK_GOOD, DISK_GOOD },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		enum disk_level got = disk_space_judge(
			&PLACE, &rows[i].space, rows[i].before);

		if (got != rows[i].want)
			fail_msg("%s: got %d, want %d", rows[i].name, (int)got,
				(int)rows[i].want);
	}
}

static void
test_text(void **state)
{
	const struct disk_space full = { MIB / 2, 64 * MIB, 9000, 9999 };
	const struct disk_space files = { 900 * MIB, 990 * MIB, 7, 9999 };
	const struct disk_space good = { 900 * MIB, 990 * MIB, 9000, 9999 };
	char text[DISK_TEXT_SIZE];

	(void)state;
	disk_space_describe(&PLACE, "/x", &full, DISK_FULL, text);
	assert_string_equal(text,
		"full, something waits: 0 of 64 MiB free at /x; free or add space there");
	disk_space_describe(&PLACE, "/x", &files, DISK_LOW, text);
	assert_string_equal(
		text, "low: 7 files free at /x; free or add space there");
	disk_space_describe(&PLACE, "/x", &good, DISK_GOOD, text);
	assert_string_equal(text, "good: 900 of 990 MiB free at /x");
}

static void
test_places(void **state)
{
	struct paths paths;
	size_t count = 0;

	(void)state;
	assert_int_equal(paths_init(&paths, "/r", NULL), 0);
	for (; DISK_PLACES[count].name != NULL; count++) {
		const struct disk_place *place = &DISK_PLACES[count];
		char path[DISK_PATH_MAX];

		disk_place_path(place, &paths, path);
		assert_memory_equal(path, "/r/var/l", 8);
		assert_true(place->full_bytes < place->low_bytes);
		assert_non_null(place->effect);
	}
	assert_int_equal(count, DISK_PLACES_MAX);
}

static void
test_measure(void **state)
{
	struct disk_space space = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(disk_space_measure("/", &space, &err), 0);
	assert_true(space.total_bytes > 0);
	assert_true(space.free_bytes <= space.total_bytes);
	assert_int_equal(disk_space_measure("/not/there", &space, &err), -1);
	assert_non_null(strstr(err.text, "/not/there"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_measure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
