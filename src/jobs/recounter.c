/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A batch that does not end well is asked for again, without those of it
 * that are out of doubt by then: Dovecot may not be there yet. After some
 * tries the others go first. A round of the rows is followed by rounds of
 * all mailboxes, until one finds nobody; between two that did not help
 * the time grows.
 *
 * usage.db is opened for each look: it may be replaced, and nobody waits.
 */
#include "jobs/recounter.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "io/health.h"
#include "io/ipc.h"

#define FIRST_MS 1000 /* the directory marks its file when it starts */
#define REST_MS 5000
#define AGAIN_MS 3000
#define ROUND_MS 2000 /* a number is in usage.db by then */
#define ROUND_MAX_MS (60 * 60 * 1000)
#define TRIES_MAX 5
#define BUSY_MS 200
#define DEADLINE_MS (65 * 60 * 1000) /* a little more than the agent's */

struct recounter {
	struct event_base *loop;
	struct db *core;
	const char *usage_path;
	const char *agent_socket;
	struct health *health;
	struct event *timer;
	int64_t doubt; /* of usage.db; 0: there is none; -1: not known */
	bool settled; /* nobody is in that doubt any more */
	struct recounter_place place;
	struct recounter_place place_after; /* the batch that is asked for */
	int tries; /* of this batch */
	int64_t asked; /* mailboxes, in this round */
	int64_t asked_before; /* in the one before; -1: there was none */
	int64_t round_ms; /* between two that did not help */
	bool said; /* that numbers are in doubt */
	bool unread; /* usage.db; the same */
	bool asking; /* an answer is awaited */
	bool stopping; /* freed when it is here */
};

/* clang-format off */
static const struct db_statement SQL_DOUBT = { "recounter-doubt",
	"SELECT doubt, (SELECT count(*) FROM quota WHERE change < doubt)"
	" FROM quota_state WHERE only = 1", NULL };
static const struct db_statement SQL_ROWS = { "recounter-rows",
	"SELECT mailbox_id, change FROM quota WHERE change < ?1"
	" ORDER BY change DESC LIMIT ?2", NULL };
static const struct db_statement SQL_CHANGE = { "recounter-change",
	"SELECT change FROM quota WHERE mailbox_id = ?1", NULL };
static const struct db_statement SQL_ADDRESS = { "recounter-address",
	"SELECT address FROM mailbox WHERE id = ?1 AND active IN (1, 2)",
	NULL };
static const struct db_statement SQL_MAILBOXES = { "recounter-mailboxes",
	"SELECT id, address FROM mailbox WHERE id > ?1 AND active IN (1, 2)"
	" ORDER BY id", NULL };

const struct db_statement *const recounter_usage_statements[] = {
	&SQL_DOUBT, &SQL_ROWS, &SQL_CHANGE };
const int recounter_usage_statement_count =
	ARRAY_LENGTH(recounter_usage_statements);
const struct db_statement *const recounter_core_statements[] = {
	&SQL_ADDRESS, &SQL_MAILBOXES };
const int recounter_core_statement_count =
	ARRAY_LENGTH(recounter_core_statements);

/* clang-format on */

static void
add(json_t *addresses, const char *address)
{
	BUG_ON(json_array_append_new(addresses, json_string(address)) < 0);
}

static int
add_by_id(struct db *core, int64_t id, json_t *addresses, struct err *err)
{
	struct db_query q = db_query(core, &SQL_ADDRESS);
	int got;

	db_bind_number(&q, 1, id);
	got = db_step(&q, err);
	if (got == 1)
		add(addresses, db_text(&q, 0));
	db_finish(&q);
	return got < 0 ? -1 : 0;
}

/* How many rows there were, -1. Those of who is gone or off add nothing. */
static int
next_rows(struct db *usage, struct db *core, struct recounter_place *place,
	json_t *addresses, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_ROWS);
	int count = 0, got;

	db_bind_number(&q, 1, place->change);
	db_bind_number(
		&q, 2, RECOUNTER_BATCH - (int64_t)json_array_size(addresses));
	while ((got = db_step(&q, err)) == 1) {
		count++;
		place->change = db_number(&q, 1);
		got = add_by_id(core, db_number(&q, 0), addresses, err);
		if (got < 0)
			break;
	}
	db_finish(&q);
	return got < 0 ? -1 : count;
}

/* 1, 0, -1. */
static int
is_in_doubt(struct db *usage, int64_t id, int64_t doubt, struct err *err)
{
	struct db_query q = db_query(usage, &SQL_CHANGE);
	int got;

	db_bind_number(&q, 1, id);
	got = db_step(&q, err);
	if (got >= 0)
		got = got == 0 || db_number(&q, 0) < doubt;
	db_finish(&q);
	return got;
}

static int
next_mailboxes(struct db *usage, struct db *core, int64_t doubt,
	struct recounter_place *place, json_t *addresses, struct err *err)
{
	struct db_query q = db_query(core, &SQL_MAILBOXES);
	int got = 0;

	db_bind_number(&q, 1, place->mailbox_id);
	while (json_array_size(addresses) < RECOUNTER_BATCH &&
		(got = db_step(&q, err)) == 1) {
		place->mailbox_id = db_number(&q, 0);
		got = is_in_doubt(usage, place->mailbox_id, doubt, err);
		if (got < 0)
			break;
		if (got == 1)
			add(addresses, db_text(&q, 1));
	}
	db_finish(&q);
	return got < 0 ? -1 : 0;
}

int
recounter_next(struct db *usage, struct db *core, int64_t doubt,
	struct recounter_place *place, json_t *addresses, struct err *err)
{
	int count = 1;

	if (place->change == 0)
		return next_mailboxes(
			usage, core, doubt, place, addresses, err);
	while (count > 0 && json_array_size(addresses) < RECOUNTER_BATCH)
		count = next_rows(usage, core, place, addresses, err);
	return count < 0 ? -1 : 0;
}

static void
look_in(struct recounter *recounter, int64_t ms)
{
	const struct timeval wait = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	evtimer_add(recounter->timer, &wait);
}

static void
on_answer(json_t *reply, const struct err *cause UNUSED, void *context)
{
	struct recounter *recounter = context;

	recounter->asking = false;
	if (recounter->stopping) {
		recounter_free(&recounter);
		return;
	}
	if (reply == NULL ||
		(json_integer_value(json_object_get(reply, "status")) != 0 &&
			++recounter->tries < TRIES_MAX)) {
		look_in(recounter, AGAIN_MS);
		return;
	}
	recounter->tries = 0;
	recounter->place = recounter->place_after;
	look_in(recounter, 0);
}

static void
ask(struct recounter *recounter, json_t *addresses)
{
	json_t *request = json_pack("{s:s, s:s, s:O}", "verb", "mail",
		"command", "recount-in-doubt", "addresses", addresses);

	BUG_ON(request == NULL);
	if (recounter->tries == 0)
		recounter->asked += (int64_t)json_array_size(addresses);
	recounter->asking = true;
	ipc_request_async(recounter->loop, recounter->agent_socket, request,
		DEADLINE_MS, NULL, on_answer, recounter);
	json_decref(request);
}

static void
settle(struct recounter *recounter)
{
	health_set(recounter->health, true, "no number is in doubt");
	recounter->settled = true;
}

/* Nobody was left to ask for. */
static void
end_round(struct recounter *recounter)
{
	bool was_of_all = recounter->place.change == 0 &&
			  recounter->place_after.change == 0;
	bool helps = recounter->asked_before < 0 ||
		     recounter->asked < recounter->asked_before;

	if (was_of_all && recounter->asked == 0) {
		if (recounter->said)
			log_info("numbers of quota are right again");
		settle(recounter);
		look_in(recounter, REST_MS);
		return;
	}
	recounter->round_ms = helps ? ROUND_MS : recounter->round_ms * 2;
	if (recounter->round_ms > ROUND_MAX_MS)
		recounter->round_ms = ROUND_MAX_MS;
	if (!helps)
		log_warn("mailboxes cannot be counted, their numbers of quota"
			 " may be wrong, trying on",
			LOG_NUMBER("mailboxes", recounter->asked),
			LOG_NUMBER("again_s", recounter->round_ms / 1000));
	recounter->asked_before = was_of_all ? recounter->asked : -1;
	recounter->asked = 0;
	recounter->place = (struct recounter_place){ 0 };
	look_in(recounter, recounter->round_ms);
}

static void
tell(struct recounter *recounter, int64_t rows)
{
	char text[HEALTH_TEXT_SIZE];

	snprintf(text, sizeof(text),
		"numbers are in doubt since an unclean end; mailboxes are"
		" counted anew, %" PRId64 " to come",
		rows);
	health_set(recounter->health, false, text);
	if (!recounter->said)
		log_info("numbers of quota are in doubt, counting mailboxes"
			 " anew",
			LOG_NUMBER("rows", rows));
	recounter->said = true;
}

static void
begin(struct recounter *recounter, int64_t doubt)
{
	recounter->doubt = doubt;
	recounter->settled = false;
	recounter->said = false;
	recounter->place = (struct recounter_place){ .change = doubt };
	recounter->tries = 0;
	recounter->asked = 0;
	recounter->asked_before = -1;
	recounter->round_ms = ROUND_MS;
	if (doubt == 0)
		settle(recounter);
}

static int
read_doubt(struct db *usage, int64_t *doubt_out, int64_t *rows_out,
	struct err *err)
{
	struct db_query q = db_query(usage, &SQL_DOUBT);
	int got = db_step(&q, err);

	if (got == 1) {
		*doubt_out = db_number(&q, 0);
		*rows_out = db_number(&q, 1);
	}
	db_finish(&q);
	if (got == 0)
		return err_set(err, ERR_CORRUPT, "usage.db has no state");
	return got < 0 ? -1 : 0;
}

static int
go_on(struct recounter *recounter, struct db *usage, struct err *err)
{
	json_t *addresses;
	int64_t doubt, rows;
	int status;

	if (read_doubt(usage, &doubt, &rows, err) < 0)
		return -1;
	if (doubt != recounter->doubt)
		begin(recounter, doubt);
	if (recounter->settled) {
		look_in(recounter, REST_MS);
		return 0;
	}
	addresses = json_array();
	recounter->place_after = recounter->place;
	status = recounter_next(usage, recounter->core, doubt,
		&recounter->place_after, addresses, err);
	if (status == 0 && json_array_size(addresses) > 0) {
		tell(recounter, rows);
		ask(recounter, addresses);
	} else if (status == 0) {
		end_round(recounter);
	}
	json_decref(addresses);
	return status;
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct recounter *recounter = context;
	struct db *usage;
	struct err err = { 0 };
	int status = db_open(recounter->usage_path, DB_READ, DB_SYNC_NORMAL,
		BUSY_MS, &usage, &err);

	if (status == 0) {
		status = go_on(recounter, usage, &err);
		db_close(&usage);
	}
	/* One that is not there yet is the directory's to make. */
	if (status < 0 && !recounter->unread && err.code != ERR_NOT_FOUND)
		log_warn("numbers of quota cannot be looked at, trying on",
			LOG_ERR(&err));
	recounter->unread = status < 0;
	if (status < 0)
		look_in(recounter, REST_MS);
}

struct recounter *
recounter_new(struct event_base *loop, struct db *core,
	const struct paths *paths, const char *agent_socket)
{
	struct recounter *recounter = xmalloc(sizeof(*recounter));

	recounter->loop = loop;
	recounter->core = core;
	recounter->usage_path = paths->usage_db;
	recounter->agent_socket = agent_socket;
	recounter->doubt = -1;
	recounter->health = health_new(loop, agent_socket, "quota.numbers");
	recounter->timer = evtimer_new(loop, on_timer, recounter);
	BUG_ON(recounter->timer == NULL);
	look_in(recounter, FIRST_MS);
	return recounter;
}

void
recounter_free(struct recounter **recounter)
{
	if (*recounter == NULL)
		return;
	health_free(&(*recounter)->health);
	if ((*recounter)->asking) {
		(*recounter)->stopping = true;
		event_del((*recounter)->timer);
		*recounter = NULL;
		return;
	}
	event_free((*recounter)->timer);
	x_free(recounter);
}
