/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The verb `mail`: doveadm works on mailboxes, as user vmail, in its
 * background. Who asks names a row of the table and mailboxes by their
 * addresses; programs, their arguments and limits stand in the row.
 *
 *	{"verb":"mail","command":"index","addresses":["a@example.org"],
 *	 "parameters":{"folder":"INBOX"}}
 *
 * What doveadm says comes back while it works, as progress packets
 * {"lines":[...]}; the reply has its exit status, {"status":0,
 * "timed_out":false}. A status is an answer, not an error: it is the
 * asker who knows what it means. Of each row so many run at a time as it
 * says, others wait their turn. A command goes on when its asker is gone;
 * one that waits is dropped then.
 */
#ifndef AGENT_MAIL_COMMAND_H
#define AGENT_MAIL_COMMAND_H

#include <event2/event.h>
#include <jansson.h>

#include "io/ipc.h"

#define MAIL_COMMAND_DOVEADM "/usr/bin/doveadm"
#define MAIL_COMMAND_USER "vmail"
#define MAIL_COMMAND_ADDRESSES_MAX 1000
#define MAIL_COMMAND_AT_ONCE_MAX 4

/*
 * A word behind doveadm's command: `text` itself, or, with `parameter`,
 * what the request gives under that name, behind `text` when there is one.
 * One that the request does not give leaves both out.
 */
struct mail_word {
	const char *text;
	const char *parameter;
	size_t length_max; /* of the parameter */
	bool required;
};

struct mail_command {
	const char *name; /* NULL ends the table */
	/* "fts", "rescan": NULL-ended; "{sock}" is the sockets' directory */
	const char *const *doveadm;
	const struct mail_word *words; /* ends with text and parameter NULL */
	const char *const *senders; /* users; NULL: root alone */
	int nice;
	int at_once; /* <= MAIL_COMMAND_AT_ONCE_MAX */
	int deadline_ms;
	bool limited; /* to the runner's memory_max: it indexes */
};

extern const struct mail_command MAIL_COMMANDS[];

struct mail_runner;

/*
 * configuration is dovecot.conf, sockets replaces "{sock}" in the table,
 * user runs program. memory_max (bytes) is for limited rows, as vsz_limit is
 * for Dovecot's own. Table and texts outlive the runner.
 */
struct mail_runner *mail_runner_new(struct event_base *loop,
	const struct mail_command *commands, const char *program,
	const char *configuration, const char *sockets, const char *user,
	size_t memory_max);
/* Who waits is not answered; what runs goes on. */
void mail_runner_free(struct mail_runner **runner);
/* Answers the call now or later. */
void mail_runner_ask(
	struct mail_runner *runner, struct ipc_call *call, json_t *request);

#endif
