/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The doctor's look at the public ports. As root: each listener is a
 * process of ours, by its session. Then without privileges: each port
 * greets as its protocol does, over TLS where that comes first.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/listener.h"

#define GREETING_DEADLINE_S 10
#define GREETING_MAX 256
#define ENDPOINTS_MAX (2 * INSTANCE_LIST_MAX)

/* clang-format off */
static const struct {
	bool tls;
	const char *question; /* NULL: the server speaks first */
	const char *greeting;
} PROTOCOLS[PORT_COUNT] = {
	[PORT_SMTP] = { false, NULL, "220" },
	[PORT_SUBMISSION] = { false, NULL, "220 " },
	[PORT_SUBMISSIONS] = { true, NULL, "220 " },
	[PORT_IMAP] = { false, NULL, "* OK" },
	[PORT_IMAPS] = { true, NULL, "* OK" },
	[PORT_POP3] = { false, NULL, "+OK" },
	[PORT_POP3S] = { true, NULL, "+OK" },
	[PORT_SIEVE] = { false, NULL, "\"IMPLEMENTATION\"" },
	[PORT_HTTP] = { false, "HEAD / HTTP/1.0\r\n\r\n", "HTTP/1." },
	[PORT_HTTPS] = { true, "HEAD / HTTP/1.0\r\n\r\n", "HTTP/1." },
};

/* clang-format on */

/* Numeric addresses of a public port as the kernel knows them. */
static size_t
list_endpoints(const struct instance *instance, enum instance_port port,
	const char *any_v4, const char *any_v6, const char *out[ENDPOINTS_MAX])
{
	const struct instance_listen *listen = &instance->listen[port];
	size_t count = 0;

	for (size_t i = 0; listen->port != 0 && listen->addresses[i]; i++) {
		bool every = strcmp(listen->addresses[i], "*") == 0;

		if (count + 2 > ENDPOINTS_MAX)
			break;
		out[count++] = every ? any_v4 : listen->addresses[i];
		if (every && instance->ipv6)
			out[count++] = any_v6;
	}
	return count;
}

/* Each service leads a session, in which its processes stay. */
static bool
is_ours(const struct doctor *doctor, pid_t pid)
{
	pid_t session = getsid(pid);
	json_t *service;
	size_t i;

	json_array_foreach(
		json_object_get(doctor->report, "services"), i, service)
	{
		json_int_t own =
			json_integer_value(json_object_get(service, "pid"));

		if (own > 0 && (own == session || own == pid))
			return true;
	}
	return false;
}

static const struct listener *
find_listener(
	const struct listener *listeners, size_t count, const char *address)
{
	for (size_t i = 0; i < count; i++)
		if (listener_covers(&listeners[i], address))
			return &listeners[i];
	return NULL;
}

/* True when it is ours. */
static bool
check_owner(struct doctor *doctor, enum instance_port port, const char *address,
	const struct listener *listener)
{
	unsigned number = doctor->instance.listen[port].port;
	char name[LISTENER_NAME_SIZE];
	pid_t pid;

	if (listener == NULL) {
		doctor_add(doctor, DOCTOR_BAD, "mailherd status",
			"nobody listens on port %u (%s) of %s", number,
			instance_port_name(port), address);
		return false;
	}
	pid = listener_process(listener);
	if (pid != 0 && is_ours(doctor, pid))
		return true;
	listener_process_name(pid, name);
	doctor_add(doctor, DOCTOR_BAD,
		arena_printf(doctor->call->arena,
			"stop that program, or move this port: mailherd config set listen.%s ADDRESS:PORT",
			instance_port_name(port)),
		"port %u (%s) of %s belongs to %s, which is not ours", number,
		instance_port_name(port), address,
		name[0] != '\0' ? name : "another program");
	return false;
}

void
doctor_owners(struct doctor *doctor)
{
	size_t good = 0, all = 0;

	if (doctor->report == NULL) {
		doctor_add(
			doctor, DOCTOR_SKIPPED, "", "the suite does not run");
		return;
	}
	for (int port = 0; port < PORT_COUNT; port++) {
		struct listener listeners[LISTENERS_MAX];
		const char *endpoints[ENDPOINTS_MAX];
		size_t count = list_endpoints(
			&doctor->instance, port, "0.0.0.0", "::", endpoints);
		size_t found = listener_find(SOCK_STREAM,
			doctor->instance.listen[port].port, listeners,
			LISTENERS_MAX);

		all += count;
		for (size_t i = 0; i < count; i++)
			good += check_owner(doctor, port, endpoints[i],
				find_listener(listeners, found, endpoints[i]));
	}
	if (good == all)
		doctor_add(doctor, DOCTOR_GOOD, "",
			"all %zu public addresses and ports are ours", all);
}

static int
connect_to(const char *address, unsigned port)
{
	const struct timeval deadline = { .tv_sec = GREETING_DEADLINE_S };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port) };
	bool is_v6 = inet_pton(AF_INET6, address, &v6.sin6_addr) == 1;
	int fd;

	if (!is_v6 && inet_pton(AF_INET, address, &v4.sin_addr) != 1)
		return -1;
	fd = socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	/* Can only fail for a bad descriptor. */
	(void)setsockopt(
		fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	(void)setsockopt(
		fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	if (connect(fd, is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4,
		    is_v6 ? sizeof(v6) : sizeof(v4)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* Reads and writes go through here, with TLS or without. */
static int
transfer(SSL *tls, int fd, char *in, const char *out, int size)
{
	if (tls != NULL)
		return out ? SSL_write(tls, out, size)
			   : SSL_read(tls, in, size);
	return out ? (int)send(fd, out, (size_t)size, MSG_NOSIGNAL)
		   : (int)recv(fd, in, (size_t)size, 0);
}

static bool
greets(SSL *tls, int fd, enum instance_port port, char answer[GREETING_MAX])
{
	const char *question = PROTOCOLS[port].question;
	const char *wanted = PROTOCOLS[port].greeting;
	size_t length = 0;

	if (tls != NULL && SSL_connect(tls) != 1)
		return false;
	if (question != NULL &&
		transfer(tls, fd, NULL, question, (int)strlen(question)) <= 0)
		return false;
	while (length < strlen(wanted)) {
		int got = transfer(tls, fd, answer + length, NULL,
			(int)(GREETING_MAX - 1 - length));

		if (got <= 0)
			return false;
		length += (size_t)got;
	}
	return strncmp(answer, wanted, strlen(wanted)) == 0;
}

/* The certificate is judged by its file; here only who answers counts. */
static bool
check_greeting(struct doctor *doctor, SSL_CTX *context, enum instance_port port,
	const char *address)
{
	unsigned number = doctor->instance.listen[port].port;
	char answer[GREETING_MAX] = "";
	int fd = connect_to(address, number);
	SSL *tls = NULL;
	bool good;

	if (PROTOCOLS[port].tls) {
		tls = SSL_new(context);
		BUG_ON(tls == NULL);
		(void)SSL_set_fd(tls, fd);
		(void)SSL_set_tlsext_host_name(tls, doctor->instance.hostname);
	}
	good = fd != -1 && greets(tls, fd, port, answer);
	SSL_free(tls);
	if (fd != -1)
		(void)close(fd);
	if (!good)
		doctor_add(doctor, DOCTOR_BAD, "mailherd status; mailherd logs",
			"port %u (%s) of %s does not greet as it should within %d s",
			number, instance_port_name(port), address,
			GREETING_DEADLINE_S);
	return good;
}

void
doctor_greetings(struct doctor *doctor)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	size_t good = 0, all = 0;

	BUG_ON(context == NULL);
	for (int port = 0; doctor->report != NULL && port < PORT_COUNT;
		port++) {
		const char *endpoints[ENDPOINTS_MAX];
		size_t count = list_endpoints(
			&doctor->instance, port, "127.0.0.1", "::1", endpoints);

		all += count;
		for (size_t i = 0; i < count; i++)
			good += check_greeting(
				doctor, context, port, endpoints[i]);
	}
	SSL_CTX_free(context);
	if (doctor->report == NULL)
		doctor_add(
			doctor, DOCTOR_SKIPPED, "", "the suite does not run");
	else if (good == all)
		doctor_add(doctor, DOCTOR_GOOD, "",
			"all %zu public addresses and ports answer", all);
}
