/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The daemon skeleton: each program's main.c is one struct service and one
 * call. It parses --root, opens the sockets (kept by the descriptor holder
 * so that they outlive the process), runs pre_jail as root, enters the
 * jail, runs post_jail, reports readiness on descriptor 3 (s6), loops
 * until SIGTERM, drains.
 */
#ifndef IO_SERVICE_H
#define IO_SERVICE_H

#include <event2/event.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/paths.h"
#include "io/jail.h"

#define SERVICE_SOCKETS_MAX 8

enum service_socket_type {
	SERVICE_STREAM,
	SERVICE_SEQPACKET
};

struct service_socket {
	const char
		*name; /* below paths.sockets: "postfix/socketmap"; NULL ends */
	enum service_socket_type type;
	const char *group; /* of directory (0750) and socket (0660) */
};

struct service;

/* After service_renew(); other programs have other reasons for it. */
#define SERVICE_RENEW_STATUS 76

struct service_state {
	const struct service *service;
	struct paths paths;
	struct event_base *loop; /* NULL before post_jail */
	int sockets[SERVICE_SOCKETS_MAX]; /* in the table's order */
	void *program; /* the program's own state */
	bool stopping; /* after SIGTERM */
	bool done; /* after service_done() */
	bool renew; /* after service_renew() */
};

struct service {
	const char *name; /* "mailherd-directory" */
	const char *summary; /* one line for --help */
	struct jail jail;
	const struct service_socket *sockets;
	/* As root, before the jail: read what only root may. May be NULL. */
	int (*pre_jail)(struct service_state *state, struct err *err);
	/* In the jail: open databases, set up the loop's events. */
	int (*post_jail)(struct service_state *state, struct err *err);
	/* After SIGTERM: finish what was begun; the loop ends within drain_ms. */
	void (*drain)(struct service_state *state);
	void (*reload)(struct service_state *state); /* SIGHUP; may be NULL */
	int drain_ms;
	/* post_jail arranges for service_ready() to be called later. */
	bool ready_later;
};

/* Returns the exit status of main(). */
int service_main(const struct service *service, int argc, char **argv);
/* For post_jail functions that become ready later; service_main() calls it
 * by itself when the service has not set ready_later. */
void service_ready(struct service_state *state);
/* Nothing is left to drain: the loop ends now. */
void service_done(struct service_state *state);
/*
 * The same, to be started anew at once: the exit status says that this is
 * meant, while a service that ends by itself otherwise is held back.
 */
void service_renew(struct service_state *state);

#endif
