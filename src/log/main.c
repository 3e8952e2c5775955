/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-log: takes the output of every service by its FIFO, stamps it
 * with the instance's time and keeps it in rotated files. Taken over, it
 * can forge and delete logs; it reaches no network, no mail, no database.
 */
#include <stddef.h>

#include "io/service.h"
#include "log/program.h"

static const struct service_socket SOCKETS[] = {
	{ "log/log", SERVICE_SEQPACKET, "root" },
	{ .name = NULL },
};

static const struct jail_path PATHS[] = {
	{ offsetof(struct paths, fifos), "", true },
	{ offsetof(struct paths, logs), "", true },
	{ .base_offset = SIZE_MAX },
};

static const struct service SERVICE = {
	.name = "mailherd-log",
	.summary = "keeps the output of every service in rotated files",
	.jail = {
		.user = "mailherd-log",
		.network = JAIL_UNIX_ONLY,
		.paths = PATHS,
	},
	.sockets = SOCKETS,
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
