/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files and directories in a temporary tree. */
#include "base/fs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
	char root[64];
	char path[200];
};

static int
make_place(void **state)
{
	static struct place place;
	snprintf(place.root, sizeof(place.root), "/tmp/mh-fs-XXXXXX");
	*state = &place;
	return mkdtemp(place.root) ? 0 : -1;
}

static int
remove_place(void **state)
{
	struct place *place = *state;
	return fs_remove_tree(place->root, NULL);
}

static const char *
below(struct place *place, const char *name)
{
	snprintf(place->path, sizeof(place->path), "%s/%s", place->root, name);
	return place->path;
}

static void
writes_and_reads(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	struct strbuf text;
	struct stat status;
	strbuf_init(&text, 1000);
	const char *path = below(place, "file");
	assert_int_equal(fs_write_atomic(path, "one", 3, 0640, (uid_t)-1,
				 (gid_t)-1, &err),
		0);
	assert_int_equal(fs_write_atomic(path, "second", 6, 0604, (uid_t)-1,
				 (gid_t)-1, &err),
		0);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0604);
	assert_int_equal(fs_read(path, 6, &text, &err), 0);
	assert_string_equal(text.data, "second");
	assert_int_equal(fs_read(path, 5, &text, &err), -1);
	assert_int_equal(err.code, ERR_TOO_BIG);
	assert_int_equal(fs_read(below(place, "none"), 5, &text, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	strbuf_deinit(&text);
}

static void
a_new_file_replaces_nothing(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	struct strbuf text;
	struct stat status;
	strbuf_init(&text, 1000);
	const char *path = below(place, "new");
	assert_int_equal(fs_write_new(path, "first", 5, 0400, (uid_t)-1,
				 (gid_t)-1, &err),
		0);
	assert_int_equal(fs_write_new(path, "second", 6, 0400, (uid_t)-1,
				 (gid_t)-1, &err),
		-1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_int_equal(fs_read(path, 100, &text, &err), 0);
	assert_string_equal(text.data, "first");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0400);
	/* Nothing is left beside it. */
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(place->root), 0);
	assert_int_equal(mkdir(place->root, 0700), 0);
	strbuf_deinit(&text);
}

static void
a_failed_write_leaves_the_old_file_alone(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	struct strbuf text;
	strbuf_init(&text, 1000);
	const char *path = below(place, "dir");
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(
		fs_write_atomic(path, "x", 1, 0600, (uid_t)-1, (gid_t)-1, &err),
		-1);
	assert_int_equal(err.code, ERR_SYSTEM);
	/* Nothing is left behind beside it. */
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(fs_write_atomic(below(place, "no/where"), "x", 1, 0600,
				 (uid_t)-1, (gid_t)-1, &err),
		-1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(rmdir(place->root), 0);
	assert_int_equal(mkdir(place->root, 0700), 0);
	strbuf_deinit(&text);
}

static void
makes_directories_with_parents(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	struct stat status;
	mode_t before = umask(077);
	assert_int_equal(fs_make_directory(below(place, "a/b/c"), 02750,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	umask(before);
	assert_int_equal(stat(below(place, "a/b/c"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 02750);
	assert_int_equal(stat(below(place, "a/b"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	/* Again, with another mode, over what is there. */
	assert_int_equal(fs_make_directory(below(place, "a/b/c"), 0700,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_int_equal(stat(below(place, "a/b/c"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
}

static void
a_link_is_no_directory(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	assert_int_equal(symlink("/etc", below(place, "link")), 0);
	assert_int_equal(fs_make_directory(below(place, "link"), 0700,
				 (uid_t)-1, (gid_t)-1, &err),
		-1);
}

/*
 * A link above the last name: followed where only we can have put it,
 * refused in a directory that belongs (or is open) to somebody else.
 */
static void
a_stranger_s_link_is_not_followed(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	char target[80];
	uid_t none = (uid_t)-1;
	gid_t nobody = (gid_t)-1;
	snprintf(target, sizeof(target), "%s/target", place->root);
	assert_int_equal(mkdir(target, 0700), 0);
	assert_int_equal(mkdir(below(place, "d"), 0755), 0);
	assert_int_equal(symlink(target, below(place, "d/link")), 0);

	assert_int_equal(fs_make_directory(below(place, "d/link/ours"), 0700,
				 none, nobody, &err),
		0);
	assert_int_equal(fs_write_atomic(below(place, "d/link/f"), "x", 1, 0600,
				 none, nobody, &err),
		0);
	assert_true(fs_exists(below(place, "target/ours")));
	assert_true(fs_exists(below(place, "target/f")));

	assert_int_equal(chmod(below(place, "d"), 0777), 0);
	assert_int_equal(fs_make_directory(below(place, "d/link/theirs"), 0700,
				 none, nobody, &err),
		-1);
	assert_int_equal(fs_make_directory(below(place, "d/link/x/theirs"),
				 0700, none, nobody, &err),
		-1);
	assert_int_equal(fs_write_atomic(below(place, "d/link/g"), "x", 1, 0600,
				 none, nobody, &err),
		-1);
	assert_false(fs_exists(below(place, "target/theirs")));
	assert_false(fs_exists(below(place, "target/x")));
	assert_false(fs_exists(below(place, "target/g")));

	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(below(place, "d"), 0755), 0);
	assert_int_equal(chown(below(place, "d"), 65534, 65534), 0);
	assert_int_equal(fs_write_atomic(below(place, "d/link/g"), "x", 1, 0600,
				 none, nobody, &err),
		-1);
	assert_false(fs_exists(below(place, "target/g")));
}

static void
removes_trees_but_follows_no_link(void **state)
{
	struct place *place = *state;
	struct err err = { 0 };
	assert_int_equal(fs_make_directory(below(place, "keep"), 0700,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_int_equal(fs_write_atomic(below(place, "keep/f"), "x", 1, 0600,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_int_equal(fs_make_directory(below(place, "t/1/2/3"), 0700,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_int_equal(symlink("../../keep", below(place, "t/1/link")), 0);
	assert_int_equal(fs_write_atomic(below(place, "t/1/2/f"), "x", 1, 0600,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_int_equal(fs_remove_tree(below(place, "t"), &err), 0);
	assert_false(fs_exists(below(place, "t")));
	assert_true(fs_exists(below(place, "keep/f")));
	assert_int_equal(fs_remove_tree(below(place, "t"), &err), 0);
}

static void
looks_users_up(void **state)
{
	(void)state;
	struct err err = { 0 };
	uid_t uid = 1;
	gid_t gid = 1;
	assert_int_equal(fs_user("root", &uid, &gid, &err), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(fs_group("root", &gid, &err), 0);
	assert_int_equal(gid, 0);
	assert_int_equal(fs_user("no-such-user-x", &uid, &gid, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_string_equal(err.text, "user no-such-user-x does not exist");
	assert_int_equal(fs_group("no-such-group-x", &gid, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			writes_and_reads, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			a_new_file_replaces_nothing, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			a_failed_write_leaves_the_old_file_alone, make_place,
			remove_place),
		cmocka_unit_test_setup_teardown(makes_directories_with_parents,
			make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			a_link_is_no_directory, make_place, remove_place),
		cmocka_unit_test_setup_teardown(
			a_stranger_s_link_is_not_followed, make_place,
			remove_place),
		cmocka_unit_test_setup_teardown(
			removes_trees_but_follows_no_link, make_place,
			remove_place),
		cmocka_unit_test(looks_users_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
