/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-probe: does a service answer? Exit status 0: it does. Without
 * arguments (as s6-notifyoncheck calls it, in the service directory) the
 * question stands in the file `launch`; else on the command line:
 *
 *	tcp ADDRESS PORT          something listens there; nobody connects,
 *	                          so postscreen and logs see nothing
 *	tcp ADDRESS PORT BANNER   the greeting starts with BANNER
 *	unix PATH [SEND EXPECT]   a connection is taken; the answer to the
 *	                          line SEND starts with EXPECT
 *	redis PATH                PING is answered
 *	dns ADDRESS               a query for localhost is answered
 *	http ADDRESS PORT         HEAD / is answered by any status
 *
 * Port 0 is one that is switched off: nothing to wait for.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/listening.h"
#include "base/log.h"
#include "supervise/launch.h"

#define DEADLINE_MS 1000
#define ANSWER_MAX 512
#define DNS_PORT 53
#define DNS_ID_0 0x6d
#define DNS_ID_1 0x68
#define DNS_QR 0x80

struct probe_kind {
	const char *name;
	int words_min; /* arguments behind the name */
	int words_max;
	bool (*ask)(const char *const *words);
};

static void
set_deadline(int fd)
{
	struct timeval deadline = { .tv_sec = DEADLINE_MS / 1000,
		.tv_usec = DEADLINE_MS % 1000 * 1000 };

	/* Can only fail for a bad descriptor. */
	(void)setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	(void)setsockopt(
		fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
}

static socklen_t
parse_address(const char *text, int port, struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	*out = (struct sockaddr_storage){ 0 };
	if (strcmp(text, "*") == 0 || strcmp(text, "0.0.0.0") == 0)
		text = "127.0.0.1";
	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		return sizeof(*v4);
	}
	if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		return sizeof(*v6);
	}
	return 0;
}

static int
connect_inet(const char *address, int port, int type)
{
	struct sockaddr_storage peer;
	socklen_t length = parse_address(address, port, &peer);
	int fd;

	if (length == 0)
		return -1;
	fd = socket(peer.ss_family, type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	set_deadline(fd);
	if (connect(fd, (struct sockaddr *)&peer, length) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un peer = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(peer.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(peer.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	set_deadline(fd);
	if (connect(fd, (struct sockaddr *)&peer, sizeof(peer)) == -1) {
		int cause = errno;

		close(fd);
		errno = cause;
		return -1;
	}
	return fd;
}

/* Sends text, then reads until the answer starts with what is expected or
 * can not any more. */
static bool
converse(int fd, const char *text, const char *expect)
{
	char answer[ANSWER_MAX];
	size_t length = 0, wanted = strlen(expect);

	if (wanted > sizeof(answer) ||
		send(fd, text, strlen(text), MSG_NOSIGNAL) !=
			(ssize_t)strlen(text))
		return false;
	while (length < wanted) {
		ssize_t got =
			recv(fd, answer + length, sizeof(answer) - length, 0);

		if (got <= 0)
			return false;
		length += (size_t)got;
	}
	return memcmp(answer, expect, wanted) == 0;
}

static bool
converse_and_close(int fd, const char *text, const char *expect)
{
	bool answered;

	if (fd == -1)
		return false;
	answered = converse(fd, text, expect);
	close(fd);
	return answered;
}

static bool
ask_tcp(const char *const *words)
{
	int port = (int)strtol(words[1], NULL, 10);

	if (port == 0)
		return true;
	if (words[2] == NULL)
		return listening_on(words[0], port);
	return converse_and_close(
		connect_inet(words[0], port, SOCK_STREAM), "", words[2]);
}

static bool
ask_unix(const char *const *words)
{
	char line[ANSWER_MAX];
	int fd = connect_unix(words[0]);

	/* A listener of another socket type is one as well. */
	if (fd == -1)
		return errno == EPROTOTYPE;
	if (words[1] == NULL || words[2] == NULL) {
		close(fd);
		return true;
	}
	snprintf(line, sizeof(line), "%s\r\n", words[1]);
	return converse_and_close(fd, line, words[2]);
}

static bool
ask_redis(const char *const *words)
{
	return converse_and_close(connect_unix(words[0]), "PING\r\n", "+PONG");
}

static bool
ask_dns(const char *const *words)
{
	static const unsigned char query[] = { DNS_ID_0, DNS_ID_1, 0x01, 0x00,
		0, 1, 0, 0, 0, 0, 0, 0, 9, 'l', 'o', 'c', 'a', 'l', 'h', 'o',
		's', 't', 0, 0, 1, 0, 1 };
	unsigned char answer[ANSWER_MAX];
	int fd = connect_inet(words[0], DNS_PORT, SOCK_DGRAM);
	ssize_t length = -1;

	if (fd == -1)
		return false;
	if (send(fd, query, sizeof(query), MSG_NOSIGNAL) ==
		(ssize_t)sizeof(query))
		length = recv(fd, answer, sizeof(answer), 0);
	close(fd);
	return length >= 12 && answer[0] == DNS_ID_0 && answer[1] == DNS_ID_1 &&
	       (answer[2] & DNS_QR) != 0;
}

static bool
ask_http(const char *const *words)
{
	int port = (int)strtol(words[1], NULL, 10);

	return port == 0 ||
	       converse_and_close(connect_inet(words[0], port, SOCK_STREAM),
		       "HEAD / HTTP/1.0\r\n\r\n", "HTTP/1.");
}

static const struct probe_kind KINDS[] = {
	{ "tcp", 2, 3, ask_tcp },
	{ "unix", 1, 3, ask_unix },
	{ "redis", 1, 1, ask_redis },
	{ "dns", 1, 1, ask_dns },
	{ "http", 2, 2, ask_http },
};

static bool
ask(const char *const *words, struct err *err)
{
	int count = 0;

	while (words[count] != NULL)
		count++;
	for (size_t i = 0; i < ARRAY_LENGTH(KINDS); i++) {
		const struct probe_kind *kind = &KINDS[i];

		if (count == 0 || strcmp(kind->name, words[0]) != 0)
			continue;
		if (count - 1 < kind->words_min || count - 1 > kind->words_max)
			break;
		if (kind->ask(words + 1))
			return true;
		err_set(err, ERR_UNAVAILABLE, "no answer");
		return false;
	}
	err_set(err, ERR_INVALID,
		"not a probe: tcp|unix|redis|dns|http and its arguments");
	return false;
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	struct launch launch;
	struct err err = { 0 };
	bool answered = false;

	if (argc > 1)
		answered = ask((const char *const *)argv + 1, &err);
	else if (launch_read(LAUNCH_FILE, arena, &launch, &err) == 0)
		answered = ask(launch.probe, &err);
	if (!answered && (argc > 1 || err.code != ERR_UNAVAILABLE))
		log_error("probe failed", LOG_ERR(&err));
	arena_free(&arena);
	return answered ? 0 : 1;
}
