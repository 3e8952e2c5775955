/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Every operation from every state that a killed one, a power loss or a
 * strange hand can have left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/garbage_area.h"
#include "base/compiler.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define ID "ab000000000000000000000000000001"
#define PATH_SIZE 200
#define LONG_MS 60000

struct fixture {
	char directory[32];
	char home[PATH_SIZE];
	char entry[PATH_SIZE];
	char index[PATH_SIZE];
	int vmail;
	struct garbage_area area;
};

static void
make_directory(const char *path)
{
	assert_int_equal(
		fs_make_directory(path, 0700, (uid_t)-1, (gid_t)-1, NULL), 0);
}

/* "d": a directory with one file in it, named after content; "m": a mark. */
static void
put(const char *path, char kind, const char *content)
{
	char file[PATH_SIZE + 16];
	int fd;

	if (kind == 'd') {
		make_directory(path);
		(void)snprintf(file, sizeof(file), "%s/%s", path, content);
		path = file;
	}
	if (kind == '-')
		return;
	if (kind == 'l') {
		assert_int_equal(symlink("/etc", path), 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* 'd' with that content, 'D' with another, 'm', '-', '?'. */
static char
kind_of(const char *path, const char *content)
{
	char file[PATH_SIZE + 16];
	struct stat status;

	if (lstat(path, &status) == -1)
		return '-';
	if (S_ISREG(status.st_mode))
		return status.st_size == 0 ? 'm' : '?';
	if (!S_ISDIR(status.st_mode))
		return '?';
	(void)snprintf(file, sizeof(file), "%s/%s", path, content);
	return fs_exists(file) ? 'd' : 'D';
}

static void
begin(struct fixture *f)
{
	struct err err = { 0 };
	char prefix[PATH_SIZE];

	(void)snprintf(
		f->directory, sizeof(f->directory), "/tmp/mh-garbage-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(f->home, PATH_SIZE, "%s/ab/" ID, f->directory);
	(void)snprintf(f->entry, PATH_SIZE, "%s/.garbage/" ID, f->directory);
	(void)snprintf(f->index, PATH_SIZE, "%s/index/ab/" ID, f->directory);
	make_directory(f->index);
	put(f->index, 'd', "dovecot.index");
	(void)snprintf(f->index, PATH_SIZE, "%s/index", f->directory);
	f->vmail = open(f->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->vmail >= 0);
	(void)snprintf(prefix, PATH_SIZE, "%s/ab", f->directory);
	make_directory(prefix);
	assert_int_equal(
		garbage_area_open(&f->area, f->vmail, f->index, &err), 0);
}

static void
end(struct fixture *f)
{
	garbage_area_close(&f->area);
	close(f->vmail);
	assert_int_equal(fs_remove_tree(f->directory, NULL), 0);
}

static int
run(struct fixture *f, char action)
{
	struct err err = { 0 };
	bool more = false;

	if (action == 'k')
		return garbage_keep(&f->area, ID, &err);
	if (action == 'r')
		return garbage_return(&f->area, ID, &err);
	if (garbage_purge(&f->area, ID, LONG_MS, &more, &err) == -1)
		return -1;
	return more;
}

/* State before: home, garbage; after: home, garbage. Mail is "mail" in the
 * place that holds the newest of it. */
static const struct {
	char action;
	const char *before;
	const char *after;
	int want;
} CASES[] = {
	/* Removing: as it should be, then as a killed one left it. */
	{ 'k', "d-", "md", 0 },
	{ 'k', "dm", "md", 0 },
	{ 'k', "md", "md", 0 },
	{ 'k', "--", "m-", 0 },
	{ 'k', "m-", "m-", 0 },
	{ 'k', "mm", "m-", 0 },
	{ 'k', "-d", "md", 0 },
	{ 'k', "l-", "?-", -1 },
	/* Bringing back. */
	{ 'r', "md", "d-", 0 },
	{ 'r', "-d", "d-", 0 },
	{ 'r', "dm", "d-", 0 },
	{ 'r', "d-", "d-", 0 },
	{ 'r', "m-", "--", 0 },
	{ 'r', "mm", "--", 0 },
	{ 'r', "--", "--", 0 },
	{ 'r', "ld", "?d", -1 },
	/* Deleting for good: a link's target is not touched. */
	{ 'p', "md", "--", 0 },
	{ 'p', "d-", "--", 0 },
	{ 'p', "dm", "--", 0 },
	{ 'p', "m-", "--", 0 },
	{ 'p', "--", "--", 0 },
	{ 'p', "ml", "--", 0 },
};

static void
test_every_state(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct fixture f;
		char got[3] = "";
		int status;

		begin(&f);
		put(f.home, CASES[i].before[0], "mail");
		put(f.entry, CASES[i].before[1], "mail");
		for (int again = 0; again < 2; again++) {
			status = run(&f, CASES[i].action);
			got[0] = kind_of(f.home, "mail");
			got[1] = kind_of(f.entry, "mail");
			if (status != CASES[i].want ||
				strcmp(got, CASES[i].after) != 0)
				fail_msg("%c from %s: got %d %s, want %d %s",
					CASES[i].action, CASES[i].before,
					status, got, CASES[i].want,
					CASES[i].after);
		}
		end(&f);
	}
	assert_true(fs_exists("/etc/passwd"));
}

/* Never one over the other: what was in the place is put beside. */
static void
test_both_are_kept(UNUSED void **state)
{
	struct fixture f;
	char aside[PATH_SIZE + 8];

	begin(&f);
	put(f.home, 'd', "new");
	put(f.entry, 'd', "old");
	assert_int_equal(run(&f, 'k'), 0);
	(void)snprintf(aside, sizeof(aside), "%s.1", f.entry);
	assert_int_equal(kind_of(f.entry, "new"), 'd');
	assert_int_equal(kind_of(aside, "old"), 'd');
	assert_int_equal(kind_of(f.home, ""), 'm');
	end(&f);
}

static void
test_the_index_goes(UNUSED void **state)
{
	struct fixture f;
	char path[PATH_SIZE + 64];

	begin(&f);
	put(f.home, 'd', "mail");
	(void)snprintf(path, sizeof(path), "%s/ab/" ID, f.index);
	assert_true(fs_exists(path));
	assert_int_equal(run(&f, 'k'), 0);
	assert_false(fs_exists(path));
	end(&f);
}

/* A delivery held it when the home was moved away. */
static void
test_no_lock_comes_back(UNUSED void **state)
{
	static const char *const LOCKS[] = { "Maildir/dovecot-uidlist.lock",
		"Maildir/.Work/dovecot-uidlist.lock", "subscriptions.lock" };
	struct fixture f;
	char path[PATH_SIZE + 64];

	begin(&f);
	(void)snprintf(path, sizeof(path), "%s/Maildir/.Work", f.home);
	make_directory(path);
	for (size_t i = 0; i < ARRAY_LENGTH(LOCKS); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f.home, LOCKS[i]);
		put(path, 'm', "");
	}
	assert_int_equal(run(&f, 'k'), 0);
	assert_int_equal(run(&f, 'r'), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(LOCKS); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", f.home, LOCKS[i]);
		assert_false(fs_exists(path));
	}
	end(&f);
}

static void
test_purge_in_steps(UNUSED void **state)
{
	struct fixture f;
	struct err err = { 0 };
	bool more = false;
	char name[32];

	begin(&f);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(name, sizeof(name), "mail%d", i);
		put(f.home, 'd', name);
	}
	assert_int_equal(run(&f, 'k'), 0);
	assert_true(garbage_measure(&f.area, ID, LONG_MS) > 0);
	assert_int_equal(garbage_measure(&f.area, ID, 0), -1);
	assert_int_equal(garbage_purge(&f.area, ID, 0, &more, &err), 0);
	assert_true(more);
	assert_int_equal(kind_of(f.home, ""), 'm');
	assert_int_equal(run(&f, 'p'), 0);
	assert_int_equal(kind_of(f.home, ""), '-');
	end(&f);
}

/* By its name alone; a link's target is not touched. */
static void
test_drop(UNUSED void **state)
{
	static const struct {
		const char *name;
		char kind;
		bool goes;
	} cases[] = {
		{ "1700000000_" ID, 'd', true },
		{ "1700000000_" ID, 'l', true },
		{ "1700000000_" ID, '-', true },
		{ ID, 'd', false },
		{ "1700000000_" ID ".1", 'd', false },
		{ "1700000000_ab", 'd', false },
		{ "_" ID, 'd', false },
		{ "9999999999999_" ID, 'd', false },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct fixture f;
		struct err err = { 0 };
		char path[PATH_SIZE + 64];
		bool more = true;
		int status;

		begin(&f);
		put(f.home, 'd', "mail");
		(void)snprintf(path, sizeof(path), "%s/.garbage/%s",
			f.directory, cases[i].name);
		put(path, cases[i].kind, "mail");
		status = garbage_drop(
			&f.area, cases[i].name, LONG_MS, &more, &err);
		assert_int_equal(status, cases[i].goes ? 0 : -1);
		assert_int_equal(kind_of(path, "mail"),
			cases[i].goes ? '-' : cases[i].kind);
		assert_int_equal(kind_of(f.home, "mail"), 'd');
		assert_true(more == !cases[i].goes);
		end(&f);
	}
	assert_true(fs_exists("/etc/passwd"));
}

static void
note_name(const char *name, void *context)
{
	strbuf_printf(context, "%s ", name);
}

static void
test_list(UNUSED void **state)
{
	struct fixture f;
	struct err err = { 0 };
	char path[PATH_SIZE];
	struct strbuf names;

	begin(&f);
	strbuf_init(&names, 200);
	/* A name that can not be told in JSON. */
	(void)snprintf(path, PATH_SIZE, "%s/.garbage/a\xff", f.directory);
	put(path, 'm', "");
	for (char c = 'c'; c >= 'a'; c--) {
		(void)snprintf(
			path, PATH_SIZE, "%s/.garbage/%c", f.directory, c);
		put(path, 'd', "x");
	}
	assert_int_equal(
		garbage_list(&f.area, "", 2, note_name, &names, &err), 0);
	assert_string_equal(names.data, "a b ");
	strbuf_reset(&names);
	assert_int_equal(
		garbage_list(&f.area, "b", 2, note_name, &names, &err), 0);
	assert_string_equal(names.data, "c ");
	strbuf_deinit(&names);
	end(&f);
}

static void
test_names(UNUSED void **state)
{
	struct fixture f;
	struct err err = { 0 };

	assert_true(garbage_is_store_id(ID));
	assert_false(garbage_is_store_id("../../../../../../etc/passwd0000"));
	assert_false(garbage_is_store_id("ab"));
	begin(&f);
	assert_int_equal(garbage_keep(&f.area, "..", &err), -1);
	assert_int_equal(err.code, ERR_INVALID);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_state),
		cmocka_unit_test(test_both_are_kept),
		cmocka_unit_test(test_the_index_goes),
		cmocka_unit_test(test_no_lock_comes_back),
		cmocka_unit_test(test_purge_in_steps),
		cmocka_unit_test(test_drop),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
