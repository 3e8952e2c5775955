/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-try-redis CONFIG DIRECTORY: the check of Redis, which has none
 * of its own. A second server is started with that configuration as user
 * redis, in a directory of its own below DIRECTORY, with one Unix socket
 * there and nothing else to listen on, no data to read or save and no
 * master to copy from. It is right when it answers PING; then it is
 * killed, by one who is user redis himself: root here may have no right
 * to signal others. Else what it said is printed. Exit status 0 or 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define SERVER "/usr/bin/redis-server"
#define USER "redis"
#define DEADLINE_MS 15000
#define POLL_MS 20
#define OUTPUT_MAX 65536
#define ANSWER_SECONDS 2
#define FATAL "FATAL CONFIG FILE ERROR"
#define EXIT_USAGE 2

struct trial {
	struct arena *arena;
	const char *config;
	const char *directory;
	const char *socket;
	uid_t uid;
	gid_t gid;
	int output; /* what the server prints */
	struct strbuf said;
};

static int
make_directory(struct trial *trial, const char *base, struct err *err)
{
	char *directory = arena_printf(trial->arena, "%s/redis-XXXXXX", base);

	if (fs_user(USER, &trial->uid, &trial->gid, err) == -1)
		return -1;
	if (mkdtemp(directory) == NULL)
		return err_errno(err, errno, "making %s", directory);
	trial->directory = directory;
	trial->socket = arena_printf(trial->arena, "%s/s", directory);
	if (geteuid() == 0 && chown(directory, trial->uid, trial->gid) == -1)
		return err_errno(err, errno, "giving %s away", directory);
	return 0;
}

/* Returns only when it can not. */
static void
become_server(const struct trial *trial, int output)
{
	/* What stands here wins over the file. */
	const char *argv[] = { SERVER, trial->config, "--port", "0",
		"--tls-port", "0", "--unixsocket", trial->socket,
		"--unixsocketperm", "700", "--dir", trial->directory, "--save",
		"", "--appendonly", "no", "--replicaof", "no", "one",
		"--daemonize", "no", "--pidfile", "", "--logfile", "", NULL };
	static const char *const environment[] = { "LANG=C", NULL };

	/* The server does not outlive us, nor we the one who asked. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
		dup2(output, STDOUT_FILENO) == -1 ||
		dup2(output, STDERR_FILENO) == -1)
		return;
	execve(argv[0], (char *const *)argv, (char *const *)environment);
}

static pid_t
start_server(struct trial *trial, struct err *err)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return err_errno(err, errno, "pipe");
	pid = fork();
	if (pid == 0) {
		become_server(trial, ends[1]);
		fprintf(stderr, "starting " SERVER ": %s\n",
			strerrordesc_np(errno));
		_exit(1);
	}
	(void)close(ends[1]);
	trial->output = ends[0];
	return pid == -1 ? err_errno(err, errno, "fork") : pid;
}

static bool
answers(const struct trial *trial)
{
	static const struct timeval patience = { ANSWER_SECONDS, 0 };
	static const char ping[] = "PING\r\n";
	struct sockaddr_un peer = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool answered = false;
	char first;

	if (fd == -1 || strlen(trial->socket) >= sizeof(peer.sun_path))
		return false;
	memcpy(peer.sun_path, trial->socket, strlen(trial->socket));
	(void)setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == 0 &&
		send(fd, ping, sizeof(ping) - 1, MSG_NOSIGNAL) ==
			(ssize_t)sizeof(ping) - 1)
		/* That it wants a password first is an answer, too. */
		answered = recv(fd, &first, 1, 0) == 1 &&
			   (first == '+' || first == '-');
	(void)close(fd);
	return answered;
}

static void
listen_to(struct trial *trial)
{
	char text[4096];
	ssize_t got;

	while ((got = read(trial->output, text, sizeof(text))) > 0)
		strbuf_add(&trial->said, text, (size_t)got);
}

/* 0: it answers; 1: it does not. */
static int
watch_server(struct trial *trial, pid_t pid)
{
	static const struct timespec pause = { 0, POLL_MS * 1000000 };
	int64_t end_ms = clock_monotonic_ms() + DEADLINE_MS;
	int status;

	while (clock_monotonic_ms() < end_ms) {
		listen_to(trial);
		if (waitpid(pid, &status, WNOHANG) == pid) {
			listen_to(trial);
			return 1;
		}
		if (answers(trial)) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return 0;
		}
		(void)nanosleep(&pause, NULL);
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	listen_to(trial);
	strbuf_printf(
		&trial->said, "no answer within %d s\n", DEADLINE_MS / 1000);
	return 1;
}

/* Greetings come first, the cause last. */
static void
print_cause(const struct trial *trial)
{
	const char *text = strstr(trial->said.data, FATAL);
	struct span rest = strbuf_span(&trial->said), line,
		    last = span_from("it ended without a word");

	if (text != NULL) {
		printf("%s\n", text);
		return;
	}
	while (span_split(&rest, '\n', &line))
		if (line.length > 0)
			last = line;
	printf("%.*s\n", (int)last.length, last.data);
}

static int
become_user(const struct trial *trial, struct err *err)
{
	if (geteuid() != 0)
		return 0; /* a test tries as itself */
	if (setgroups(0, NULL) == -1 ||
		setresgid(trial->gid, trial->gid, trial->gid) == -1 ||
		setresuid(trial->uid, trial->uid, trial->uid) == -1)
		return err_errno(err, errno, "becoming user " USER);
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == -1
		       ? err_errno(err, errno, "prctl")
		       : 0;
}

/* The life of the one who is user redis. */
static int
try(struct trial *trial)
{
	struct err err = { 0 };
	int result;
	pid_t pid = -1;

	if (become_user(trial, &err) == 0)
		pid = start_server(trial, &err);
	if (pid == -1) {
		printf("%s\n", err.text);
		return 1;
	}
	result = watch_server(trial, pid);
	if (result == 1)
		print_cause(trial);
	return result;
}

static int
try_apart(struct trial *trial, struct err *err)
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		return err_errno(err, errno, "fork");
	if (pid == 0) {
		status = try(trial);
		(void)fflush(stdout);
		_exit(status);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return err_errno(err, errno, "waiting");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 1;
}

int
main(int argc, char **argv)
{
	struct trial trial = { .arena = arena_new(), .output = -1 };
	struct err err = { 0 }, ignored;
	int result;

	if (argc != 3) {
		fprintf(stderr, "usage: mailherd-try-redis CONFIG DIRECTORY\n");
		return EXIT_USAGE;
	}
	trial.config = argv[1];
	strbuf_init(&trial.said, OUTPUT_MAX);
	result = make_directory(&trial, argv[2], &err);
	if (result == 0)
		result = try_apart(&trial, &err);
	if (result == -1)
		fprintf(stderr, "%s\n", err.text);
	if (trial.directory != NULL &&
		fs_remove_tree(trial.directory, &ignored) == -1)
		fprintf(stderr, "%s\n", ignored.text);
	strbuf_deinit(&trial.said);
	arena_free(&trial.arena);
	return result == 0 ? 0 : 1;
}
