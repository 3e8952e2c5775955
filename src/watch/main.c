/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-watch: checks that the resolver works and that the disks have
 * room, and tells the agent. It keeps no capability: its ICMP sockets are opened before the jail. Taken
 * over, it can send UDP and ICMP, and claim a health that is not so, which
 * delays or hastens the start of Postfix; it cannot restart anything.
 */
#include <stdint.h>

#include "io/service.h"
#include "watch/program.h"

/* No file at all: the configuration is read before. */
static const struct jail_path PATHS[] = {
	{ .base_offset = SIZE_MAX },
};

static const struct service SERVICE = {
	.name = "mailherd-watch",
	.summary = "checks resolver and disks and reports to the agent",
	.jail = {
		.user = "mailherd-watch",
		.network = JAIL_DATAGRAM,
		.paths = PATHS,
	},
	.pre_jail = program_prepare,
	.post_jail = program_start,
	.drain = program_drain,
	.drain_ms = 100,
};

int
main(int argc, char **argv)
{
	return service_main(&SERVICE, argc, argv);
}
