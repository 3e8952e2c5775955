/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the mail store and the logins report: quota use, last login, login
 * log; kept in usage.db by mailbox id. Reports are gathered and written in
 * one transaction within a second, so that a busy server costs a handful
 * of transactions and no request waits for one. A crash loses at most
 * that second: mailboxes are counted anew after it (usage_mark.h).
 *
 * While usage.db is away, reports wait, up to a bound; beyond it the
 * new ones are dropped and counted.
 */
#ifndef DIRECTORY_USAGE_H
#define DIRECTORY_USAGE_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/judge.h"
#include "base/err.h"
#include "store/db.h"

#define USAGE_PENDING_MAX 20000

struct usage;

/* *db may be NULL for a while, and another one later. */
struct usage *usage_new(struct event_base *loop, struct db *const *db);
/* Writes what waits, when it can; true: none of all reports was lost. */
bool usage_free(struct usage **usage);

void usage_set_bytes(struct usage *usage, int64_t mailbox_id, int64_t bytes);
void usage_set_messages(
	struct usage *usage, int64_t mailbox_id, int64_t messages);
/*
 * The mail store has reported a change of the mailbox. What was counted
 * while that happened may be older than the report, and arrive later.
 */
void usage_note_change(struct usage *usage, int64_t mailbox_id);
/* Whether it did so less than two seconds ago. */
bool usage_changed_lately(const struct usage *usage, int64_t mailbox_id);
/* A login: last login and a count in the log. */
void usage_login(struct usage *usage, int64_t mailbox_id, const char *service,
	const char *ip, int64_t app_password_id, int64_t at);
/* The judge's on_login; context is the struct usage, or NULL. */
judge_login_fn usage_judge_login;

/*
 * Called in the transaction that writes a new number of bytes; -1 keeps all
 * of the batch waiting.
 */
typedef int usage_bytes_fn(
	void *context, int64_t mailbox_id, int64_t bytes, struct err *err);
void usage_on_bytes(struct usage *usage, usage_bytes_fn *fn, void *context);

/* 1 and the newest values known, 0 never reported, -1 database away. */
MUST_CHECK int usage_quota(struct usage *usage, int64_t mailbox_id,
	int64_t *bytes_out, int64_t *messages_out, struct err *err);
/* Writes up to one batch now: 0 nothing left, 1 more left, -1 failed. */
int usage_flush(struct usage *usage, struct err *err);
uint64_t usage_dropped(const struct usage *usage);

/* The statements, for the test that explains them. */
extern const struct db_statement *const usage_statements[];
extern const int usage_statement_count;

#endif
