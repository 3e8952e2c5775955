/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sockets with and without a descriptor holder. */
#include "io/fdstore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"

#define HOLDER "/usr/bin/s6-fdholder-daemon"
#define DEADLINE_MS 10000

struct place {
	char root[32];
	struct paths paths;
	pid_t holder;
};

static const struct service_socket SOCKET = { "test/line", SERVICE_STREAM,
	"nogroup" };

static int
set_up(void **state)
{
	static struct place place;
	struct err err = { 0 };
	place = (struct place){ 0 };
	snprintf(place.root, sizeof(place.root), "/tmp/mh-fd-XXXXXX");
	if (!mkdtemp(place.root) ||
		paths_init(&place.paths, place.root, &err) < 0)
		return -1;
	*state = &place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	if (place->holder > 0) {
		kill(place->holder, SIGTERM);
		waitpid(place->holder, NULL, 0);
	}
	return fs_remove_tree(place->root, NULL);
}

static void
file_of(const struct place *place, const char *base, const char *suffix,
	char *out, size_t size)
{
	(void)place;
	snprintf(out, size, "%s/%s", base, suffix);
}

/* Runs s6's own daemon with rules that let us in; waits for its word. */
static void
start_holder(struct place *place)
{
	char directory[300], rule[600], path[304], byte;
	struct err err = { 0 };
	int ready[2];
	file_of(place, place->paths.run, "fdholder", directory,
		sizeof(directory));
	snprintf(rule, sizeof(rule), "%s/rules/uid/default/env", directory);
	assert_int_equal(
		fs_make_directory(rule, 0755, (uid_t)-1, (gid_t)-1, &err), 0);
	static const char *const RULES[][2] = {
		{ "../allow", "" },
		{ "S6_FDHOLDER_STORE_REGEX", "^/\n" },
		{ "S6_FDHOLDER_RETRIEVE_REGEX", "^/\n" },
	};
	for (size_t i = 0; i < ARRAY_LENGTH(RULES); i++) {
		char file[900];
		snprintf(file, sizeof(file), "%s/%s", rule, RULES[i][0]);
		assert_int_equal(
			fs_write_atomic(file, RULES[i][1], strlen(RULES[i][1]),
				0644, (uid_t)-1, (gid_t)-1, &err),
			0);
	}
	snprintf(rule, sizeof(rule), "%s/rules", directory);
	snprintf(path, sizeof(path), "%s/s", directory);
	assert_int_equal(pipe(ready), 0);
	place->holder = fork();
	if (place->holder == 0) {
		dup2(ready[1], STDOUT_FILENO);
		execl(HOLDER, HOLDER, "-1", "-i", rule, path, NULL);
		_exit(127);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static int
listen_again(struct place *place)
{
	struct err err = { 0 };
	int fd = -1;
	if (fdstore_listen(&place->paths, &SOCKET, &fd, &err) < 0)
		fail_msg("%s", err.text);
	return fd;
}

static ino_t
inode_of(int fd)
{
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	return status.st_ino;
}

static void
makes_a_socket_for_its_group(void **state)
{
	struct place *place = *state;
	struct stat status;
	struct group *group = getgrnam("nogroup");
	char path[300];
	int fd = listen_again(place);
	file_of(place, place->paths.sockets, "test", path, sizeof(path));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0750);
	file_of(place, place->paths.sockets, "test/line", path, sizeof(path));
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0660);
	if (geteuid() == 0 && group)
		assert_int_equal(status.st_gid, group->gr_gid);
	/* Without a holder a second start replaces the first one's. */
	int second = listen_again(place);
	assert_int_not_equal(inode_of(fd), inode_of(second));
	close(fd);
	close(second);
}

static void
the_holder_keeps_it_over_a_restart(void **state)
{
	struct place *place = *state;
	if (!fs_exists(HOLDER)) {
		print_message("skipped: " HOLDER " is not installed\n");
		skip();
	}
	start_holder(place);
	int fd = listen_again(place);
	ino_t inode = inode_of(fd);
	close(fd);
	int64_t before = clock_monotonic_ms();
	fd = listen_again(place);
	assert_in_range(clock_monotonic_ms() - before, 0, 1000);
	assert_int_equal(inode_of(fd), inode);
	close(fd);
}

static void
a_vanished_file_makes_a_fresh_socket(void **state)
{
	struct place *place = *state;
	char path[300];
	if (!fs_exists(HOLDER)) {
		print_message("skipped: " HOLDER " is not installed\n");
		skip();
	}
	start_holder(place);
	int fd = listen_again(place);
	ino_t inode = inode_of(fd);
	close(fd);
	file_of(place, place->paths.sockets, "test/line", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	fd = listen_again(place);
	assert_int_not_equal(inode_of(fd), inode);
	assert_true(fs_exists(path));
	inode = inode_of(fd);
	close(fd);
	/* The fresh one is kept from now on. */
	fd = listen_again(place);
	assert_int_equal(inode_of(fd), inode);
	close(fd);
}

static void
an_unknown_group_is_an_error(void **state)
{
	static const struct service_socket odd = { "test/x", SERVICE_SEQPACKET,
		"no-such-group-x" };
	struct place *place = *state;
	struct err err = { 0 };
	int fd = -1;
	if (geteuid() != 0)
		skip();
	assert_int_equal(fdstore_listen(&place->paths, &odd, &fd, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(fd, -1);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(makes_a_socket_for_its_group),
		TEST(the_holder_keeps_it_over_a_restart),
		TEST(a_vanished_file_makes_a_fresh_socket),
		TEST(an_unknown_group_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
