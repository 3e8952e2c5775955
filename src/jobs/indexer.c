/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * usage.db is opened for each look: it may be replaced, and nobody waits.
 * doveadm names the mailbox in front of each complaint; that is how one
 * that fails is told from those beside it.
 */
#include "jobs/indexer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/disk_space.h"
#include "io/ipc.h"
#include "jobs/index_plan.h"
#include "model/instance.h"

#define BATCH_MAX 50
#define WAITING_MAX 500 /* read ahead of the batches */
#define BUSY_MS 200
#define DEADLINE_MS (65 * 60 * 1000) /* a little more than the agent's */
#define DAY_MS (24LL * 3600 * 1000)
#define KILLED 128 /* exit status of a program that a signal ended */
#define STATE_MODE 0640

struct lane {
	struct indexer *indexer;
	int batch; /* 0: idle */
	bool not_tried; /* Dovecot was not there */
	bool blamed;
	bool dropping; /* of a damaged index, before it is made anew */
};

struct indexer {
	struct event_base *loop;
	struct indexer_options options;
	struct index_plan *plan;
	struct lane lanes[SEARCH_WORKERS_MAX];
	struct event *timer;
	char state_path[PATHS_MAX + 32];
	int batch; /* the last number */
	bool more; /* usage.db has more than was read */
	bool no_room; /* said already */
	bool unread; /* the same of usage.db */
	bool unsaved; /* the same of the state */
	int64_t optimized_ms; /* wall clock */
	int64_t optimize_after; /* mailbox id; -1: not under way */
};

/* clang-format off */
static const struct db_statement SQL_NEWEST = { "indexer-newest",
	"SELECT coalesce(max(change), 0) FROM quota", NULL };
static const struct db_statement SQL_CHANGED = { "indexer-changed",
	"SELECT mailbox_id, change FROM quota WHERE change > ?1"
	" ORDER BY change LIMIT ?2", NULL };
static const struct db_statement SQL_ADDRESS = { "indexer-address",
	"SELECT address FROM mailbox WHERE id = ?1 AND active IN (1, 2)",
	NULL };
static const struct db_statement SQL_NEXT = { "indexer-next",
	"SELECT id, address FROM mailbox WHERE id > ?1 ORDER BY id LIMIT ?2",
	NULL };
/* clang-format on */

static void work(struct indexer *indexer);

static void
save(struct indexer *indexer)
{
	struct strbuf text;
	struct err err;
	int result;

	strbuf_init(&text, INDEX_PLAN_STATE_MAX);
	index_plan_save(indexer->plan, indexer->optimized_ms, &text);
	result = strbuf_overflowed(&text)
			 ? err_set(&err, ERR_TOO_BIG, "too many fail")
			 : fs_write_atomic(indexer->state_path, text.data,
				   text.length, STATE_MODE, (uid_t)-1,
				   (gid_t)-1, &err);
	if (result < 0 && !indexer->unsaved)
		log_warn("state of indexing cannot be written, a restart would"
			 " repeat work",
			LOG_ERR(&err));
	indexer->unsaved = result < 0;
	strbuf_deinit(&text);
}

static void
load(struct indexer *indexer)
{
	struct strbuf text;
	struct err err;

	strbuf_init(&text, INDEX_PLAN_STATE_MAX);
	if (fs_read(indexer->state_path, INDEX_PLAN_STATE_MAX - 1, &text,
		    &err) < 0) {
		if (err.code != ERR_NOT_FOUND)
			log_warn("state of indexing cannot be read, indexing"
				 " all anew",
				LOG_ERR(&err));
	} else if (index_plan_load(indexer->plan, text.data,
			   &indexer->optimized_ms, &err) < 0) {
		log_warn("state of indexing is damaged, indexing all anew",
			LOG_ERR(&err));
	}
	strbuf_deinit(&text);
}

static int
read_newest(struct db *usage, int64_t *newest_out, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_NEWEST);
	int got = db_step(&q, err);

	if (got == 1)
		*newest_out = db_number(&q, 0);
	db_finish(&q);
	return got == 1 ? 0 : -1;
}

static int
add_mailbox(
	struct indexer *indexer, int64_t id, int64_t change, struct err *err)
{
	struct db_query q = db_query(indexer->options.core, &SQL_ADDRESS);
	int got;

	db_bind_number(&q, 1, id);
	got = db_step(&q, err);
	if (got == 1)
		index_plan_add(indexer->plan, id, change, db_text(&q, 0));
	else if (got == 0)
		index_plan_pass(indexer->plan, id, change);
	db_finish(&q);
	return got < 0 ? -1 : 0;
}

static int
read_changes(struct indexer *indexer, struct db *usage, struct err *err)
{
	struct db_query q;
	int64_t newest;
	int count = 0, got;

	if (read_newest(usage, &newest, err) < 0)
		return -1;
	if (newest < index_plan_seen(indexer->plan))
		index_plan_restart(indexer->plan);
	q = db_query(usage, &SQL_CHANGED);
	db_bind_number(&q, 1, index_plan_seen(indexer->plan));
	db_bind_number(&q, 2, WAITING_MAX);
	while ((got = db_step(&q, err)) == 1) {
		count++;
		if (add_mailbox(indexer, db_number(&q, 0), db_number(&q, 1),
			    err) < 0) {
			got = -1;
			break;
		}
	}
	db_finish(&q);
	indexer->more = count == WAITING_MAX;
	return got;
}

static void
look(struct indexer *indexer)
{
	struct db *usage;
	struct err err = { 0 };
	int result = db_open(indexer->options.paths->usage_db, DB_READ,
		DB_SYNC_NORMAL, BUSY_MS, &usage, &err);

	if (result == 0) {
		result = read_changes(indexer, usage, &err);
		db_close(&usage);
	}
	if (result < 0 && !indexer->unread)
		log_warn("changed mailboxes cannot be read, indexing waits",
			LOG_ERR(&err));
	indexer->unread = result < 0;
}

static bool
has_room(struct indexer *indexer)
{
	struct disk_space space;
	struct err err;
	bool full =
		disk_space_measure(
			indexer->options.paths->index, &space, &err) == 0 &&
		disk_space_judge(disk_place_find("index"), &space,
			indexer->no_room ? DISK_FULL : DISK_GOOD) == DISK_FULL;

	if (full && !indexer->no_room)
		log_warn("disk is nearly full, indexing waits; searches read"
			 " the mail itself",
			LOG_NUMBER("free", (int64_t)space.free_bytes));
	indexer->no_room = full;
	return !full;
}

/* "doveadm(user@example.org)...: Error: text" */
static void
hear_line(struct lane *lane, const char *line)
{
	static const char START[] = "doveadm(";
	const char *from = line + strlen(START);
	const char *error = strstr(line, "Error: ");
	char address[ADDRESS_MAX];
	size_t length;

	if (strncmp(line, START, strlen(START)) != 0 || error == NULL)
		return;
	length = strcspn(from, ")");
	if (strstr(error, "auth-master:") != NULL ||
		strstr(error, "User lookup failed") != NULL) {
		lane->not_tried = true;
	} else if (length < sizeof(address)) {
		memcpy(address, from, length);
		address[length] = '\0';
		index_plan_blame(lane->indexer->plan, lane->batch, address,
			error + strlen("Error: "));
		lane->blamed = true;
	}
}

static void
on_progress(json_t *packet, void *context)
{
	size_t index;
	json_t *line;

	json_array_foreach(json_object_get(packet, "lines"), index,
		line) if (json_is_string(line))
		hear_line(context, json_string_value(line));
}

static void
tell_failures(const struct lane *lane, int64_t now_ms)
{
	const struct index_entry *e = index_plan_first(lane->indexer->plan);

	for (; e != NULL; e = e->next)
		if (e->failed_batch == lane->batch)
			log_warn("mailbox cannot be indexed, its index will be"
				 " made anew; searches read the mail itself",
				LOG_TEXT("mailbox", e->address),
				LOG_TEXT("cause", e->text),
				LOG_NUMBER("failures", e->failures),
				LOG_NUMBER("again_s",
					(e->due_ms - now_ms) / 1000));
}

static enum index_result
judge(const struct lane *lane, const json_t *reply)
{
	int64_t status = json_integer_value(json_object_get(reply, "status"));

	if (reply == NULL || lane->not_tried)
		return INDEX_NOT_TRIED;
	if (json_is_true(json_object_get(reply, "timed_out")) ||
		status >= KILLED || (status != 0 && !lane->blamed))
		return INDEX_UNKNOWN;
	return INDEX_DONE;
}

static void ask(struct lane *lane, const char *command);

static void
on_done(json_t *reply, const struct err *err UNUSED, void *context)
{
	struct lane *lane = context;
	struct indexer *indexer = lane->indexer;
	int64_t now_ms = clock_wall_ms();

	if (lane->dropping && reply != NULL) {
		lane->dropping = false;
		ask(lane, "index");
		return;
	}
	(void)index_plan_finish(
		indexer->plan, lane->batch, judge(lane, reply), now_ms);
	tell_failures(lane, now_ms);
	lane->batch = 0;
	save(indexer);
	work(indexer);
}

static void
ask(struct lane *lane, const char *command)
{
	struct indexer *indexer = lane->indexer;
	const struct index_entry *e = index_plan_first(indexer->plan);
	json_t *addresses = json_array();
	json_t *request;

	for (; e != NULL; e = e->next)
		if (e->batch == lane->batch)
			json_array_append_new(
				addresses, json_string(e->address));
	request = json_pack("{s:s, s:s, s:o}", "verb", "mail", "command",
		command, "addresses", addresses);
	BUG_ON(!request);
	lane->not_tried = lane->blamed = false;
	ipc_request_async(indexer->loop, indexer->options.agent_socket, request,
		DEADLINE_MS, on_progress, on_done, lane);
	json_decref(request);
}

static void
start(struct lane *lane)
{
	struct indexer *indexer = lane->indexer;
	bool has_failed;

	lane->batch = ++indexer->batch;
	if (index_plan_take(indexer->plan, lane->batch, BATCH_MAX,
		    clock_wall_ms(), &has_failed) == 0) {
		lane->batch = 0;
		return;
	}
	lane->dropping = has_failed;
	ask(lane, has_failed ? "fts-rescan" : "index");
}

/* Gives work to who has none. */
static void
work(struct indexer *indexer)
{
	if (!has_room(indexer))
		return;
	if (indexer->more && index_plan_count(indexer->plan) < WAITING_MAX)
		look(indexer);
	for (int i = 0; i < indexer->options.workers; i++)
		if (indexer->lanes[i].batch == 0)
			start(&indexer->lanes[i]);
}

/* Cleaning up: all mailboxes, a batch after the other. */

static void optimize_next(struct indexer *indexer);

static void
on_optimized(json_t *reply, const struct err *err, void *context)
{
	struct indexer *indexer = context;

	if (reply == NULL) {
		log_warn("search index not cleaned up, trying again later",
			LOG_ERR(err));
		indexer->optimize_after = -1;
		return;
	}
	optimize_next(indexer);
}

static int
next_mailboxes(struct indexer *indexer, json_t *addresses, struct err *err)
{
	struct db_query q = db_query(indexer->options.core, &SQL_NEXT);
	int got;

	db_bind_number(&q, 1, indexer->optimize_after);
	db_bind_number(&q, 2, BATCH_MAX);
	while ((got = db_step(&q, err)) == 1) {
		indexer->optimize_after = db_number(&q, 0);
		json_array_append_new(addresses, json_string(db_text(&q, 1)));
	}
	db_finish(&q);
	return got;
}

static void
optimize_next(struct indexer *indexer)
{
	json_t *addresses = json_array();
	json_t *request;
	struct err err;

	if (next_mailboxes(indexer, addresses, &err) < 0 ||
		json_array_size(addresses) == 0) {
		json_decref(addresses);
		indexer->optimize_after = -1;
		indexer->optimized_ms = clock_wall_ms();
		save(indexer);
		return;
	}
	request = json_pack("{s:s, s:s, s:o}", "verb", "mail", "command",
		"fts-optimize", "addresses", addresses);
	BUG_ON(!request);
	ipc_request_async(indexer->loop, indexer->options.agent_socket, request,
		DEADLINE_MS, NULL, on_optimized, indexer);
	json_decref(request);
}

static void
optimize_when_due(struct indexer *indexer)
{
	int64_t now_ms = clock_wall_ms();
	int64_t wait_ms = indexer->options.optimize_days * DAY_MS;

	if (wait_ms == 0 || indexer->optimize_after >= 0)
		return;
	/* A new instance has nothing to clean up; a clock may be put back. */
	if (indexer->optimized_ms == 0 || indexer->optimized_ms > now_ms)
		indexer->optimized_ms = now_ms;
	if (now_ms - indexer->optimized_ms < wait_ms)
		return;
	indexer->optimize_after = 0;
	optimize_next(indexer);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct indexer *indexer = context;

	if (index_plan_count(indexer->plan) < WAITING_MAX)
		look(indexer);
	work(indexer);
	optimize_when_due(indexer);
}

struct indexer *
indexer_new(struct event_base *loop, const struct indexer_options *options)
{
	const struct timeval lag = { .tv_sec = options->lag_ms / 1000,
		.tv_usec = options->lag_ms % 1000 * 1000 };
	struct indexer *indexer = xmalloc(sizeof(*indexer));

	indexer->loop = loop;
	indexer->options = *options;
	indexer->plan = index_plan_new();
	indexer->optimize_after = -1;
	snprintf(indexer->state_path, sizeof(indexer->state_path),
		"%s/core/search.json", options->paths->database);
	for (int i = 0; i < SEARCH_WORKERS_MAX; i++)
		indexer->lanes[i].indexer = indexer;
	load(indexer);
	indexer->timer = event_new(loop, -1, EV_PERSIST, on_timer, indexer);
	BUG_ON(!indexer->timer);
	event_add(indexer->timer, &lag);
	return indexer;
}

void
indexer_free(struct indexer **indexer)
{
	if (*indexer == NULL)
		return;
	event_free((*indexer)->timer);
	index_plan_free(&(*indexer)->plan);
	x_free(indexer);
}
