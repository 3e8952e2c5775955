/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-kick: ends the open sessions of the addresses that stand on
 * standard input, one a line. `doveadm kick` takes one address a run, and
 * ends nobody whose process has other users too (that of hibernated IMAP
 * sessions); it would also end deliveries. Started by the agent as root,
 * it connects to Dovecot's anvil and, before it reads an answer, becomes a
 * user who owns nothing; the right to send signals is all it keeps.
 *
 * A process that holds hibernated sessions ends as a whole: the others of
 * its clients connect again. Nobody listens: nobody is connected.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/anvil.h"
#include "base/strbuf.h"
#include "io/jail.h"

#define INPUT_MAX (64 * 1024)
#define ANSWER_MAX (16 * 1024 * 1024)
#define CHUNK 8192
#define PATIENCE_SECONDS 3
#define COMM_SIZE 32
#define EXIT_USAGE 2

static const int CAPABILITIES[] = { CAP_KILL, -1 };

static const struct jail JAIL = { .user = "mailherd-watch",
	.capabilities = CAPABILITIES,
	.network = JAIL_UNIX_ONLY };

/* Who serves sessions; a number alone may be another process by now. */
static const char *const PROGRAMS[] = { "imap", "imap-hibernate", "pop3",
	"managesieve" };

static int
read_all(int fd, size_t limit, struct strbuf *out, struct err *err)
{
	char chunk[CHUNK];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0) {
		strbuf_add(out, chunk, (size_t)got);
		if (out->length >= limit)
			return err_set(
				err, ERR_LIMIT, "more than %zu bytes", limit);
	}
	return got == 0 ? 0 : err_errno(err, errno, "reading addresses");
}

/* 1 connected, 0 nobody is there, -1. */
static int
reach_anvil(const struct paths *paths, int *fd_out, struct err *err)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_SECONDS };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (snprintf(address.sun_path, sizeof(address.sun_path),
		    "%s/dovecot/anvil",
		    paths->run) >= (int)sizeof(address.sun_path))
		return err_set(err, ERR_INVALID, "socket path too long");
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_errno(err, errno, "socket");
	(void)setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	(void)setsockopt(
		fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) ==
		0) {
		*fd_out = fd;
		return 1;
	}
	if (errno == ECONNREFUSED || errno == ENOENT) {
		(void)close(fd);
		return 0;
	}
	return err_errno(err, errno, "connecting to %s", address.sun_path);
}

static int
ask_anvil(int fd, struct strbuf *answer, struct err *err)
{
	static const char question[] = ANVIL_QUESTION;
	char chunk[CHUNK];

	if (send(fd, question, sizeof(question) - 1, MSG_NOSIGNAL) == -1)
		return err_errno(err, errno, "asking anvil");
	while (!anvil_is_whole(strbuf_span(answer))) {
		ssize_t got = recv(fd, chunk, sizeof(chunk), 0);

		if (got == -1 && errno == EAGAIN)
			return err_set(err, ERR_BUSY, "anvil does not answer");
		if (got <= 0 || answer->length + (size_t)got > ANSWER_MAX)
			return err_set(
				err, ERR_SYSTEM, "anvil's answer has no end");
		strbuf_add(answer, chunk, (size_t)got);
	}
	return 0;
}

static bool
serves_sessions(pid_t pid)
{
	char path[64], comm[COMM_SIZE] = "";
	ssize_t got;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	got = read(fd, comm, sizeof(comm) - 1);
	(void)close(fd);
	comm[got > 0 ? strcspn(comm, "\n") : 0] = '\0';
	for (size_t i = 0; i < ARRAY_LENGTH(PROGRAMS); i++)
		if (strcmp(comm, PROGRAMS[i]) == 0)
			return true;
	return false;
}

/* One that is gone is fine. */
static int
end_process(pid_t pid, struct err *err)
{
	int process = pid > 1 ? pidfd_open(pid, 0) : -1;
	int answer = 0;

	if (process == -1)
		return 0;
	if (serves_sessions(pid) &&
		pidfd_send_signal(process, SIGTERM, NULL, 0) == -1 &&
		errno != ESRCH)
		answer = err_errno(err, errno, "ending process %d", (int)pid);
	(void)close(process);
	return answer;
}

static bool
is_meant(struct span user, struct span addresses)
{
	struct span address;

	while (span_split(&addresses, '\n', &address))
		if (anvil_is_meant(user, address))
			return true;
	return false;
}

static int
end_sessions(struct span answer, struct span addresses, struct err *err)
{
	struct anvil_session session;
	int got, result = 0;

	while ((got = anvil_next(&answer, &session)) == 1)
		if (is_meant(session.user, addresses) &&
			end_process(session.pid, err) == -1)
			result = -1; /* the others all the same */
	if (got == -1)
		return err_set(err, ERR_CORRUPT,
			"anvil's answer is not understood; is it of Dovecot 2.3?");
	return result;
}

static int
kick(const struct paths *paths, int anvil, struct err *err)
{
	struct strbuf addresses, answer;
	int result = -1;

	strbuf_init(&addresses, INPUT_MAX);
	strbuf_init(&answer, ANSWER_MAX);
	if (jail_enter(&JAIL, paths, err) == 0 &&
		read_all(STDIN_FILENO, INPUT_MAX, &addresses, err) == 0 &&
		ask_anvil(anvil, &answer, err) == 0)
		result = end_sessions(
			strbuf_span(&answer), strbuf_span(&addresses), err);
	strbuf_deinit(&addresses);
	strbuf_deinit(&answer);
	return result;
}

int
main(int argc, char **argv)
{
	static const struct option OPTIONS[] = {
		{ "root", required_argument, NULL, 'r' },
		{ 0 },
	};
	const char *root = NULL;
	struct paths paths;
	struct err err = { 0 };
	int option, anvil, result;

	while ((option = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1) {
		if (option != 'r')
			return EXIT_USAGE;
		root = optarg;
	}
	if (optind != argc)
		return EXIT_USAGE;
	result = paths_init(&paths, root, &err);
	if (result == 0)
		result = reach_anvil(&paths, &anvil, &err);
	if (result == 1)
		result = kick(&paths, anvil, &err);
	if (result == -1)
		fprintf(stderr, "%s\n", err.text);
	return result == -1 ? err_exit_status(err.code) : 0;
}
