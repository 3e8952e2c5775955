/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-directory: answers Postfix and Dovecot from core.db at the
 * moment they ask, and is the only judge of passwords.
 *
 * This is what its protocol modules share. Each module exports one
 * `extern const struct stream_protocol NAME_protocol` whose open() gets the
 * struct directory as context; main.c lists socket and protocol side by
 * side. Databases may be absent for a while (start-up, a restore): then
 * core or usage is NULL and every answer is temporary, never "not found".
 *
 * Handlers must not keep a db_query open across a return to the loop:
 * databases.c closes and reopens a file that was replaced.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include <event2/event.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/paths.h"
#include "io/ipc.h"
#include "io/stream.h"
#include "store/db.h"

struct judge;
struct lookup;
struct usage;

/* What `status` reports; names stand in status.c. */
enum directory_counter {
	DIRECTORY_SOCKETMAP, /* map requests */
	DIRECTORY_SOCKETMAP_TEMP,
	DIRECTORY_POLICY, /* policy requests */
	DIRECTORY_POLICY_REFUSED,
	DIRECTORY_SASL, /* logins judged for Postfix */
	DIRECTORY_LOGIN, /* logins judged for Dovecot */
	DIRECTORY_LOGIN_REFUSED, /* of both: wrong password or not allowed */
	DIRECTORY_LOGIN_TEMP,
	DIRECTORY_DICT, /* dict look-ups */
	DIRECTORY_DICT_WRITE,
	DIRECTORY_REOPENED, /* core.db opened after the first time */
	DIRECTORY_COUNTER_COUNT
};

struct directory {
	struct event_base *loop;
	const struct paths *paths;
	struct db *core; /* read-only; NULL: not there now, answer TEMP */
	struct db *usage; /* read-write; NULL: not there now */
	struct lookup *lookup; /* never NULL; asks core */
	struct judge *judge; /* never NULL after start */
	struct usage *usage_writer; /* usage.h; never NULL after start */
	uid_t vmail_uid; /* looked up before the jail */
	gid_t vmail_gid;
	uint64_t counters[DIRECTORY_COUNTER_COUNT];
};

static inline void
directory_count(struct directory *directory, enum directory_counter counter)
{
	directory->counters[counter]++;
}

/* "socketmap-temp" */
const char *directory_counter_name(enum directory_counter counter);

#endif
