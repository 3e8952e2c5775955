/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A port is free when it can be bound. Who has it otherwise is found in
 * /proc, because "address in use" alone sends people searching.
 */
#include "cli/setup_check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "cli/listener.h"

#define MIB (1024L * 1024)
#define DISK_MIB_MIN 512
#define PROC_FILE_MAX (16 * 1024 * 1024)
#define RESOLVER_PORT 53

/* Kernels keep some for themselves: less than the profile's round number. */
static const long MEMORY_MIB_MIN[] = {
	[PROFILE_LITE] = 400,
	[PROFILE_STANDARD] = 850,
	[PROFILE_FULL] = 2700,
};

/* What must be there before our directories can be given away. */
static const char *const USERS[] = { "mailherd", "mailherd-directory",
	"mailherd-render", "mailherd-log", "mailherd-watch", "vmail" };

/* Names of processes and the units that start them. */
static const struct {
	const char *process;
	const char *unit;
} UNITS[] = {
	{ "master", "postfix" },
	{ "dovecot", "dovecot" },
	{ "imap-login", "dovecot" },
	{ "nginx", "nginx" },
	{ "apache2", "apache2" },
	{ "exim4", "exim4" },
	{ "sendmail-mta", "sendmail" },
	{ "lighttpd", "lighttpd" },
	{ "caddy", "caddy" },
	{ "unbound", "unbound" },
	{ "named", "named" },
	{ "dnsmasq", "dnsmasq" },
};

bool
setup_check_is_running(const struct paths *paths)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool connected;
	int length, fd;

	length = snprintf(address.sun_path, sizeof(address.sun_path),
		"%s/control/agent", paths->sockets);
	if (length < 0 || (size_t)length >= sizeof(address.sun_path))
		return false;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	connected =
		connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	(void)close(fd);
	return connected;
}

long
setup_check_number(const char *path, const char *key)
{
	struct strbuf text;
	const char *found;
	long number = -1;

	strbuf_init(&text, PROC_FILE_MAX);
	if (fs_read(path, PROC_FILE_MAX, &text, NULL) == 0) {
		found = strstr(text.data, key);
		if (found != NULL)
			number = strtol(found + strlen(key), NULL, 10);
	}
	strbuf_deinit(&text);
	return number;
}

long
setup_check_memory_mib(void)
{
	long machine = setup_check_number("/proc/meminfo", "MemTotal:") / 1024;
	/* "max" reads as 0. */
	long group = setup_check_number("/sys/fs/cgroup/memory.max", "") / MIB;

	return group > 0 && group < machine ? group : machine;
}

enum instance_profile
setup_check_profile(long memory_mib)
{
	enum instance_profile profile = PROFILE_FULL;

	while (profile > PROFILE_LITE && memory_mib < MEMORY_MIB_MIN[profile])
		profile--;
	return profile;
}

bool
setup_check_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1)
		(void)close(fd);
	return fd != -1;
}

static int
check_users(struct err *err)
{
	uid_t uid;
	gid_t gid;

	for (size_t i = 0; i < ARRAY_LENGTH(USERS); i++) {
		if (fs_user(USERS[i], &uid, &gid, err) == -1)
			return err_remedy(err,
				"install the package mailherd, which makes its users");
	}
	return 0;
}

static int
check_memory(const struct instance *instance, struct err *err)
{
	long memory = setup_check_memory_mib();
	long wanted = MEMORY_MIB_MIN[instance->profile];

	if (memory < 0 || memory >= wanted)
		return 0;
	(void)err_field(err, ERR_LIMIT, "profile",
		"this machine has %ld MiB of memory, the profile %s needs %ld MiB",
		memory, instance_profile_name(instance->profile), wanted);
	if (instance->profile == PROFILE_LITE)
		return err_remedy(err, "add memory");
	return err_remedy(err, "add memory or choose --profile %s",
		instance_profile_name(setup_check_profile(memory)));
}

/* The nearest directory above path that exists. */
static const char *
existing_parent(const char *path, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", path);
	while (!fs_exists(out)) {
		char *slash = strrchr(out, '/');

		if (slash == NULL || slash == out)
			return "/";
		*slash = '\0';
	}
	return out;
}

static int
check_disk(const struct paths *paths, struct err *err)
{
	char buffer[PATHS_MAX];
	const char *directory =
		existing_parent(paths->state, buffer, sizeof(buffer));
	struct statvfs status;
	unsigned long long free_mib;

	if (statvfs(directory, &status) == -1)
		return err_errno(err, errno, "free space of %s", directory);
	free_mib = (unsigned long long)status.f_bavail * status.f_frsize / MIB;
	if (free_mib >= DISK_MIB_MIN)
		return 0;
	(void)err_set(err, ERR_LIMIT,
		"%s has %llu MiB of free space, at least %d MiB are needed",
		directory, free_mib, DISK_MIB_MIN);
	return err_remedy(err, "free or add disk space");
}

/* Ports. */

struct endpoint {
	const char *name; /* of the public port, or "resolver" */
	const char *address; /* numeric */
	unsigned port;
	int type; /* SOCK_STREAM, SOCK_DGRAM */
};

/* Who has the port: its process's name, or "". */
static void
port_holder(const struct endpoint *endpoint, char name[LISTENER_NAME_SIZE])
{
	struct listener listeners[LISTENERS_MAX];
	size_t count = listener_find(
		endpoint->type, endpoint->port, listeners, LISTENERS_MAX);

	name[0] = '\0';
	for (size_t i = 0; i < count && name[0] == '\0'; i++)
		listener_process_name(listener_process(&listeners[i]), name);
}

static const char *
unit_of(const char *process)
{
	for (size_t i = 0; i < ARRAY_LENGTH(UNITS); i++) {
		if (strcmp(UNITS[i].process, process) == 0)
			return UNITS[i].unit;
	}
	return NULL;
}

static int
port_taken(const struct endpoint *endpoint, struct err *err)
{
	char process[LISTENER_NAME_SIZE], stop[128] = "stop it";
	const char *unit;
	bool resolver = endpoint->port == RESOLVER_PORT;

	port_holder(endpoint, process);
	unit = unit_of(process);
	(void)err_field(err, ERR_EXISTS, endpoint->name,
		"port %u (%s) on %s is in use by %s", endpoint->port,
		endpoint->name, endpoint->address,
		process[0] == '\0' ? "another program" : process);
	if (unit != NULL)
		(void)snprintf(stop, sizeof(stop),
			"stop it (systemctl disable --now %s)", unit);
	if (resolver)
		return err_remedy(err,
			"%s, or choose another loopback address: resolver.address in mailherd.conf",
			stop);
	return err_remedy(err,
		"%s, or choose another address or port: --listen %s=ADDRESS:PORT",
		stop, endpoint->name);
}

static int
bind_failed(const struct endpoint *endpoint, int cause, struct err *err)
{
	if (cause == EADDRINUSE)
		return port_taken(endpoint, err);
	if (cause == EADDRNOTAVAIL) {
		(void)err_field(err, ERR_NOT_FOUND, endpoint->name,
			"this machine does not have the address %s",
			endpoint->address);
		return err_remedy(err, "see `ip address` for those it has");
	}
	return err_errno(err, cause, "binding port %u on %s", endpoint->port,
		endpoint->address);
}

static int
check_endpoint(const struct endpoint *endpoint, struct err *err)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)endpoint->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)endpoint->port) };
	bool is_v6 = strchr(endpoint->address, ':') != NULL;
	struct sockaddr *address = (struct sockaddr *)&v4;
	socklen_t length = sizeof(v4);
	int fd, one = 1, cause = 0;

	if (is_v6) {
		address = (struct sockaddr *)&v6;
		length = sizeof(v6);
	}
	if (inet_pton(address->sa_family, endpoint->address,
		    is_v6 ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
		return err_field(err, ERR_INVALID, endpoint->name,
			"%s is no address", endpoint->address);
	fd = socket(address->sa_family, endpoint->type | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_errno(
			err, errno, "a socket for %s", endpoint->address);
	/* Old connections of a stopped server are no reason to refuse. */
	if (endpoint->type == SOCK_STREAM)
		(void)setsockopt(
			fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (is_v6)
		(void)setsockopt(
			fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, address, length) == -1)
		cause = errno;
	(void)close(fd);
	return cause == 0 ? 0 : bind_failed(endpoint, cause, err);
}

static int
check_listen(const struct instance *instance, enum instance_port port,
	struct err *err)
{
	const struct instance_listen *listen = &instance->listen[port];
	struct endpoint endpoint = { .name = instance_port_name(port),
		.port = listen->port,
		.type = SOCK_STREAM };

	for (size_t i = 0; listen->port != 0 && listen->addresses[i]; i++) {
		bool every = strcmp(listen->addresses[i], "*") == 0;

		endpoint.address = every ? "0.0.0.0" : listen->addresses[i];
		if (check_endpoint(&endpoint, err) == -1)
			return -1;
		endpoint.address = "::";
		if (every && instance->ipv6 &&
			check_endpoint(&endpoint, err) == -1)
			return -1;
	}
	return 0;
}

static bool
shares_address(const struct instance_listen *a, const struct instance_listen *b)
{
	for (size_t i = 0; a->addresses[i] != NULL; i++) {
		for (size_t j = 0; b->addresses[j] != NULL; j++) {
			if (strcmp(a->addresses[i], b->addresses[j]) == 0 ||
				strcmp(a->addresses[i], "*") == 0 ||
				strcmp(b->addresses[j], "*") == 0)
				return true;
		}
	}
	return false;
}

static int
check_overlap(const struct instance *instance, struct err *err)
{
	for (int a = 0; a < PORT_COUNT; a++) {
		for (int b = a + 1; b < PORT_COUNT; b++) {
			const struct instance_listen *first =
				&instance->listen[a];
			const struct instance_listen *second =
				&instance->listen[b];

			if (first->port == 0 || first->port != second->port ||
				!shares_address(first, second))
				continue;
			(void)err_field(err, ERR_INVALID, instance_port_name(b),
				"%s and %s both want port %u",
				instance_port_name(a), instance_port_name(b),
				first->port);
			return err_remedy(err,
				"give one of them another port with --listen");
		}
	}
	return 0;
}

static bool
has_port(const struct instance *instance, unsigned number)
{
	for (int port = 0; port < PORT_COUNT; port++) {
		if (instance->listen[port].port == number)
			return true;
	}
	return false;
}

/* Ports of a running instance are its own: only further ones are judged. */
static int
check_new_ports(const struct instance *present, const struct instance *instance,
	struct err *err)
{
	for (int port = 0; port < PORT_COUNT; port++) {
		if (!has_port(present, instance->listen[port].port) &&
			check_listen(instance, port, err) == -1)
			return -1;
	}
	return 0;
}

static int
check_ports(const struct instance *instance, struct err *err)
{
	struct endpoint resolver = { .name = "resolver",
		.address = instance->resolver_address,
		.port = RESOLVER_PORT,
		.type = SOCK_DGRAM };

	for (int port = 0; port < PORT_COUNT; port++) {
		if (check_listen(instance, port, err) == -1)
			return -1;
	}
	if (check_endpoint(&resolver, err) == -1)
		return -1;
	resolver.type = SOCK_STREAM;
	return check_endpoint(&resolver, err);
}

int
setup_check(const struct paths *paths, const struct instance *present,
	const struct instance *instance, struct err *err)
{
	if (check_users(err) == -1 || check_memory(instance, err) == -1 ||
		check_disk(paths, err) == -1 ||
		check_overlap(instance, err) == -1)
		return -1;
	if (setup_check_is_running(paths))
		return check_new_ports(present, instance, err);
	return check_ports(instance, err);
}
