/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The intruder: what somebody who has taken over a program would try. A
 * shared library that the tests preload into the real daemons. When the
 * program has entered its jail and its event loop begins, each line of the
 * plan is tried in a child process, and its outcome is written down:
 *
 *	INTRUDER_PLAN	file with lines "NAME WORD ARGUMENT..."
 *	INTRUDER_OUT	file for lines "NAME ok" or "NAME EPERM"; "end" is last
 *	INTRUDER_AT	loop: when the event loop begins (daemons)
 *			jail: when the jail was entered (short programs)
 *			start: before main(), for the control without a jail
 *
 *	INTRUDER_LANDLOCK  none: the kernel seems to have no landlock
 *
 * Both files are opened before main(), as whoever starts the program, and
 * so are there in the jail too. Attempts do no harm where they succeed.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#define PLAN_MAX 65536
#define WORDS_MAX 8
#define ANSWER_SECONDS 2
#define DENIED "\"code\":\"denied\""
#define FIRST_DESCRIPTOR 100 /* out of the program's way */

#ifndef TIOCSTI
#define TIOCSTI 0x5412
#endif

/* Words behind the attempt's own; 0 it worked, else errno. */
typedef int attempt_fn(char **words);

struct attempt {
	const char *name;
	int words; /* that it needs */
	attempt_fn *try;
};

struct intruder {
	int out;
	bool hides_landlock;
	char when[16];
	char plan[PLAN_MAX];
};

static struct intruder self = { .out = -1 };

static int
outcome(long result)
{
	return result < 0 ? errno : 0;
}

static int
try_read(char **words)
{
	char byte;
	int fd = open(words[0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno;
	/* Nothing there yet, or nothing at its beginning: it was opened. */
	if (read(fd, &byte, 1) < 0 && errno != EAGAIN && errno != EIO)
		return errno;
	return 0;
}

static int
try_write(char **words)
{
	return outcome(open(words[0], O_WRONLY | O_CLOEXEC | O_NONBLOCK));
}

static int
try_create(char **words)
{
	int fd = open(words[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	(void)unlink(words[0]);
	return 0;
}

static int
try_list(char **words)
{
	return opendir(words[0]) == NULL ? errno : 0;
}

static int
connect_unix(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int
try_connect(char **words)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (connect_unix(words[0], types[i]) >= 0)
			return 0;
		/* A full queue is one that takes us. */
		if (errno == EAGAIN)
			return 0;
		if (errno != EPROTOTYPE)
			return errno;
	}
	return errno;
}

/* A verb of our own IPC: asked and answered. */
static int
try_ask(char **words)
{
	struct timeval wait = { .tv_sec = ANSWER_SECONDS };
	char answer[4096];
	int fd = connect_unix(words[0], SOCK_SEQPACKET);
	ssize_t got;

	if (fd < 0)
		return errno;
	(void)fcntl(fd, F_SETFL, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	if (send(fd, words[1], strlen(words[1]), MSG_NOSIGNAL) < 0)
		return errno;
	got = recv(fd, answer, sizeof(answer), 0);
	if (got < 0)
		return errno;
	if (got == 0)
		return ECONNRESET;
	/* The verb's own rules may be narrower than who may ask for it. */
	return memmem(answer, (size_t)got, DENIED, strlen(DENIED)) ? EACCES : 0;
}

static socklen_t
fill_address(const char *text, const char *port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	in_port_t number = htons((in_port_t)strtol(port, NULL, 10));

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		return sizeof(*v4);
	}
	(void)inet_pton(AF_INET6, text, &v6->sin6_addr);
	v6->sin6_family = AF_INET6;
	v6->sin6_port = number;
	return sizeof(*v6);
}

static int
open_inet(char **words, int type, struct sockaddr_storage *address,
	socklen_t *length)
{
	*length = fill_address(words[0], words[1], address);
	return socket(
		address->ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* A packet on its way is enough, whatever the answer. */
static int
try_tcp(char **words)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = open_inet(words, SOCK_STREAM, &address, &length);

	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&address, length) == 0 ||
		errno == EINPROGRESS || errno == ECONNREFUSED)
		return 0;
	return errno;
}

static int
try_udp(char **words)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = open_inet(words, SOCK_DGRAM, &address, &length);

	return fd < 0 ? errno
		      : outcome(sendto(fd, "x", 1, 0,
				(struct sockaddr *)&address, length));
}

static int
try_listen(char **words)
{
	struct sockaddr_storage address;
	socklen_t length;
	int fd = open_inet(words, SOCK_STREAM, &address, &length);

	if (fd < 0)
		return errno;
	if (bind(fd, (struct sockaddr *)&address, length) < 0)
		return errno;
	return outcome(listen(fd, 1));
}

/* FAMILY TYPE PROTOCOL, as numbers. */
static int
try_socket(char **words)
{
	return outcome(socket((int)strtol(words[0], NULL, 0),
		(int)strtol(words[1], NULL, 0) | SOCK_CLOEXEC,
		(int)strtol(words[2], NULL, 0)));
}

static int
try_exec(char **words)
{
	execl(words[0], words[0], (char *)NULL);
	return errno;
}

static int
try_fork_exec(char **words)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(words[0], words[0], (char *)NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static pid_t
word_pid(char **words)
{
	return (pid_t)strtol(words[0], NULL, 10);
}

/* The end of this child lets it go again. */
static int
try_trace(char **words)
{
	return outcome(ptrace(PTRACE_SEIZE, word_pid(words), NULL, NULL));
}

/* One word of the first mapping, by the call made for it. */
static int
try_peek(char **words)
{
	char path[64], line[256] = "", word[8];
	struct iovec here = { word, sizeof(word) }, there;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%s/maps", words[0]);
	maps = fopen(path, "re");
	if (maps == NULL || fgets(line, sizeof(line), maps) == NULL)
		return errno;
	there = (struct iovec){ (void *)strtoul(line, NULL, 16), sizeof(word) };
	return outcome(
		process_vm_readv(word_pid(words), &here, 1, &there, 1, 0));
}

static int
try_signal(char **words)
{
	return outcome(kill(word_pid(words), 0));
}

static int
try_root(char **words)
{
	(void)words;
	if (geteuid() == 0)
		return 0;
	return outcome(setresuid(0, 0, 0));
}

static int
try_group(char **words)
{
	gid_t gid = (gid_t)strtol(words[0], NULL, 10);

	return outcome(setgroups(1, &gid));
}

/* A capability by number: is it there, or can it be had? */
static int
try_capability(char **words)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3
	};
	struct __user_cap_data_struct data[2];
	unsigned number = (unsigned)strtol(words[0], NULL, 10);

	if (syscall(SYS_capget, &head, data) < 0)
		return errno;
	data[number / 32].permitted |= 1U << number % 32;
	data[number / 32].effective |= 1U << number % 32;
	return outcome(syscall(SYS_capset, &head, data));
}

static int
try_mount(char **words)
{
	if (unshare(CLONE_NEWNS) < 0)
		return errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	return outcome(mount("none", words[0], "tmpfs", 0, NULL));
}

static int
try_unshare(char **words)
{
	return outcome(unshare((int)strtol(words[0], NULL, 0)));
}

/* The same by another call. */
static int
try_clone(char **words)
{
	long pid = syscall(
		SYS_clone, strtol(words[0], NULL, 0) | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return errno;
	(void)waitpid((pid_t)pid, NULL, 0);
	return 0;
}

static int
try_chroot(char **words)
{
	return outcome(chroot(words[0]));
}

static int
try_chown(char **words)
{
	struct stat status;

	if (stat(words[0], &status) < 0)
		return errno;
	return outcome(chown(words[0], status.st_uid, status.st_gid));
}

static int
try_device(char **words)
{
	if (mknod(words[0], S_IFCHR | 0600, 0x0103 /* /dev/null */) < 0)
		return errno;
	(void)unlink(words[0]);
	return 0;
}

static int
try_write_execute(char **words)
{
	(void)words;
	return mmap(NULL, 4096, PROT_WRITE | PROT_EXEC,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
		       ? errno
		       : 0;
}

static int
try_make_executable(char **words)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)words;
	if (page == MAP_FAILED)
		return errno;
	return outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

static int
try_memory_file(char **words)
{
	(void)words;
	return outcome(memfd_create("x", MFD_CLOEXEC));
}

/* Where the kernel looks at the arguments, it has let us in. */
static int
reached(long result)
{
	if (result >= 0 || errno == EINVAL || errno == EFAULT ||
		errno == ENOEXEC || errno == EBADF || errno == ENOKEY ||
		errno == E2BIG)
		return 0;
	return errno;
}

static int
try_bpf(char **words)
{
	union bpf_attr attributes = { .map_type = BPF_MAP_TYPE_ARRAY,
		.key_size = 4,
		.value_size = 4,
		.max_entries = 1 };

	(void)words;
	return reached(syscall(
		SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

static int
try_keys(char **words)
{
	(void)words;
	return reached(syscall(SYS_keyctl, 0 /* its keyring */, -3, 0, 0, 0));
}

static int
try_module(char **words)
{
	(void)words;
	return reached(syscall(SYS_init_module, NULL, 0, ""));
}

static int
try_kexec(char **words)
{
	(void)words;
	return reached(syscall(SYS_kexec_load, 0, 17UL, NULL, 4UL));
}

static int
try_io_uring(char **words)
{
	(void)words;
	return reached(syscall(SYS_io_uring_setup, 1, NULL));
}

static int
try_reboot(char **words)
{
	(void)words; /* not the magic numbers: nothing happens */
	return reached(syscall(SYS_reboot, 0, 0, 0, NULL));
}

static int
try_clock(char **words)
{
	struct timespec odd = { .tv_nsec = -1 }; /* no time at all */

	(void)words;
	return reached(syscall(SYS_clock_settime, CLOCK_REALTIME, &odd));
}

static int
try_handle(char **words)
{
	(void)words;
	return reached(syscall(SYS_open_by_handle_at, -1, NULL, 0));
}

static int
try_type(char **words)
{
	(void)words;
	return reached(syscall(SYS_ioctl, -1, TIOCSTI, "x"));
}

static const struct attempt ATTEMPTS[] = {
	{ "read", 1, try_read },
	{ "write", 1, try_write },
	{ "create", 1, try_create },
	{ "list", 1, try_list },
	{ "connect", 1, try_connect },
	{ "ask", 2, try_ask },
	{ "tcp", 2, try_tcp },
	{ "udp", 2, try_udp },
	{ "listen", 2, try_listen },
	{ "socket", 3, try_socket },
	{ "exec", 1, try_exec },
	{ "fork-exec", 1, try_fork_exec },
	{ "trace", 1, try_trace },
	{ "peek", 1, try_peek },
	{ "signal", 1, try_signal },
	{ "root", 0, try_root },
	{ "group", 1, try_group },
	{ "capability", 1, try_capability },
	{ "mount", 1, try_mount },
	{ "unshare", 1, try_unshare },
	{ "clone", 1, try_clone },
	{ "chroot", 1, try_chroot },
	{ "chown", 1, try_chown },
	{ "device", 1, try_device },
	{ "write-execute", 0, try_write_execute },
	{ "make-executable", 0, try_make_executable },
	{ "memory-file", 0, try_memory_file },
	{ "bpf", 0, try_bpf },
	{ "keys", 0, try_keys },
	{ "module", 0, try_module },
	{ "kexec", 0, try_kexec },
	{ "io-uring", 0, try_io_uring },
	{ "reboot", 0, try_reboot },
	{ "clock", 0, try_clock },
	{ "handle", 0, try_handle },
	{ "type", 0, try_type },
};

static void
say(const char *name, const char *text)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "%s %s\n", name, text);

	if (write(self.out, line, (size_t)length) != length)
		_exit(1);
}

/*
 * A program that was started instead of us leaves no word; whatever else
 * ends the child says so by its status.
 */
static void
try_apart(const char *name, const struct attempt *attempt, char **words)
{
	char text[32];
	int ends[2], status = 0, error = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		say(name, strerrorname_np(errno));
		return;
	}
	if (pid == 0) {
		error = attempt->try(words);
		if (write(ends[1], &error, sizeof(error)) < 0)
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	got = read(ends[0], &error, sizeof(error));
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (got == (ssize_t)sizeof(error) && error != 0)
		say(name, strerrorname_np(error));
	else if (status == 0)
		say(name, "ok");
	else {
		snprintf(text, sizeof(text), "status-%d", status);
		say(name, text);
	}
}

static void
try_line(char *line)
{
	char *words[WORDS_MAX + 2] = { NULL }, *rest = line;
	int count = 0;

	for (char *word;
		count < WORDS_MAX + 1 && (word = strsep(&rest, " ")) != NULL;)
		words[count++] = word;
	if (count < 2)
		return;
	for (size_t i = 0; i < sizeof(ATTEMPTS) / sizeof(*ATTEMPTS); i++)
		if (strcmp(ATTEMPTS[i].name, words[1]) == 0 &&
			count - 2 == ATTEMPTS[i].words) {
			try_apart(words[0], &ATTEMPTS[i], words + 2);
			return;
		}
	say(words[0], "unknown-attempt");
}

/* Once, at the moment that was asked for. */
static void
intrude(const char *when)
{
	char *rest = self.plan, *line;
	int errno_before = errno;

	if (self.out < 0 || strcmp(self.when, when) != 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL)
		try_line(line);
	say("end", "-");
	close(self.out);
	self.out = -1;
	errno = errno_before;
}

static int
open_high(const char *path, int flags)
{
	int low = open(path, flags | O_CLOEXEC, 0600), high;

	if (low < 0)
		return -1;
	high = fcntl(low, F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR);
	close(low);
	return high;
}

__attribute__((constructor)) static void
begin(void)
{
	const char *plan = getenv("INTRUDER_PLAN"),
		   *out = getenv("INTRUDER_OUT"), *when = getenv("INTRUDER_AT");
	int fd;

	if (plan == NULL || out == NULL || when == NULL)
		return;
	fd = open_high(plan, O_RDONLY);
	if (fd < 0 || read(fd, self.plan, sizeof(self.plan) - 1) < 0)
		return;
	close(fd);
	self.hides_landlock = getenv("INTRUDER_LANDLOCK") != NULL;
	self.out = open_high(out, O_WRONLY | O_CREAT | O_APPEND);
	snprintf(self.when, sizeof(self.when), "%s", when);
	/* What an attempt starts does not intrude again. */
	unsetenv("LD_PRELOAD");
	unsetenv("INTRUDER_PLAN");
	intrude("start");
}

/* In place of libc's: how jail_enter() reaches landlock. */
__attribute__((visibility("default"))) long
syscall(long number, ...)
{
	long (*next)(long, ...) = dlsym(RTLD_NEXT, "syscall"), words[6];
	va_list arguments;

	if (self.hides_landlock && number == SYS_landlock_create_ruleset) {
		errno = ENOSYS;
		return -1;
	}
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		words[i] = va_arg(arguments, long);
	va_end(arguments);
	return next(number, words[0], words[1], words[2], words[3], words[4],
		words[5]);
}

/* In place of libevent's: the daemon serves from here on. */
__attribute__((visibility("default"))) int
event_base_dispatch(void *base)
{
	int (*next)(void *) = dlsym(RTLD_NEXT, "event_base_dispatch");

	intrude("loop");
	return next(base);
}

/* In place of libseccomp's: the last call of jail_enter(). */
__attribute__((visibility("default"))) void
seccomp_release(void *filter)
{
	void (*next)(void *) = dlsym(RTLD_NEXT, "seccomp_release");

	next(filter);
	intrude("jail");
}
