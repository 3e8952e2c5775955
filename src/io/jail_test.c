/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A child enters a jail and tries what it may and may not. */
#include "io/jail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "io/test_jail.h"

struct place {
	char root[32];
	struct paths paths;
};

static int
set_up(void **state)
{
	static struct place place;
	struct err err = { 0 };
	const char *absence = test_jail_absence();
	if (absence) {
		print_message("skipped: %s\n", absence);
		return 0;
	}
	snprintf(place.root, sizeof(place.root), "/tmp/mh-ja-XXXXXX");
	if (!mkdtemp(place.root) || chmod(place.root, 0755) < 0)
		return -1;
	if (paths_init(&place.paths, place.root, &err) < 0 ||
		fs_make_directory(place.paths.run, 0777, 0, 0, &err) < 0 ||
		fs_make_directory(place.paths.state, 0777, 0, 0, &err) < 0)
		return -1;
	*state = &place;
	return 0;
}

static int
tear_down(void **state)
{
	struct place *place = *state;
	return place ? fs_remove_tree(place->root, NULL) : 0;
}

/*
 * Runs attempt in a child that is in the jail: the number of the first
 * line that surprised it, 0 when all went as it should.
 */
typedef int attempt_fn(const struct place *place);

static int
in_jail(const struct place *place, const struct jail *jail, attempt_fn *attempt)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = { 0 };
		if (jail_enter(jail, &place->paths, &err) < 0) {
			log_error("no jail", LOG_ERR(&err));
			_exit(255);
		}
		int line = attempt(place);
		if (line)
			fprintf(stderr, "%s:%d surprised\n", __FILE__, line);
		_exit(line ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

#define EXPECT(condition)                                                      \
	do {                                                                   \
		if (!(condition))                                              \
			return __LINE__;                                       \
	} while (0)
#define REFUSED(call, number) ((call) < 0 && errno == (number))

static const char *const NO_GROUPS[] = { NULL };

static const struct jail STRICT = {
	.user = "nobody",
	.groups = NO_GROUPS,
	.network = JAIL_UNIX_ONLY,
};

static void *
do_nothing(void *context)
{
	return context;
}

static int
try_strict(const struct place *place)
{
	uid_t real, effective, saved;
	gid_t groups[4];
	pthread_t thread;
	(void)place;
	getresuid(&real, &effective, &saved);
	EXPECT(real == 65534 && effective == 65534 && saved == 65534);
	EXPECT(getgroups(4, groups) == 0);
	EXPECT(REFUSED(setuid(0), EPERM));
	EXPECT(capng_get_caps_process() == 0);
	EXPECT(capng_have_capabilities(CAPNG_SELECT_BOTH) == CAPNG_NONE);
	EXPECT(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	EXPECT(REFUSED(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_INET6, SOCK_DGRAM, 0), EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT));
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	EXPECT(REFUSED(execl("/bin/true", "true", NULL), EPERM));
	EXPECT(REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM));
	EXPECT(REFUSED(unshare(CLONE_NEWUSER), EPERM));
	EXPECT(REFUSED(mount("x", "/tmp", "tmpfs", 0, NULL), EPERM));
	EXPECT(REFUSED(syscall(SYS_bpf, 0, NULL, 0), EPERM));
	EXPECT(REFUSED(syscall(SYS_keyctl, 0, 0, 0, 0, 0), EPERM));
	EXPECT(REFUSED(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS));
	/* The kernel looks at 32 bits of an ioctl's number, so must we. */
	EXPECT(REFUSED(ioctl(0, TIOCSTI, "x"), EPERM));
	EXPECT(REFUSED(
		syscall(SYS_ioctl, 0, (1UL << 32) | TIOCSTI, "x"), EPERM));
	EXPECT(REFUSED(
		syscall(SYS_ioctl, 0, (1UL << 32) | TIOCLINUX, "x"), EPERM));
	EXPECT(REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0),
		EPERM));
	/* Memory is written or run, never both. */
	EXPECT(mmap(NULL, 4096, PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	EXPECT(errno == EPERM);
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(page != MAP_FAILED);
	EXPECT(REFUSED(mprotect(page, 4096, PROT_READ | PROT_EXEC), EPERM));
	EXPECT(mprotect(page, 4096, PROT_READ) == 0);
	EXPECT(REFUSED(memfd_create("x", MFD_CLOEXEC), EPERM));
	EXPECT(REFUSED(syscall(SYS_personality, 0x0400000), EPERM));
	EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	/* Threads and forks are still there. */
	EXPECT(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	return 0;
}

static void
a_strict_jail_leaves_little(void **state)
{
	if (!*state)
		skip();
	assert_int_equal(in_jail(*state, &STRICT, try_strict), 0);
}

static const struct jail_path RUN_ONLY[] = {
	{ offsetof(struct paths, run), "", true },
	{ offsetof(struct paths, state), "/not-there", false },
	{ SIZE_MAX, NULL, false },
};

static const struct jail WITH_PATHS = {
	.user = "nobody",
	.network = JAIL_INET,
	.paths = RUN_ONLY,
};

/* A socket in the abstract name space, which has no mode. */
static int
abstract_socket(bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path + 1, "mh-jail-test", 12);
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 13;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!listens)
		return connect(fd, (struct sockaddr *)&address, length);
	if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
		listen(fd, 1) < 0)
		return -1;
	return fd;
}

static int
try_paths(const struct place *place)
{
	char name[300];
	EXPECT(socket(AF_INET, SOCK_STREAM, 0) >= 0);
	EXPECT(REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT));
	snprintf(name, sizeof(name), "%s/new", place->paths.run);
	EXPECT(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0);
	EXPECT(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
	EXPECT(open("/dev/null", O_RDWR | O_CLOEXEC) >= 0);
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) <= 0)
		return 0; /* nothing more to expect of this kernel */
	snprintf(name, sizeof(name), "%s/new", place->paths.state);
	EXPECT(REFUSED(open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), EACCES));
	EXPECT(REFUSED(open("/tmp", O_RDONLY | O_CLOEXEC), EACCES));
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 6)
		return 0;
	EXPECT(REFUSED(abstract_socket(false), EPERM));
	return 0;
}

static void
paths_outside_the_table_are_closed(void **state)
{
	if (!*state)
		skip();
	int fd = abstract_socket(true);
	assert_true(fd >= 0);
	assert_int_equal(abstract_socket(false), 0);
	assert_int_equal(in_jail(*state, &WITH_PATHS, try_paths), 0);
	close(fd);
}

static const struct jail DATAGRAM = {
	.user = "nobody",
	.network = JAIL_DATAGRAM,
};

static int
try_datagram(const struct place *place)
{
	(void)place;
	EXPECT(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
	EXPECT(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
	EXPECT(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0) >= 0);
	EXPECT(REFUSED(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0),
		EAFNOSUPPORT));
	EXPECT(REFUSED(
		syscall(SYS_socket, AF_INET, (1UL << 32) | SOCK_STREAM, 0),
		EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_INET, SOCK_SEQPACKET, 0), EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_NETLINK, SOCK_RAW, 0), EAFNOSUPPORT));
	EXPECT(REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT));
	return 0;
}

static void
datagrams_make_no_connection(void **state)
{
	if (!*state)
		skip();
	assert_int_equal(in_jail(*state, &DATAGRAM, try_datagram), 0);
}

static const int BIND_ONLY[] = { CAP_NET_BIND_SERVICE, -1 };

static const struct jail WITH_CAPABILITY = {
	.user = "nobody",
	.capabilities = BIND_ONLY,
	.network = JAIL_INET,
	.exec = true,
};

static int
try_capability(const struct place *place)
{
	(void)place;
	capng_get_caps_process();
	EXPECT(capng_have_capability(CAPNG_EFFECTIVE, CAP_NET_BIND_SERVICE));
	EXPECT(!capng_have_capability(CAPNG_PERMITTED, CAP_CHOWN));
	EXPECT(!capng_have_capability(CAPNG_BOUNDING_SET, CAP_CHOWN));
	/* A program that is started has it too. */
	execl("/bin/grep", "grep", "-q", "^CapEff:.*0000400$",
		"/proc/self/status", NULL);
	return __LINE__;
}

static void
a_capability_survives_the_change_of_user(void **state)
{
	if (!*state)
		skip();
	assert_int_equal(in_jail(*state, &WITH_CAPABILITY, try_capability), 0);
}

/* As in a container that has not all of them. */
static void
a_capability_that_is_not_there_is_no_obstacle(void **state)
{
	struct place *place = *state;
	int status;
	if (!place)
		skip();
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = { 0 };
		capng_get_caps_process();
		capng_updatev(CAPNG_DROP,
			CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
			CAP_NET_BIND_SERVICE, -1);
		if (capng_apply(CAPNG_SELECT_BOTH) < 0)
			_exit(254);
		if (jail_enter(&WITH_CAPABILITY, &place->paths, &err) < 0)
			_exit(255);
		capng_get_caps_process();
		_exit(capng_have_capabilities(CAPNG_SELECT_BOTH) == CAPNG_NONE
				? 0
				: 1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static int
try_death_signal(const struct place *place)
{
	int number = 0;
	(void)place;
	EXPECT(prctl(PR_GET_PDEATHSIG, &number, 0, 0, 0) == 0);
	EXPECT(number == SIGTERM);
	return 0;
}

static void
the_parent_death_signal_is_kept(void **state)
{
	if (!*state)
		skip();
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct err err = { 0 };
		struct place *place = *state;
		prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
		if (jail_enter(&STRICT, &place->paths, &err) < 0)
			_exit(255);
		_exit(try_death_signal(place) ? 1 : 0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void
an_unknown_user_fails_closed(void **state)
{
	static const struct jail jail = { .user = "no-such-user-x" };
	struct place *place = *state;
	struct err err = { 0 };
	if (!place)
		skip();
	assert_int_equal(jail_enter(&jail, &place->paths, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_strict_jail_leaves_little),
		TEST(paths_outside_the_table_are_closed),
		TEST(datagrams_make_no_connection),
		TEST(a_capability_survives_the_change_of_user),
		TEST(a_capability_that_is_not_there_is_no_obstacle),
		TEST(the_parent_death_signal_is_kept),
		TEST(an_unknown_user_fails_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
