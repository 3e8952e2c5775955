/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asked from the kernel; nothing is sent. */
#include "cli/machine_addresses.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 1918, 6598, 3927. */
static bool
is_private_v4(const unsigned char *b)
{
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) ||
	       (b[0] == 192 && b[1] == 168) ||
	       (b[0] == 100 && (b[1] & 0xc0) == 64) ||
	       (b[0] == 169 && b[1] == 254);
}

/* Unique local (RFC 4193), link local. */
static bool
is_private_v6(const unsigned char *b)
{
	return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

static bool
is_private(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return is_private_v4((const unsigned char *)&(
			(const struct sockaddr_in *)address)
					     ->sin_addr);
	return is_private_v6(
		((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
}

static bool
is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

	if (address->sa_family == AF_INET)
		return ((const unsigned char *)&v4->sin_addr)[0] == 127;
	return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
	       IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static void
add_address(
	struct machine_addresses *found, struct arena *arena, const char *text)
{
	for (size_t i = 0; i < found->count; i++) {
		if (strcmp(found->list[i], text) == 0)
			return;
	}
	if (found->count < MACHINE_ADDRESSES_MAX)
		found->list[found->count++] = arena_strdup(arena, text);
}

static void
add_interfaces(const struct instance *instance, struct arena *arena,
	const struct ifaddrs *list, bool private,
	struct machine_addresses *found)
{
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		char text[INET6_ADDRSTRLEN];
		const struct sockaddr *address = i->ifa_addr;
		bool v6;

		if (address == NULL || (address->sa_family != AF_INET &&
					       address->sa_family != AF_INET6))
			continue;
		v6 = address->sa_family == AF_INET6;
		if ((v6 && !instance->ipv6) || is_loopback(address) ||
			is_private(address) != private ||
			getnameinfo(address,
				v6 ? sizeof(struct sockaddr_in6)
				   : sizeof(struct sockaddr_in),
				text, sizeof(text), NULL, 0,
				NI_NUMERICHOST) != 0)
			continue;
		add_address(found, arena, text);
	}
}

int
machine_addresses_find(const struct instance *instance, struct arena *arena,
	struct machine_addresses *out, struct err *err)
{
	const struct instance_listen *smtp = &instance->listen[PORT_SMTP];
	struct ifaddrs *list;

	*out = (struct machine_addresses){ 0 };
	for (size_t i = 0; smtp->port != 0 && smtp->addresses[i] != NULL; i++) {
		if (strcmp(smtp->addresses[i], "*") != 0)
			add_address(out, arena, smtp->addresses[i]);
	}
	if (out->count > 0)
		return 0;
	if (getifaddrs(&list) == -1)
		return err_errno(err, errno, "listing network addresses");
	add_interfaces(instance, arena, list, false, out);
	if (out->count == 0) {
		add_interfaces(instance, arena, list, true, out);
		out->private_only = true;
	}
	freeifaddrs(list);
	return 0;
}
