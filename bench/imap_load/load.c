/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * IMAP clients for bench/imap, many in one process (epoll).
 *
 *	bench-imap-load login SERVER PORT plain|tls SECONDS CONNECTIONS USERS
 *	bench-imap-load stay  SERVER PORT plain|tls idle|poll COUNT USERS \
 *		[SOURCE...]
 *
 * login: CONNECTIONS at a time connect, log in, log out, and begin anew
 * (closed loop). A login is counted when the server has closed the line
 * after BYE. TLS is a full handshake each time: no session is kept; one
 * that was resumed all the same ends the program.
 * stay: opens COUNT sessions, IN_FLIGHT at a time, that select INBOX and
 * stay: in IDLE, or asking NOOP every POLL_SECONDS. Says so, and then on
 * each line of standard input how many are there still; ends with it.
 *
 * Users are user0@example.org and on, the password is PASSWORD's (the
 * environment). Results are lines of JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/compiler.h"

#define INPUT_SIZE 2048
#define OUTPUT_SIZE 512
#define EVENTS_MAX 256
#define IN_FLIGHT 64
#define POLL_SECONDS 60
#define SAMPLES_MAX (1024 * 1024)
#define USER "user%u@example.org"

/* What a session waits for; a row of STEPS each. */
enum step {
	STEP_CONNECT, /* and the handshake */
	STEP_GREETING,
	STEP_LOGIN,
	STEP_SELECT,
	STEP_STAY, /* in IDLE, or between two NOOP */
	STEP_LOGOUT, /* until the server closes */
	STEP_OVER,
};

struct session {
	int fd;
	SSL *ssl; /* NULL: no TLS */
	enum step step;
	unsigned user;
	bool wants_write;
	int64_t started_ns;
	int64_t poll_ns;
	char input[INPUT_SIZE];
	size_t input_length;
};

struct load {
	struct sockaddr_in server;
	const char *const *sources; /* NULL-ended */
	size_t source_count;
	const char *password;
	SSL_CTX *tls; /* NULL: none */
	bool stays;
	bool idles;
	unsigned users;
	unsigned count; /* sessions */
	unsigned begun;
	unsigned there; /* in STEP_STAY */
	int epoll;
	int64_t end_ns;
	uint64_t done;
	uint64_t failed;
	uint64_t news; /* lines with EXISTS while staying */
	char last_failure[INPUT_SIZE + sizeof("step 4294967295: ")];
	char tls_name[64];
	uint32_t *latencies_us;
	size_t latency_count;
	struct session *sessions;
};

static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

NORETURN static void
die(const char *what)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void
watch(struct load *load, struct session *s, int operation, bool wants_write)
{
	struct epoll_event event = {
		.events = EPOLLIN | (wants_write ? EPOLLOUT : 0),
		.data.ptr = s,
	};

	s->wants_write = wants_write;
	if (epoll_ctl(load->epoll, operation, s->fd, &event) != 0)
		die("epoll_ctl");
}

static void
bind_source(const struct load *load, const struct session *s)
{
	struct sockaddr_in source = { .sin_family = AF_INET };
	size_t index = (size_t)(s - load->sessions);
	int on = 1;

	if (load->source_count == 0)
		return;
	if (inet_pton(AF_INET, load->sources[index % load->source_count],
		    &source.sin_addr) != 1)
		die("source address");
	(void)setsockopt(
		s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(s->fd, (struct sockaddr *)&source, sizeof(source)) != 0)
		die("bind");
}

static void
session_begin(struct load *load, struct session *s)
{
	int on = 1;

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		die("socket");
	bind_source(load, s);
	(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	s->step = STEP_CONNECT;
	s->user = load->begun++ % load->users;
	s->input_length = 0;
	s->started_ns = now_ns();
	if (connect(s->fd, (struct sockaddr *)&load->server,
		    sizeof(load->server)) != 0 &&
		errno != EINPROGRESS)
		die("connect");
	if (load->tls != NULL) {
		s->ssl = SSL_new(load->tls);
		if (s->ssl == NULL || SSL_set_fd(s->ssl, s->fd) != 1)
			die("SSL_new");
		SSL_set_connect_state(s->ssl);
	}
	watch(load, s, EPOLL_CTL_ADD, true);
}

static void
session_end(struct load *load, struct session *s)
{
	if (s->step == STEP_STAY)
		load->there--;
	s->step = STEP_OVER;
	SSL_free(s->ssl);
	s->ssl = NULL;
	close(s->fd);
	if (!load->stays && now_ns() < load->end_ns)
		session_begin(load, s);
	else if (load->stays && load->begun < load->count)
		session_begin(load, &load->sessions[load->begun]);
}

static void
session_fail(struct load *load, struct session *s, const char *why)
{
	load->failed++;
	(void)snprintf(load->last_failure, sizeof(load->last_failure),
		"step %d: %s", s->step, why);
	session_end(load, s);
}

/* Commands are small: a full socket buffer would be a fault. */
static void
send_text(struct load *load, struct session *s, const char *text)
{
	int length = (int)strlen(text);
	ssize_t sent = s->ssl != NULL ? SSL_write(s->ssl, text, length)
				      : write(s->fd, text, (size_t)length);

	if (sent != length)
		session_fail(load, s, "write");
}

static void
send_login(struct load *load, struct session *s)
{
	char text[OUTPUT_SIZE];

	(void)snprintf(text, sizeof(text), "a LOGIN " USER " \"%s\"\r\n",
		s->user, load->password);
	s->step = STEP_LOGIN;
	send_text(load, s, text);
}

static void
note_latency(struct load *load, const struct session *s)
{
	if (load->latency_count < SAMPLES_MAX)
		load->latencies_us[load->latency_count++] =
			(uint32_t)((now_ns() - s->started_ns) / 1000);
}

static void
logged_in(struct load *load, struct session *s)
{
	note_latency(load, s);
	s->step = load->stays ? STEP_SELECT : STEP_LOGOUT;
	send_text(load, s, load->stays ? "b SELECT INBOX\r\n" : "c LOGOUT\r\n");
}

static void
stay(struct load *load, struct session *s)
{
	s->step = STEP_STAY;
	s->poll_ns = now_ns() + POLL_SECONDS * INT64_C(1000000000);
	load->there++;
	if (load->idles)
		send_text(load, s, "d IDLE\r\n");
	if (load->begun < load->count)
		session_begin(load, &load->sessions[load->begun]);
}

struct step_rule {
	const char *fine; /* how the line begins that ends the step */
	const char *bad[2];
	void (*then)(struct load *load, struct session *s);
};

/* clang-format off */
static const struct step_rule STEPS[] = {
	[STEP_CONNECT] = { NULL, { NULL }, NULL },
	[STEP_GREETING] = { "* OK", { "* BYE", "* BAD" }, send_login },
	[STEP_LOGIN] = { "a OK", { "a ", "* BYE" }, logged_in },
	[STEP_SELECT] = { "b OK", { "b ", "* BYE" }, stay },
	[STEP_STAY] = { NULL, { "* BYE", "d NO" }, NULL },
	[STEP_LOGOUT] = { NULL, { "c NO", "c BAD" }, NULL },
	[STEP_OVER] = { NULL, { NULL }, NULL },
};

/* clang-format on */

static bool
begins(const char *line, const char *with)
{
	return with != NULL && strncmp(line, with, strlen(with)) == 0;
}

static void
take_line(struct load *load, struct session *s, const char *line)
{
	const struct step_rule *rule = &STEPS[s->step];

	if (begins(line, rule->fine))
		rule->then(load, s);
	else if (begins(line, rule->bad[0]) || begins(line, rule->bad[1]))
		session_fail(load, s, line);
	else if (s->step == STEP_STAY && strstr(line, " EXISTS") != NULL)
		load->news++;
}

static void
take_lines(struct load *load, struct session *s)
{
	char *line = s->input;
	char *end;

	while (s->step != STEP_OVER &&
		(end = memchr(line, '\n',
			 s->input_length - (size_t)(line - s->input))) !=
			NULL) {
		enum step before = s->step;

		*end = '\0';
		take_line(load, s, line);
		/* Begun anew: this is another connection. */
		if (before != STEP_CONNECT && s->step == STEP_CONNECT)
			return;
		line = end + 1;
	}
	s->input_length -= (size_t)(line - s->input);
	memmove(s->input, line, s->input_length);
	if (s->input_length == INPUT_SIZE)
		session_fail(load, s, "line too long");
}

static void
handshake_done(struct load *load, struct session *s)
{
	if (s->ssl != NULL) {
		if (SSL_session_reused(s->ssl))
			die("a session was resumed");
		(void)snprintf(load->tls_name, sizeof(load->tls_name), "%s %s",
			SSL_get_version(s->ssl), SSL_get_cipher(s->ssl));
	}
	s->step = STEP_GREETING;
	watch(load, s, EPOLL_CTL_MOD, false);
}

static void
go_on_connecting(struct load *load, struct session *s)
{
	int error = 0;
	socklen_t length = sizeof(error);
	int status;

	(void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (error != 0) {
		session_fail(load, s, strerror(error));
		return;
	}
	if (s->ssl == NULL) {
		handshake_done(load, s);
		return;
	}
	ERR_clear_error();
	status = SSL_do_handshake(s->ssl);
	if (status == 1) {
		handshake_done(load, s);
		return;
	}
	status = SSL_get_error(s->ssl, status);
	if (status != SSL_ERROR_WANT_READ && status != SSL_ERROR_WANT_WRITE)
		session_fail(load, s, "handshake");
	else if (s->wants_write != (status == SSL_ERROR_WANT_WRITE))
		watch(load, s, EPOLL_CTL_MOD, status == SSL_ERROR_WANT_WRITE);
}

/* Bytes, 0 at the end, -1: none now. */
static ssize_t
receive(struct session *s)
{
	char *to = s->input + s->input_length;
	size_t room = INPUT_SIZE - s->input_length;
	int got;

	if (s->ssl == NULL) {
		ssize_t n = read(s->fd, to, room);

		return n < 0 && errno != EAGAIN ? 0 : n;
	}
	ERR_clear_error();
	got = SSL_read(s->ssl, to, (int)room);
	if (got > 0)
		return got;
	return SSL_get_error(s->ssl, got) == SSL_ERROR_WANT_READ ? -1 : 0;
}

static void
go_on_reading(struct load *load, struct session *s)
{
	int fd = s->fd;

	while (s->step != STEP_OVER && s->step != STEP_CONNECT && s->fd == fd) {
		ssize_t got = receive(s);

		if (got < 0)
			return;
		if (got == 0) {
			if (s->step != STEP_LOGOUT)
				session_fail(load, s, "closed");
			else {
				load->done++;
				session_end(load, s);
			}
			return;
		}
		s->input_length += (size_t)got;
		take_lines(load, s);
	}
}

static void
turn(struct load *load, int wait_ms)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(load->epoll, events, EVENTS_MAX, wait_ms);

	if (count < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < count; i++) {
		struct session *s = events[i].data.ptr;

		if (s == NULL || s->step == STEP_OVER)
			continue;
		if (s->step == STEP_CONNECT)
			go_on_connecting(load, s);
		if (s->step != STEP_CONNECT && s->step != STEP_OVER)
			go_on_reading(load, s);
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static double
percentile_ms(const struct load *load, double share)
{
	size_t index = (size_t)((double)load->latency_count * share);

	if (load->latency_count == 0)
		return 0;
	if (index >= load->latency_count)
		index = load->latency_count - 1;
	return load->latencies_us[index] / 1000.0;
}

static double
own_cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
run_logins(struct load *load, double seconds)
{
	int64_t start_ns = now_ns();

	load->end_ns = start_ns + (int64_t)(seconds * 1e9);
	for (unsigned i = 0; i < load->count; i++)
		session_begin(load, &load->sessions[i]);
	while (now_ns() < load->end_ns)
		turn(load, 100);
	seconds = (double)(now_ns() - start_ns) / 1e9;
	qsort(load->latencies_us, load->latency_count, sizeof(uint32_t),
		compare);
	(void)printf("{\"logins_s\":%.1f,\"logins\":%llu,\"failed\":%llu,"
		     "\"p50_ms\":%.1f,\"p95_ms\":%.1f,\"max_ms\":%.1f,"
		     "\"cpu_s\":%.2f,\"tls\":\"%s\",\"last_failure\":\"%s\"}\n",
		(double)load->done / seconds, (unsigned long long)load->done,
		(unsigned long long)load->failed, percentile_ms(load, 0.5),
		percentile_ms(load, 0.95), percentile_ms(load, 1),
		own_cpu_seconds(), load->tls_name, load->last_failure);
}

/* Between two polls of standard input: NOOP where it is due. */
static void
poll_server(struct load *load)
{
	int64_t now = now_ns();

	for (unsigned i = 0; i < load->begun && !load->idles; i++) {
		struct session *s = &load->sessions[i];

		if (s->step != STEP_STAY || s->poll_ns > now)
			continue;
		s->poll_ns = now + POLL_SECONDS * INT64_C(1000000000);
		send_text(load, s, "e NOOP\r\n");
	}
}

static void
say_there(const struct load *load, int64_t start_ns)
{
	(void)printf(
		"{\"there\":%u,\"failed\":%llu,\"news\":%llu,"
		"\"seconds\":%.1f,\"tls\":\"%s\",\"last_failure\":\"%s\"}\n",
		load->there, (unsigned long long)load->failed,
		(unsigned long long)load->news,
		(double)(now_ns() - start_ns) / 1e9, load->tls_name,
		load->last_failure);
	(void)fflush(stdout);
}

static void
run_stay(struct load *load)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
	int64_t start_ns = now_ns();
	bool is_open = true;

	for (unsigned i = 0; i < IN_FLIGHT && i < load->count; i++)
		session_begin(load, &load->sessions[i]);
	while (load->there + load->failed < load->count)
		turn(load, 100);
	say_there(load, start_ns);
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
		die("standard input");
	while (is_open) {
		char line[INPUT_SIZE];
		struct timeval none = { 0 };
		fd_set set;

		turn(load, 1000);
		poll_server(load);
		FD_ZERO(&set);
		FD_SET(STDIN_FILENO, &set);
		if (select(STDIN_FILENO + 1, &set, NULL, NULL, &none) != 1)
			continue;
		is_open = read(STDIN_FILENO, line, sizeof(line)) > 0;
		say_there(load, start_ns);
	}
}

static void
set_up_tls(struct load *load)
{
	load->tls = SSL_CTX_new(TLS_client_method());
	if (load->tls == NULL)
		die("SSL_CTX_new");
	(void)SSL_CTX_set_min_proto_version(load->tls, TLS1_3_VERSION);
	(void)SSL_CTX_set_session_cache_mode(load->tls, SSL_SESS_CACHE_OFF);
	/* 5,000 clients in one process: no buffers between records. */
	(void)SSL_CTX_set_mode(load->tls, SSL_MODE_RELEASE_BUFFERS);
}

NORETURN static void
usage(const char *name)
{
	(void)fprintf(stderr,
		"usage: %s login SERVER PORT plain|tls SECONDS CONNECTIONS USERS\n"
		"       %s stay SERVER PORT plain|tls idle|poll COUNT USERS [SOURCE...]\n",
		name, name);
	exit(2);
}

static void
raise_file_limit(void)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
	struct load *load = xmalloc(sizeof(*load));

	if (argc < 8)
		usage(argv[0]);
	load->stays = strcmp(argv[1], "stay") == 0;
	load->server.sin_family = AF_INET;
	load->server.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	if (inet_pton(AF_INET, argv[2], &load->server.sin_addr) != 1)
		usage(argv[0]);
	if (strcmp(argv[4], "tls") == 0)
		set_up_tls(load);
	load->idles = strcmp(argv[5], "idle") == 0;
	load->count = (unsigned)strtoul(argv[6], NULL, 10);
	load->users = (unsigned)strtoul(argv[7], NULL, 10);
	load->sources = (const char *const *)argv + 8;
	load->source_count = (size_t)(argc - 8);
	load->password = getenv("PASSWORD");
	if (load->password == NULL || load->users == 0 || load->count == 0)
		usage(argv[0]);
	raise_file_limit();
	load->sessions = xmalloc(load->count * sizeof(*load->sessions));
	load->latencies_us = xmalloc(SAMPLES_MAX * sizeof(uint32_t));
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->stays)
		run_stay(load);
	else
		run_logins(load, strtod(argv[5], NULL));
	return load->failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
