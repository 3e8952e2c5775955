/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-agent: the sequencer of the service tree and the only program
 * of ours that stays root. It parses nothing from outside: its peers are
 * our own programs, its verbs are typed (verbs.c), its configuration is
 * the package's. Taken over, it is root without modules, mounts and raw
 * devices.
 */
#include <linux/capability.h>

#include "agent/agent.h"
#include "agent/verbs.h"

/* For itself: signals, links of /proc. For mailherd-prepare and checks: the
 * rest (owners, users, ports that a checker binds, the isolation table). */
static const int CAPABILITIES[] = { CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER,
	CAP_FSETID, CAP_KILL, CAP_SETUID, CAP_SETGID, CAP_SYS_PTRACE,
	CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, -1 };

static const struct service_socket SOCKETS[] = {
	{ "control/agent", SERVICE_SEQPACKET, "mailherd" },
	{ "watch/agent", SERVICE_SEQPACKET, "mailherd-watch" },
	{ "directory/agent", SERVICE_SEQPACKET, "mailherd-directory" },
	{ .name = NULL },
};

static int
start(struct service_state *state, struct err *err)
{
	struct agent *agent = state->program;

	for (int i = 0; i < AGENT_SERVERS; i++)
		agent->servers[i] = ipc_server_new(
			state->loop, state->sockets[i], AGENT_VERBS, agent);
	return agent_start(agent, err);
}

static const struct service SERVICE = {
	.name = "mailherd-agent",
	.summary = "Starts and stops the services in order.",
	.jail = { .capabilities = CAPABILITIES,
		.network = JAIL_INET,
		.exec = true },
	.sockets = SOCKETS,
	.pre_jail = agent_load,
	.post_jail = start,
};

int
main(int argc, char **argv)
{
	return service_main(&SERVICE, argc, argv);
}
