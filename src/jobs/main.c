/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-jobs: migrates and holds core.db, carries out the outbox. It
 * owns the database and the key of sealed secrets, and may ask the agent
 * for a few typed verbs. Taken over, it can change every object and read
 * DKIM keys, but no mail; it has no network.
 */
#include <stddef.h>

#include "io/service.h"
#include "jobs/program.h"

static const char *const GROUPS[] = { "mailherd-read", "mailherd-write",
	"_rspamd", NULL };

static const struct jail_path PATHS[] = {
	{ offsetof(struct paths, database), "/core", true },
	{ offsetof(struct paths, database), "/usage", false },
	{ offsetof(struct paths, secrets), "/seal", false },
	{ .base_offset = SIZE_MAX },
};

static const struct service SERVICE = {
	.name = "mailherd-jobs",
	.summary = "migrates and holds the database, carries out the outbox",
	.jail = {
		.user = "mailherd",
		.groups = GROUPS,
		.network = JAIL_UNIX_ONLY,
		.paths = PATHS,
	},
	.pre_jail = program_prepare,
	.post_jail = program_start,
	.drain = program_drain,
	.drain_ms = 3000,
	.ready_later = true,
};

int
main(int argc, char **argv)
{
	return service_main(&SERVICE, argc, argv);
}
