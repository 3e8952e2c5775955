/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-directory answers Postfix and Dovecot. Taken over, it can read
 * core.db (hashes of passwords included), write usage.db and lie to the
 * engines about addresses and passwords; it cannot write core.db, read
 * mail or secrets, start a program or open a network connection.
 */
#include <stddef.h>

#include "directory/dict.h"
#include "directory/login_line.h"
#include "directory/policy.h"
#include "directory/sasl.h"
#include "directory/server.h"
#include "directory/socketmap.h"

#define DRAIN_MS 2000

/* clang-format off */
static const struct service_socket sockets[] = {
	{ "postfix/socketmap", SERVICE_STREAM, "postfix" },
	{ "postfix/policy", SERVICE_STREAM, "postfix" },
	{ "postfix/sasl", SERVICE_STREAM, "postfix" },
	{ "dovecot/auth", SERVICE_STREAM, "dovecot" },
	{ "dovecot/dict", SERVICE_STREAM, "dovecot" },
	{ "vmail/dict", SERVICE_STREAM, "vmail" },
	{ "control/directory", SERVICE_SEQPACKET, "mailherd" },
	{ 0 },
};

static const struct server_protocols protocols = { {
	&socketmap_protocol,
	&policy_protocol,
	&sasl_protocol,
	&login_line_protocol,
	&dict_protocol,
	&dict_protocol, /* for what Dovecot runs as the mail's owner */
	NULL, /* our own IPC */
} };

/* clang-format on */

static int
post_jail(struct service_state *state, struct err *err)
{
	(void)err;
	server_start(state, &protocols);
	return 0;
}

static const char *const groups[] = { "mailherd-read", NULL };

static const struct jail_path paths[] = {
	{ offsetof(struct paths, database), "", false },
	{ offsetof(struct paths, database), "/usage", true },
	{ SIZE_MAX, NULL, false },
};

static const struct service service = {
	.name = "mailherd-directory",
	.summary = "Answers Postfix and Dovecot; judges passwords.",
	.jail = {
		.user = "mailherd-directory",
		.groups = groups,
		.network = JAIL_UNIX_ONLY,
		.paths = paths,
	},
	.sockets = sockets,
	.pre_jail = server_prepare,
	.post_jail = post_jail,
	.drain = server_drain,
	.drain_ms = DRAIN_MS,
};

int
main(int argc, char **argv)
{
	return service_main(&service, argc, argv);
}
