/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one judge of passwords. Postfix (sasl.c), Dovecot (login_line.c)
 * and later the API ask it, so that states, protocol switches, app
 * passwords and throttles behave alike everywhere.
 *
 * Each attempt reads its row in core.db. Fast hashes and remembered
 * matches are answered at once; slow hashes wait in a fair queue
 * (fair_queue.h) for threads. After a slow match the row is read again,
 * so that a password revoked meanwhile is refused. Unknown users, and
 * mailboxes whose hashes are all fast, pay for a slow hash too when they
 * fail: time does not tell who exists.
 *
 * A source that guesses (source.h) waits in a queue of its own, for
 * threads that run when no other thread wants to; the queue is short, and
 * what does not fit is TEMP. A right password opens from there, too.
 *
 * What could not be judged (database away, queue full, too late) is TEMP,
 * never FAIL. The judge does not log: its callers do, with the reason.
 */
#ifndef AUTH_JUDGE_H
#define AUTH_JUDGE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/account.h"
#include "auth/scheme.h"
#include "base/span.h"
#include "store/db.h"

#define JUDGE_USER_MAX 320 /* longer names are unknown users */

struct judge;

struct judge_request {
	const char *user; /* as typed */
	struct span password;
	enum account_service service;
	const char *remote_ip; /* "" or NULL: not known */
	bool secured; /* TLS, or the machine itself */
};

enum judge_outcome {
	JUDGE_OK,
	JUDGE_FAIL,
	JUDGE_TEMP
};

struct judge_verdict {
	enum judge_outcome outcome;
	const char *address; /* OK: canonical */
	int64_t mailbox_id; /* OK */
	int64_t app_password_id; /* OK: 0 for the mailbox's own password */
	/*
	 * FAIL, TEMP: one of "bad-credentials", "unknown-user",
	 * "domain-inactive", "mailbox-inactive", "protocol-disabled",
	 * "password-change-due", "password-changed"; "database", "busy",
	 * "late", "memory", "stopping". For logs: clients get less.
	 */
	const char *reason;
};

/* Exactly once per attempt, maybe before judge_submit() returns. */
typedef void judge_done_fn(const struct judge_verdict *verdict, void *context);

/* Called for each OK, before done: last login, login log. */
typedef void judge_login_fn(const struct judge_verdict *verdict,
	const struct judge_request *request, void *context);

struct judge_options {
	struct event_base *loop;
	struct db *const *core; /* looked at per attempt; *core NULL is TEMP */
	judge_login_fn *on_login; /* may be NULL */
	void *login_context;
	/* Zeros take the defaults of judge.c. */
	int threads;
	int guesser_threads;
	size_t queue_max;
	size_t source_max; /* waiting of one /24 or /64 */
	size_t guesser_max; /* the same, when it guesses */
	int deadline_ms; /* waiting at most */
	size_t cache_max;
	int64_t cache_ttl_ms;
	/* For tests; NULL: scheme_verify() and clock_monotonic_ms(). */
	enum scheme_answer (*verify)(const char *stored, struct span password);
	int64_t (*now_ms)(void);
};

struct judge_stats {
	size_t waiting; /* hashes in the queues */
	size_t running; /* hashes in threads */
	size_t remembered; /* entries of the positive cache */
	uint64_t hashed; /* slow hashes computed */
	uint64_t from_cache;
	uint64_t joined; /* attempts that shared another's hash */
	uint64_t refused_busy; /* TEMP for a full queue */
	uint64_t refused_late; /* TEMP for the deadline */
};

struct judge *judge_new(const struct judge_options *options);
/* Waits for running hashes; every attempt still open is answered TEMP. */
void judge_free(struct judge **judge);
void judge_submit(struct judge *judge, const struct judge_request *request,
	judge_done_fn *done, void *context);
void judge_stats_get(const struct judge *judge, struct judge_stats *out);

#endif
