/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the tests and fuzz targets of the login protocols: a struct
 * directory over test_core.h with a judge whose slow hashes are
 * "{BLF-CRYPT}=text".
 */
#ifndef DIRECTORY_TEST_LOGIN_H
#define DIRECTORY_TEST_LOGIN_H

#include "base/paths.h"
#include "directory/directory.h"
#include "directory/test_core.h"

struct test_login {
	struct test_core core;
	struct paths paths;
	struct directory directory;
};

/* anna@example.org has the password "right", bert@ "{PLAIN}r\xc3\xa4t". */
void test_login_init(struct test_login *test);
void test_login_deinit(struct test_login *test);

#endif
