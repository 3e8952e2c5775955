/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Asks mailherd-directory's socketmap for the names of names.h: half are
 * mailboxes, 30 % nobody, 20 % a chain of two aliases; each answer's status
 * is checked. Prints one line of JSON.
 *
 *	bench-directory-load SOCKET window COUNT SECONDS CONNECTIONS WINDOW
 *	bench-directory-load SOCKET rate COUNT SECONDS CONNECTIONS RATE \
 *		[CORE_DB UPDATES]
 *
 * window: every connection has WINDOW requests outstanding (closed loop).
 * rate: requests arrive by chance, RATE a second on average, whether the
 * answers come or not (open loop), at most one outstanding a connection;
 * a latency counts from the moment the request was due, so waiting for a
 * free connection is in it. Meanwhile a child commits UPDATES a second.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/compiler.h"
#include "names.h"
#include "store/db.h"

#define CONNECTIONS_MAX 64
#define WINDOW_MAX 1024
#define BUFFER (256 * 1024)
#define SAMPLES_MAX (64 * 1024 * 1024 / sizeof(uint32_t))

struct expected {
	int64_t due_ns;
	bool found;
};

struct connection {
	int fd;
	struct expected waiting[WINDOW_MAX]; /* ring */
	unsigned head;
	unsigned count;
	char input[BUFFER];
	size_t input_length;
	char output[BUFFER];
	size_t output_length;
};

struct load {
	const char *socket_path;
	unsigned mailboxes;
	unsigned connection_count;
	unsigned window;
	double rate;
	int64_t start_ns;
	int64_t end_ns;
	uint64_t random;
	uint64_t answers;
	uint64_t wrong;
	uint32_t *latencies_ns;
	size_t latency_count;
	struct connection connections[CONNECTIONS_MAX];
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
	perror(what);
	exit(EXIT_FAILURE);
}

/* xorshift64* */
static uint64_t
random_next(struct load *load)
{
	load->random ^= load->random >> 12;
	load->random ^= load->random << 25;
	load->random ^= load->random >> 27;
	return load->random * 2685821657736338717u;
}

/* A request of the mix, appended to the connection's output. */
static void
compose(struct load *load, struct connection *c, int64_t due_ns)
{
	unsigned roll = (unsigned)(random_next(load) >> 33) % 100;
	unsigned number =
		(unsigned)((random_next(load) >> 33) % load->mailboxes);
	unsigned domain = number % NAMES_DOMAINS;
	struct expected *expected =
		&c->waiting[(c->head + c->count) % WINDOW_MAX];
	char request[160];
	int length;

	expected->due_ns = due_ns;
	expected->found = true;
	if (roll < 20) {
		number -= number % NAMES_CHAIN_EVERY;
		length = snprintf(request, sizeof(request),
			"aliases " NAMES_CHAIN, number, number % NAMES_DOMAINS);
	} else if (roll < 50) {
		expected->found = false;
		length = snprintf(request, sizeof(request),
			roll % 2 ? "aliases " NAMES_ABSENT
				 : "mailboxes " NAMES_ABSENT,
			number, domain);
	} else {
		length = snprintf(request, sizeof(request),
			roll % 2 ? "aliases " NAMES_MAILBOX
				 : "mailboxes " NAMES_MAILBOX,
			number, domain);
	}
	c->count++;
	c->output_length += (size_t)snprintf(c->output + c->output_length,
		BUFFER - c->output_length, "%d:%s,", length, request);
}

static void
flush(struct connection *c)
{
	size_t sent = 0;

	while (sent < c->output_length) {
		ssize_t n =
			write(c->fd, c->output + sent, c->output_length - sent);

		if (n < 0 && errno != EINTR)
			die("write");
		sent += n > 0 ? (size_t)n : 0;
	}
	c->output_length = 0;
}

static void
count_answer(struct load *load, struct connection *c, const char *payload)
{
	const struct expected *expected = &c->waiting[c->head];
	int64_t latency_ns = now_ns() - expected->due_ns;

	if (c->count == 0 ||
		memcmp(payload, expected->found ? "OK " : "NOT", 3) != 0)
		load->wrong++;
	c->head = (c->head + 1) % WINDOW_MAX;
	c->count--;
	load->answers++;
	if (load->latency_count < SAMPLES_MAX)
		load->latencies_ns[load->latency_count++] =
			latency_ns > UINT32_MAX ? UINT32_MAX
						: (uint32_t)latency_ns;
}

/* Reads once and takes every whole answer; returns how many. */
static unsigned
receive(struct load *load, struct connection *c)
{
	ssize_t got = read(c->fd, c->input + c->input_length,
		BUFFER - 1 - c->input_length);
	size_t at = 0;
	unsigned taken = 0;

	if (got <= 0)
		die("read");
	c->input_length += (size_t)got;
	c->input[c->input_length] = '\0';
	for (;;) {
		char *end;
		size_t length = strtoul(c->input + at, &end, 10);
		size_t payload = (size_t)(end - c->input) + 1;

		if (*end != ':' || payload + length >= c->input_length)
			break;
		count_answer(load, c, c->input + payload);
		at = payload + length + 1;
		taken++;
	}
	memmove(c->input, c->input + at, c->input_length - at);
	c->input_length -= at;
	return taken;
}

static void
connect_all(struct load *load)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(load->socket_path) >= sizeof(address.sun_path))
		die("socket path too long");
	memcpy(address.sun_path, load->socket_path,
		strlen(load->socket_path) + 1);
	for (unsigned i = 0; i < load->connection_count; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || connect(fd, (struct sockaddr *)&address,
				      sizeof(address)) != 0)
			die(load->socket_path);
		load->connections[i].fd = fd;
	}
}

static void
run_window(struct load *load)
{
	struct pollfd polls[CONNECTIONS_MAX];

	for (unsigned i = 0; i < load->connection_count; i++) {
		struct connection *c = &load->connections[i];

		polls[i] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
		for (unsigned j = 0; j < load->window; j++)
			compose(load, c, now_ns());
		flush(c);
	}
	while (now_ns() < load->end_ns) {
		if (poll(polls, load->connection_count, 1000) < 0)
			die("poll");
		for (unsigned i = 0; i < load->connection_count; i++) {
			struct connection *c = &load->connections[i];
			unsigned taken;

			if (polls[i].revents == 0)
				continue;
			taken = receive(load, c);
			for (; taken > 0; taken--)
				compose(load, c, now_ns());
			flush(c);
		}
	}
}

static int64_t
next_arrival_ns(struct load *load, int64_t last_ns)
{
	double uniform =
		(double)((random_next(load) >> 11) + 1) / 9007199254740993.0;

	return last_ns + (int64_t)(-log(uniform) / load->rate * 1e9);
}

static struct connection *
free_connection(struct load *load)
{
	for (unsigned i = 0; i < load->connection_count; i++)
		if (load->connections[i].count == 0)
			return &load->connections[i];
	return NULL;
}

static void
run_rate(struct load *load)
{
	struct pollfd polls[CONNECTIONS_MAX];
	int64_t arrival_ns = load->start_ns;

	(void)prctl(PR_SET_TIMERSLACK, 1);
	for (unsigned i = 0; i < load->connection_count; i++)
		polls[i] = (struct pollfd){ .fd = load->connections[i].fd,
			.events = POLLIN };
	while (now_ns() < load->end_ns) {
		struct connection *c;
		struct timespec wait = { 0 };
		int64_t now = now_ns();

		while (arrival_ns <= now &&
			(c = free_connection(load)) != NULL) {
			compose(load, c, arrival_ns);
			flush(c);
			arrival_ns = next_arrival_ns(load, arrival_ns);
		}
		if (arrival_ns > now)
			wait.tv_nsec = (long)((arrival_ns - now) % 1000000000);
		else
			wait.tv_sec = 1;
		if (ppoll(polls, load->connection_count, &wait, NULL) < 0)
			die("ppoll");
		for (unsigned i = 0; i < load->connection_count; i++)
			if (polls[i].revents != 0)
				(void)receive(load, &load->connections[i]);
	}
}

static const struct db_statement UPDATE = { "load-update",
	"UPDATE mailbox SET modified = modified + 1, active = 1 WHERE id = ?1",
	NULL };

/* As the model's programs commit: one at a time, with sync FULL. */
NORETURN static void
update_for_ever(const char *path, double per_second)
{
	struct db *db;
	struct err err = { 0 };
	int64_t id = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (db_open(path, DB_WRITE, DB_SYNC_FULL, 1000, &db, &err) == -1) {
		(void)fprintf(stderr, "%s\n", err.text);
		exit(EXIT_FAILURE);
	}
	for (;;) {
		struct db_query q = db_query(db, &UPDATE);

		db_bind_number(&q, 1, id++ * 37 % 1000 + 1);
		if (db_run(&q, &err) == -1)
			(void)fprintf(stderr, "%s\n", err.text);
		(void)usleep((useconds_t)(1e6 / per_second));
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
percentile_us(const struct load *load, double share)
{
	size_t index = (size_t)((double)load->latency_count * share);

	if (load->latency_count == 0)
		return 0;
	if (index >= load->latency_count)
		index = load->latency_count - 1;
	return load->latencies_ns[index] / 1000.0;
}

static void
report(struct load *load, double seconds)
{
	qsort(load->latencies_ns, load->latency_count, sizeof(uint32_t),
		compare);
	(void)printf("{\"answers_s\":%.0f,\"wrong\":%llu,\"p50_us\":%.1f,"
		     "\"p95_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,"
		     "\"max_us\":%.1f}\n",
		(double)load->answers / seconds,
		(unsigned long long)load->wrong, percentile_us(load, 0.5),
		percentile_us(load, 0.95), percentile_us(load, 0.99),
		percentile_us(load, 0.999), percentile_us(load, 1));
}

int
main(int argc, char **argv)
{
	struct load *load = xmalloc(sizeof(*load));
	double seconds;
	pid_t updater = -1;

	if (argc < 7) {
		(void)fprintf(stderr,
			"usage: %s SOCKET window|rate COUNT SECONDS CONNECTIONS WINDOW|RATE [CORE_DB UPDATES]\n",
			argv[0]);
		return 2;
	}
	load->socket_path = argv[1];
	load->mailboxes = (unsigned)strtoul(argv[3], NULL, 10);
	seconds = strtod(argv[4], NULL);
	load->connection_count = (unsigned)strtoul(argv[5], NULL, 10);
	load->window = (unsigned)strtoul(argv[6], NULL, 10);
	load->rate = strtod(argv[6], NULL);
	load->random = (uint64_t)now_ns() | 1;
	load->latencies_ns = xmalloc(SAMPLES_MAX * sizeof(uint32_t));
	BUG_ON(load->connection_count > CONNECTIONS_MAX);
	if (argc == 9 && (updater = fork()) == 0)
		update_for_ever(argv[7], strtod(argv[8], NULL));
	connect_all(load);
	load->start_ns = now_ns();
	load->end_ns = load->start_ns + (int64_t)(seconds * 1e9);
	if (strcmp(argv[2], "window") == 0)
		run_window(load);
	else
		run_rate(load);
	report(load, (double)(now_ns() - load->start_ns) / 1e9);
	if (updater > 0) {
		(void)kill(updater, SIGKILL);
		(void)waitpid(updater, NULL, 0);
	}
	return load->wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
