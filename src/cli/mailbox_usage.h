/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What usage.db knows of a mailbox: space in use and last logins. */
#ifndef CLI_MAILBOX_USAGE_H
#define CLI_MAILBOX_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json_write.h"
#include "base/paths.h"

#define MAILBOX_USAGE_LOGINS_MAX 16

struct mailbox_login {
	const char *service;
	const char *ip;
	int64_t at;
};

struct mailbox_usage {
	bool known; /* false: nothing was reported, or usage.db is not open */
	int64_t bytes;
	int64_t messages;
	size_t login_count;
	struct mailbox_login logins[MAILBOX_USAGE_LOGINS_MAX];
};

/* Best effort: the suite may be down. */
void mailbox_usage_read(const struct paths *paths, int64_t mailbox_id,
	struct arena *arena, struct mailbox_usage *out);
void mailbox_usage_write(
	const struct mailbox_usage *usage, struct json_writer *w);
void mailbox_usage_print(
	const struct mailbox_usage *usage, struct arena *arena);

#endif
