/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the tests of this folder: a core.db and a usage.db in a directory of
 * their own, filled with the cases that the tables name.
 */
#ifndef DIRECTORY_TEST_CORE_H
#define DIRECTORY_TEST_CORE_H

#include "store/db.h"

struct test_core {
	char directory[64];
	char core_path[128];
	char usage_path[128];
	struct db *core_writer; /* as the model's programs have it */
	struct db *core; /* as the directory has it */
	struct db *usage;
};

void test_core_init(struct test_core *core);
void test_core_deinit(struct test_core *core);
/* Statements of the test, committed. */
void test_core_run(struct test_core *core, const char *sql);

#endif
