/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pending reports are maps from a text key to the newest value, so that a
 * mailbox that changes a hundred times in a second is written once. A
 * batch is bounded: the loop answers others between two of them.
 */
#include "directory/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"

#define FLUSH_MS 500
#define FLUSH_MORE_MS 20
#define RETRY_MS 1000
#define BATCH_MAX 250
#define CLOCK_STEP_S 60 /* further ahead is no delay of ours */
#define KEY_SIZE 128
#define SERVICE_SIZE 16
#define IP_SIZE 48
#define UNKNOWN (-1)
#define CHANGES_MAX 2048 /* that are remembered */
#define LATELY_MS 2000 /* a mailbox is counted in less */

struct quota_report {
	int64_t mailbox_id;
	int64_t bytes; /* UNKNOWN: leave as it is */
	int64_t messages;
};

struct login_report {
	int64_t mailbox_id;
	int64_t app_password_id;
	char service[SERVICE_SIZE];
	char ip[IP_SIZE];
	int64_t first;
	int64_t last;
	int64_t count; /* 0: last login only */
};

struct noted_change {
	int64_t mailbox_id; /* 0: none yet */
	int64_t at_ms;
};

struct usage {
	struct db *const *db;
	struct map *quota;
	struct map *logins;
	struct event *timer;
	struct noted_change changes[CHANGES_MAX]; /* a ring */
	size_t next_change;
	usage_bytes_fn *on_bytes; /* or NULL */
	void *on_bytes_context;
	uint64_t dropped;
	bool failing; /* logged already */
};

/* clang-format off */
static const struct db_statement SQL_QUOTA_WRITE = {
	"usage-quota-write",
	"INSERT INTO quota (mailbox_id, bytes, messages, updated, change)"
	" VALUES (?1, max(?2, 0), max(?3, 0), ?4,"
	" (SELECT coalesce(max(change), 0) + 1 FROM quota))"
	" ON CONFLICT (mailbox_id) DO UPDATE SET"
	" bytes = CASE WHEN ?2 < 0 THEN bytes ELSE ?2 END,"
	" messages = CASE WHEN ?3 < 0 THEN messages ELSE ?3 END,"
	" updated = ?4, change = excluded.change",
	NULL
};

static const struct db_statement SQL_QUOTA_READ = {
	"usage-quota-read",
	"SELECT bytes, messages FROM quota WHERE mailbox_id = ?1",
	NULL
};

static const struct db_statement SQL_LAST_LOGIN_WRITE = {
	"usage-last-login-write",
	"INSERT INTO last_login (mailbox_id, service, at, ip)"
	" VALUES (?1, ?2, ?3, ?4)"
	" ON CONFLICT (mailbox_id, service) DO UPDATE SET at = ?3, ip = ?4"
	" WHERE at <= ?3 OR at > ?5",
	NULL
};

static const struct db_statement SQL_LOGIN_LOG_WRITE = {
	"usage-login-log-write",
	"INSERT INTO login_log"
	" (mailbox_id, service, ip, app_password_id, first, last, count)"
	" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"
	" ON CONFLICT (mailbox_id, service, ip, app_password_id) DO UPDATE"
	" SET last = max(last, ?6), count = count + ?7",
	NULL
};
/* clang-format on */

const struct db_statement *const usage_statements[] = {
	&SQL_QUOTA_WRITE,
	&SQL_QUOTA_READ,
	&SQL_LAST_LOGIN_WRITE,
	&SQL_LOGIN_LOG_WRITE,
};
const int usage_statement_count = ARRAY_LENGTH(usage_statements);

static void
schedule(struct usage *usage, int delay_ms)
{
	struct timeval delay = { delay_ms / 1000, delay_ms % 1000 * 1000 };

	if (!evtimer_pending(usage->timer, NULL))
		(void)evtimer_add(usage->timer, &delay);
}

static bool
has_room(struct usage *usage)
{
	if (map_count(usage->quota) + map_count(usage->logins) <
		USAGE_PENDING_MAX)
		return true;
	usage->dropped++;
	return false;
}

static struct quota_report *
quota_find_or_add(struct usage *usage, int64_t mailbox_id)
{
	char key[KEY_SIZE];
	struct quota_report *report;

	(void)snprintf(key, sizeof(key), "%" PRId64, mailbox_id);
	report = map_find(usage->quota, key);
	if (report != NULL || !has_room(usage))
		return report;
	report = xmalloc(sizeof(*report));
	report->mailbox_id = mailbox_id;
	report->bytes = UNKNOWN;
	report->messages = UNKNOWN;
	map_set(usage->quota, key, report);
	schedule(usage, FLUSH_MS);
	return report;
}

void
usage_set_bytes(struct usage *usage, int64_t mailbox_id, int64_t bytes)
{
	struct quota_report *report = quota_find_or_add(usage, mailbox_id);

	if (report != NULL)
		report->bytes = bytes < 0 ? 0 : bytes;
}

void
usage_set_messages(struct usage *usage, int64_t mailbox_id, int64_t messages)
{
	struct quota_report *report = quota_find_or_add(usage, mailbox_id);

	if (report != NULL)
		report->messages = messages < 0 ? 0 : messages;
}

void
usage_note_change(struct usage *usage, int64_t mailbox_id)
{
	usage->changes[usage->next_change] =
		(struct noted_change){ .mailbox_id = mailbox_id,
			.at_ms = clock_monotonic_ms() };
	usage->next_change = (usage->next_change + 1) % CHANGES_MAX;
}

bool
usage_changed_lately(const struct usage *usage, int64_t mailbox_id)
{
	int64_t since_ms = clock_monotonic_ms() - LATELY_MS;

	for (size_t i = 0; i < CHANGES_MAX; i++)
		if (usage->changes[i].mailbox_id == mailbox_id &&
			usage->changes[i].at_ms > since_ms)
			return true;
	return false;
}

static struct login_report *
login_find_or_add(struct usage *usage, int64_t mailbox_id, const char *service,
	const char *ip, int64_t app_password_id, int64_t at)
{
	char key[KEY_SIZE];
	struct login_report *report;

	(void)snprintf(key, sizeof(key), "%" PRId64 " %.15s %.47s %" PRId64,
		mailbox_id, service, ip, app_password_id);
	report = map_find(usage->logins, key);
	if (report != NULL) {
		if (at > report->last)
			report->last = at;
		return report;
	}
	if (!has_room(usage))
		return NULL;
	report = xmalloc(sizeof(*report));
	report->mailbox_id = mailbox_id;
	report->app_password_id = app_password_id;
	(void)snprintf(report->service, SERVICE_SIZE, "%s", service);
	(void)snprintf(report->ip, IP_SIZE, "%s", ip);
	report->first = at;
	report->last = at;
	map_set(usage->logins, key, report);
	schedule(usage, FLUSH_MS);
	return report;
}

void
usage_login(struct usage *usage, int64_t mailbox_id, const char *service,
	const char *ip, int64_t app_password_id, int64_t at)
{
	struct login_report *report = login_find_or_add(
		usage, mailbox_id, service, ip, app_password_id, at);

	if (report != NULL)
		report->count++;
}

void
usage_judge_login(const struct judge_verdict *verdict,
	const struct judge_request *request, void *context)
{
	struct usage *usage = context;

	if (usage != NULL)
		usage_login(usage, verdict->mailbox_id,
			account_service_name(request->service),
			request->remote_ip, verdict->app_password_id,
			clock_wall_seconds());
}

static int
write_quota(struct db *db, const struct quota_report *report, struct err *err)
{
	struct db_query q = db_query(db, &SQL_QUOTA_WRITE);

	db_bind_number(&q, 1, report->mailbox_id);
	db_bind_number(&q, 2, report->bytes);
	db_bind_number(&q, 3, report->messages);
	db_bind_number(&q, 4, clock_wall_seconds());
	return db_run(&q, err);
}

static int
write_login(struct db *db, const struct login_report *report, struct err *err)
{
	struct db_query q = db_query(db, &SQL_LAST_LOGIN_WRITE);

	db_bind_number(&q, 1, report->mailbox_id);
	db_bind_text(&q, 2, report->service);
	db_bind_number(&q, 3, report->last);
	db_bind_text(&q, 4, report->ip);
	/* A login of tomorrow was noted before the clock was put back. */
	db_bind_number(&q, 5, clock_wall_seconds() + CLOCK_STEP_S);
	if (db_run(&q, err) < 0)
		return -1;
	q = db_query(db, &SQL_LOGIN_LOG_WRITE);
	db_bind_number(&q, 1, report->mailbox_id);
	db_bind_text(&q, 2, report->service);
	db_bind_text(&q, 3, report->ip);
	db_bind_number(&q, 4, report->app_password_id);
	db_bind_number(&q, 5, report->first);
	db_bind_number(&q, 6, report->last);
	db_bind_number(&q, 7, report->count);
	return db_run(&q, err);
}

/* One of the two kinds of pending reports. */
struct batch {
	struct map *map;
	int (*write)(struct usage *usage, const void *report, struct err *err);
	const char *keys[BATCH_MAX];
	int count;
};

static int
write_quota_report(struct usage *usage, const void *entry, struct err *err)
{
	const struct quota_report *report = entry;

	if (write_quota(*usage->db, report, err) < 0)
		return -1;
	if (usage->on_bytes == NULL || report->bytes == UNKNOWN)
		return 0;
	return usage->on_bytes(usage->on_bytes_context, report->mailbox_id,
		report->bytes, err);
}

static int
write_login_report(struct usage *usage, const void *report, struct err *err)
{
	return write_login(*usage->db, report, err);
}

static int
batch_write(struct batch *batch, struct usage *usage, int room, struct err *err)
{
	size_t cursor = 0;
	const char *key;
	void *report;

	while (batch->count < room &&
		map_next(batch->map, &cursor, &key, &report)) {
		if (batch->write(usage, report, err) < 0)
			return -1;
		batch->keys[batch->count++] = key;
	}
	return 0;
}

/* Forgets what was written; a key dies with its entry. */
static void
batch_forget(struct batch *batch)
{
	for (int i = 0; i < batch->count; i++) {
		void *report = map_remove(batch->map, batch->keys[i]);

		x_free(&report);
	}
}

static int
flush_batch(struct usage *usage, struct err *err)
{
	struct db *db = *usage->db;
	struct batch quota = { usage->quota, write_quota_report, { NULL }, 0 };
	struct batch logins = { usage->logins, write_login_report, { NULL },
		0 };

	if (db_begin(db, err) < 0)
		return -1;
	if (batch_write(&quota, usage, BATCH_MAX, err) < 0 ||
		batch_write(&logins, usage, BATCH_MAX - quota.count, err) < 0 ||
		db_commit(db, err) < 0) {
		db_rollback(db);
		return -1;
	}
	batch_forget(&quota);
	batch_forget(&logins);
	return map_count(usage->quota) + map_count(usage->logins) > 0;
}

int
usage_flush(struct usage *usage, struct err *err)
{
	if (map_count(usage->quota) + map_count(usage->logins) == 0)
		return 0;
	if (*usage->db == NULL)
		return err_set(err, ERR_UNAVAILABLE, "usage.db is not open");
	return flush_batch(usage, err);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct usage *usage = context;
	struct err err;
	int rc = usage_flush(usage, &err);

	if (rc < 0 && !usage->failing)
		log_error("usage cannot be written, trying again each second",
			LOG_ERR(&err));
	if (rc >= 0 && usage->failing)
		log_info("usage is written again",
			LOG_NUMBER("dropped", usage->dropped));
	usage->failing = rc < 0;
	if (rc != 0)
		schedule(usage, rc < 0 ? RETRY_MS : FLUSH_MORE_MS);
}

int
usage_quota(struct usage *usage, int64_t mailbox_id, int64_t *bytes_out,
	int64_t *messages_out, struct err *err)
{
	char key[KEY_SIZE];
	const struct quota_report *pending;
	struct db_query q;
	int got;

	(void)snprintf(key, sizeof(key), "%" PRId64, mailbox_id);
	pending = map_find(usage->quota, key);
	if (pending != NULL && pending->bytes >= 0 && pending->messages >= 0) {
		*bytes_out = pending->bytes;
		*messages_out = pending->messages;
		return 1;
	}
	if (*usage->db == NULL)
		return err_set(err, ERR_UNAVAILABLE, "usage.db is not open");
	q = db_query(*usage->db, &SQL_QUOTA_READ);
	db_bind_number(&q, 1, mailbox_id);
	got = db_step(&q, err);
	if (got == 1) {
		*bytes_out = db_number(&q, 0);
		*messages_out = db_number(&q, 1);
	}
	db_finish(&q);
	if (got < 0 || pending == NULL)
		return got;
	if (got == 0)
		*bytes_out = *messages_out = 0;
	if (pending->bytes >= 0)
		*bytes_out = pending->bytes;
	if (pending->messages >= 0)
		*messages_out = pending->messages;
	return 1;
}

void
usage_on_bytes(struct usage *usage, usage_bytes_fn *fn, void *context)
{
	usage->on_bytes = fn;
	usage->on_bytes_context = context;
}

uint64_t
usage_dropped(const struct usage *usage)
{
	return usage->dropped;
}

struct usage *
usage_new(struct event_base *loop, struct db *const *db)
{
	struct usage *usage = xmalloc(sizeof(*usage));

	usage->db = db;
	usage->quota = map_new();
	usage->logins = map_new();
	usage->timer = evtimer_new(loop, on_timer, usage);
	return usage;
}

static void
forget_all(struct map **map)
{
	size_t cursor = 0;
	const char *key;
	void *report;

	while (map_next(*map, &cursor, &key, &report))
		x_free(&report);
	map_free(map);
}

bool
usage_free(struct usage **usage_pointer)
{
	struct usage *usage = *usage_pointer;
	struct err err;
	bool complete;
	int rc;

	if (usage == NULL)
		return true;
	while ((rc = usage_flush(usage, &err)) > 0)
		continue;
	if (rc < 0)
		log_error("the last reports of usage are lost", LOG_ERR(&err));
	complete = rc == 0 && usage->dropped == 0;
	event_free(usage->timer);
	forget_all(&usage->quota);
	forget_all(&usage->logins);
	x_free(usage_pointer);
	return complete;
}
