/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * An attempt is one login that waits for its verdict; a job is one run of
 * slow hashes in a thread, shared by all attempts that ask the same of the
 * same stored hashes. A job's memory is its arena: the thread reads the
 * candidates and writes the answer, the loop owns the rest.
 *
 * A lane is a queue with its threads. Sources that guess (source.h) have a
 * lane of their own, whose threads the scheduler lets run when nobody else
 * wants to: people never queue behind a running guess.
 */
#include "auth/judge.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/fair_queue.h"
#include "auth/positive_cache.h"
#include "auth/source.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"
#include "base/secret.h"
#include "io/pool.h"
#include "model/address.h"

#define QUEUE_MAX 1024
#define SOURCE_MAX 256 /* an office behind one address, after a restart */
#define GUESSER_MAX 8
#define GUESSERS_MAX 64 /* each holds a process of Dovecot or Postfix */
#define SOURCES_KEPT_MAX 16384
#define DEADLINE_MS 15000
#define CACHE_MAX 4096
#define CACHE_TTL_MS (10 * 60 * 1000)
#define ATTEMPTS_PER_JOB_MAX 64
#define THREADS_MAX 64
#define SWEEP_MS 100
#define JOB_KEY_SIZE (2 * crypto_auth_hmacsha256_BYTES + 1)

/* bcrypt of the cost that we create with; no password has this result. */
static const char dummy_hash[] = "{BLF-CRYPT}$2y$10$abcdefghijklmnopqrstuu"
				 "..............................a";

enum lane_name {
	LANE_PEOPLE,
	LANE_GUESSERS,
	LANE_COUNT
};

static const int nice_levels[LANE_COUNT] = {
	[LANE_PEOPLE] = 5,
	[LANE_GUESSERS] = 19,
};

struct job;

struct attempt {
	TAILQ_ENTRY(attempt) of_job;
	struct judge_request
		request; /* texts live in the arena of the attempt */
	struct secret password;
	judge_done_fn *done;
	void *context;
	struct arena *arena;
};

TAILQ_HEAD(attempts, attempt);

struct job {
	struct pool_job pool;
	struct fair_item waiting;
	struct judge *judge;
	enum lane_name lane;
	struct arena *arena;
	char key[JOB_KEY_SIZE];
	const char *mismatch_reason;
	int64_t deadline_ms;
	struct attempts attempts;
	int attempt_count;
	/* What the thread reads. */
	enum scheme_answer (*verify)(const char *stored, struct span password);
	const struct account_hash *candidates;
	int candidate_count;
	struct secret password;
	/* What the thread writes. */
	const struct account_hash *matched;
	bool failed; /* memory for a hash was refused */
};

struct lane {
	struct fair_queue *queue;
	struct pool *pool;
};

struct judge {
	struct judge_options options;
	unsigned char job_mac_key[crypto_auth_hmacsha256_KEYBYTES];
	struct lane lanes[LANE_COUNT];
	struct source_list *sources;
	struct positive_cache *cache;
	struct map *jobs; /* waiting and running, by key */
	struct event *sweep;
	struct judge_stats stats;
};

/* Verdicts. */

static void
attempt_free(struct attempt *attempt)
{
	secret_deinit(&attempt->password);
	arena_free(&attempt->arena);
	x_free(&attempt);
}

/* The attempt is gone afterwards. */
static void
attempt_answer(struct judge *judge, struct attempt *attempt,
	const struct judge_verdict *verdict)
{
	if (verdict->outcome == JUDGE_OK && judge->options.on_login != NULL)
		judge->options.on_login(verdict, &attempt->request,
			judge->options.login_context);
	attempt->done(verdict, attempt->context);
	attempt_free(attempt);
}

static void
attempt_refuse(struct judge *judge, struct attempt *attempt,
	enum judge_outcome outcome, const char *reason)
{
	struct judge_verdict verdict = { .outcome = outcome, .reason = reason };

	attempt_answer(judge, attempt, &verdict);
}

static void
attempt_accept(struct judge *judge, struct attempt *attempt,
	const struct account *account, const struct account_hash *hash)
{
	struct judge_verdict verdict = {
		.outcome = JUDGE_OK,
		.address = account->address,
		.mailbox_id = account->mailbox_id,
		.app_password_id = hash->app_password_id,
	};

	if (hash->refusal != NULL)
		attempt_refuse(judge, attempt, JUDGE_FAIL, hash->refusal);
	else
		attempt_answer(judge, attempt, &verdict);
}

/* Jobs. */

static void
job_free(struct job *job)
{
	struct arena *arena = job->arena;

	secret_deinit(&job->password);
	arena_free(&arena); /* the job itself lives in it */
}

/* Answers everybody and ends the job, which no thread has any more. */
static void
job_refuse(struct judge *judge, struct job *job, enum judge_outcome outcome,
	const char *reason)
{
	struct attempt *attempt;

	map_remove(judge->jobs, job->key);
	while ((attempt = TAILQ_FIRST(&job->attempts)) != NULL) {
		TAILQ_REMOVE(&job->attempts, attempt, of_job);
		attempt_refuse(judge, attempt, outcome, reason);
	}
	job_free(job);
}

static struct job *
job_of_item(struct fair_item *item)
{
	return (struct job *)((char *)item - offsetof(struct job, waiting));
}

static struct job *
job_of_pool(struct pool_job *pool_job)
{
	return (struct job *)((char *)pool_job - offsetof(struct job, pool));
}

/* In a thread. */
static void
job_work(struct pool_job *pool_job)
{
	struct job *job = job_of_pool(pool_job);
	struct span password = { job->password.bytes, job->password.length };

	for (int i = 0; i < job->candidate_count; i++) {
		const struct account_hash *candidate = &job->candidates[i];
		enum scheme_answer answer =
			job->verify(candidate->stored, password);

		if (answer == SCHEME_MATCH) {
			job->matched = candidate;
			return;
		}
		if (answer == SCHEME_FAILED)
			job->failed = true;
	}
}

static const struct account_hash *
same_hash(const struct account *account, const struct account_hash *wanted)
{
	for (int i = 0; i < account->hash_count; i++) {
		const struct account_hash *hash = &account->hashes[i];

		if (hash->app_password_id == wanted->app_password_id &&
			strcmp(hash->stored, wanted->stored) == 0)
			return hash;
	}
	return NULL;
}

/* The hash matched; does it still open the mailbox? */
static void
attempt_confirm(struct judge *judge, struct attempt *attempt,
	const struct account_hash *matched)
{
	struct account account;
	const struct account_hash *hash;
	struct db *core = *judge->options.core;
	int got = core == NULL ? -1
			       : account_find(core, attempt->request.user,
					 attempt->request.service,
					 attempt->arena, &account, NULL);

	if (got < 0) {
		attempt_refuse(judge, attempt, JUDGE_TEMP, "database");
		return;
	}
	hash = got == 1 ? same_hash(&account, matched) : NULL;
	if (hash == NULL)
		attempt_refuse(judge, attempt, JUDGE_FAIL, "password-changed");
	else
		attempt_accept(judge, attempt, &account, hash);
}

static void
job_matched(struct judge *judge, struct job *job)
{
	struct attempt *attempt = TAILQ_FIRST(&job->attempts);

	positive_cache_add(judge->cache, job->matched->stored,
		account_service_name(attempt->request.service),
		(struct span){ job->password.bytes, job->password.length },
		judge->options.now_ms());
	map_remove(judge->jobs, job->key);
	while ((attempt = TAILQ_FIRST(&job->attempts)) != NULL) {
		TAILQ_REMOVE(&job->attempts, attempt, of_job);
		attempt_confirm(judge, attempt, job->matched);
	}
	job_free(job);
}

static void
source_of(const struct attempt *attempt, char out[SOURCE_KEY_MAX])
{
	source_key(attempt->request.remote_ip, attempt->request.user, out);
}

/* No password of the account's; each attempt counts, also a shared one. */
static void
job_mismatched(struct judge *judge, struct job *job)
{
	char source[SOURCE_KEY_MAX];
	struct attempt *attempt;

	TAILQ_FOREACH(attempt, &job->attempts, of_job)
	{
		source_of(attempt, source);
		source_failed(judge->sources, source, judge->options.now_ms());
	}
	job_refuse(judge, job, JUDGE_FAIL, job->mismatch_reason);
}

/* Back in the loop. */
static void
job_done(struct pool_job *pool_job)
{
	struct job *job = job_of_pool(pool_job);
	struct judge *judge = job->judge;

	judge->stats.hashed++;
	if (job->matched != NULL)
		job_matched(judge, job);
	else if (job->failed)
		job_refuse(judge, job, JUDGE_TEMP, "memory");
	else
		job_mismatched(judge, job);
}

static struct pool_job *
next_job(void *context)
{
	struct lane *lane = context;
	struct fair_item *item = fair_queue_pop(lane->queue);

	return item == NULL ? NULL : &job_of_item(item)->pool;
}

static size_t
waiting_count(const struct judge *judge)
{
	size_t count = 0;

	for (int i = 0; i < LANE_COUNT; i++)
		count += fair_queue_count(judge->lanes[i].queue);
	return count;
}

static void
sweep_again(struct judge *judge)
{
	static const struct timeval interval = { 0, SWEEP_MS * 1000 };

	if (waiting_count(judge) > 0 && !evtimer_pending(judge->sweep, NULL))
		(void)evtimer_add(judge->sweep, &interval);
}

/* All deadlines are equally long: the oldest job is the first one late. */
static void
sweep_lane(struct judge *judge, struct fair_queue *queue)
{
	int64_t now_ms = judge->options.now_ms();
	struct fair_item *item;

	while ((item = fair_queue_oldest(queue)) != NULL) {
		struct job *job = job_of_item(item);

		if (job->deadline_ms > now_ms)
			break;
		fair_queue_remove(queue, item);
		judge->stats.refused_late++;
		job_refuse(judge, job, JUDGE_TEMP, "late");
	}
}

static void
sweep_late(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct judge *judge = context;

	for (int i = 0; i < LANE_COUNT; i++)
		sweep_lane(judge, judge->lanes[i].queue);
	sweep_again(judge);
}

static void
mac_text(crypto_auth_hmacsha256_state *state, struct span text)
{
	uint64_t length = text.length;

	crypto_auth_hmacsha256_update(
		state, (const unsigned char *)&length, sizeof(length));
	crypto_auth_hmacsha256_update(
		state, (const unsigned char *)text.data, text.length);
}

static void
job_key(const struct judge *judge, const struct attempt *attempt,
	const struct account_hash *candidates, int count,
	char out[JOB_KEY_SIZE])
{
	crypto_auth_hmacsha256_state state;
	unsigned char mac[crypto_auth_hmacsha256_BYTES];

	crypto_auth_hmacsha256_init(
		&state, judge->job_mac_key, sizeof(judge->job_mac_key));
	mac_text(&state, span_from(attempt->request.user));
	mac_text(&state, attempt->request.password);
	mac_text(&state,
		span_from(account_service_name(attempt->request.service)));
	for (int i = 0; i < count; i++)
		mac_text(&state, span_from(candidates[i].stored));
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2hex(out, JOB_KEY_SIZE, mac, sizeof(mac));
}

static struct job *
job_new(struct judge *judge, const struct attempt *attempt,
	const struct account_hash *candidates, int count, const char *key)
{
	struct arena *arena = arena_new();
	struct job *job = arena_alloc(arena, sizeof(*job));
	struct account_hash *copies =
		arena_alloc(arena, (size_t)count * sizeof(*copies));

	for (int i = 0; i < count; i++) {
		copies[i] = candidates[i];
		if (candidates[i].stored != dummy_hash)
			copies[i].stored =
				arena_strdup(arena, candidates[i].stored);
	}
	job->pool.work = job_work;
	job->pool.done = job_done;
	job->judge = judge;
	job->arena = arena;
	memcpy(job->key, key, sizeof(job->key));
	job->deadline_ms = judge->options.now_ms() + judge->options.deadline_ms;
	TAILQ_INIT(&job->attempts);
	job->verify = judge->options.verify;
	job->candidates = copies;
	job->candidate_count = count;
	secret_set(&job->password, attempt->request.password.data,
		attempt->request.password.length);
	return job;
}

static bool
job_push(struct judge *judge, struct job *job, const struct attempt *attempt)
{
	char source[SOURCE_KEY_MAX];
	struct fair_item *pushed_out;

	source_of(attempt, source);
	job->lane =
		source_guesses(judge->sources, source, judge->options.now_ms())
			? LANE_GUESSERS
			: LANE_PEOPLE;
	if (!fair_queue_push(judge->lanes[job->lane].queue, &job->waiting,
		    source, attempt->request.user, &pushed_out))
		return false;
	map_set(judge->jobs, job->key, job);
	if (pushed_out != NULL) {
		judge->stats.refused_busy++;
		job_refuse(judge, job_of_item(pushed_out), JUDGE_TEMP, "busy");
	}
	return true;
}

/* The slow hashes, those that could open it first. */
static int
collect_slow(const struct account *account,
	struct account_hash out[ACCOUNT_HASHES_MAX])
{
	int count = 0;

	for (int refused = 0; refused <= 1; refused++) {
		for (int i = 0; i < account->hash_count; i++) {
			const struct account_hash *hash = &account->hashes[i];

			if ((hash->refusal != NULL) == (bool)refused &&
				scheme_is_hash(hash->stored) &&
				!scheme_is_fast(hash->stored))
				out[count++] = *hash;
		}
	}
	if (count == 0)
		out[count++].stored = dummy_hash;
	return count;
}

/* Hands the attempt to a job that computes its slow hashes. */
static void
attempt_queue(struct judge *judge, struct attempt *attempt,
	const struct account *account)
{
	struct account_hash candidates[ACCOUNT_HASHES_MAX] = { 0 };
	int count = collect_slow(account, candidates);
	char key[JOB_KEY_SIZE];
	struct job *job;
	bool joins;

	job_key(judge, attempt, candidates, count, key);
	job = map_find(judge->jobs, key);
	joins = job != NULL;
	if (joins && job->attempt_count >= ATTEMPTS_PER_JOB_MAX) {
		judge->stats.refused_busy++;
		attempt_refuse(judge, attempt, JUDGE_TEMP, "busy");
		return;
	}
	if (!joins)
		job = job_new(judge, attempt, candidates, count, key);
	job->mismatch_reason =
		account->hash_count == 0 ? "unknown-user" : "bad-credentials";
	TAILQ_INSERT_TAIL(&job->attempts, attempt, of_job);
	job->attempt_count++;
	if (joins) {
		judge->stats.joined++;
	} else if (job_push(judge, job, attempt)) {
		sweep_again(judge);
		pool_wake(judge->lanes[job->lane].pool);
	} else {
		judge->stats.refused_busy++;
		job_refuse(judge, job, JUDGE_TEMP, "busy");
	}
}

/* A match without waiting: a fast hash, or one that matched lately. */
static const struct account_hash *
match_now(struct judge *judge, const struct attempt *attempt,
	const struct account *account, bool refused)
{
	struct span password = attempt->request.password;
	const char *service = account_service_name(attempt->request.service);
	int64_t now_ms = judge->options.now_ms();

	for (int i = 0; i < account->hash_count; i++) {
		const struct account_hash *hash = &account->hashes[i];

		if ((hash->refusal != NULL) != refused)
			continue;
		if (scheme_is_fast(hash->stored)) {
			if (scheme_verify(hash->stored, password) ==
				SCHEME_MATCH)
				return hash;
		} else if (positive_cache_has(judge->cache, hash->stored,
				   service, password, now_ms)) {
			judge->stats.from_cache++;
			return hash;
		}
	}
	return NULL;
}

static void
attempt_begin(struct judge *judge, struct attempt *attempt)
{
	struct account account = { 0 };
	const struct account_hash *hash;
	struct db *core = *judge->options.core;

	if (core == NULL || account_find(core, attempt->request.user,
				    attempt->request.service, attempt->arena,
				    &account, NULL) < 0) {
		attempt_refuse(judge, attempt, JUDGE_TEMP, "database");
		return;
	}
	hash = match_now(judge, attempt, &account, false);
	if (hash == NULL)
		hash = match_now(judge, attempt, &account, true);
	if (hash != NULL)
		attempt_accept(judge, attempt, &account, hash);
	else
		attempt_queue(judge, attempt, &account);
}

void
judge_submit(struct judge *judge, const struct judge_request *request,
	judge_done_fn *done, void *context)
{
	struct attempt *attempt = xmalloc(sizeof(*attempt));
	const char *ip = request->remote_ip;

	attempt->arena = arena_new();
	attempt->done = done;
	attempt->context = context;
	attempt->request = *request;
	attempt->request.user =
		arena_strndup(attempt->arena, request->user, JUDGE_USER_MAX);
	attempt->request.remote_ip =
		arena_strdup(attempt->arena, ip == NULL ? "" : ip);
	secret_set(&attempt->password, request->password.data,
		request->password.length);
	attempt->request.password.data = attempt->password.bytes;
	attempt_begin(judge, attempt);
}

void
judge_stats_get(const struct judge *judge, struct judge_stats *out)
{
	*out = judge->stats;
	out->waiting = waiting_count(judge);
	for (int i = 0; i < LANE_COUNT; i++)
		out->running += (size_t)pool_busy(judge->lanes[i].pool);
	out->remembered = positive_cache_count(judge->cache);
}

/*
 * One core stays free of hashes where there are three or more; on two,
 * the nice level must do, or a restart with a thousand clients takes long.
 */
static int
default_threads(long cores)
{
	if (cores <= 2)
		return cores < 1 ? 1 : (int)cores;
	return cores - 1 > THREADS_MAX ? THREADS_MAX : (int)(cores - 1);
}

static void
set_defaults(struct judge_options *options)
{
	if (options->threads == 0)
		options->threads =
			default_threads(sysconf(_SC_NPROCESSORS_ONLN));
	if (options->guesser_threads == 0)
		options->guesser_threads = (options->threads + 1) / 2;
	if (options->queue_max == 0)
		options->queue_max = QUEUE_MAX;
	if (options->source_max == 0)
		options->source_max = SOURCE_MAX;
	if (options->guesser_max == 0)
		options->guesser_max = GUESSER_MAX;
	if (options->deadline_ms == 0)
		options->deadline_ms = DEADLINE_MS;
	if (options->cache_max == 0)
		options->cache_max = CACHE_MAX;
	if (options->cache_ttl_ms == 0)
		options->cache_ttl_ms = CACHE_TTL_MS;
	if (options->verify == NULL)
		options->verify = scheme_verify;
	if (options->now_ms == NULL)
		options->now_ms = clock_monotonic_ms;
}

static void
lane_start(struct judge *judge, enum lane_name name, int threads,
	size_t queue_max, size_t source_max)
{
	struct lane *lane = &judge->lanes[name];

	lane->queue = fair_queue_new(queue_max, source_max);
	lane->pool = pool_new(judge->options.loop, threads, nice_levels[name],
		next_job, lane);
}

struct judge *
judge_new(const struct judge_options *options)
{
	struct judge *judge = xmalloc(sizeof(*judge));

	judge->options = *options;
	set_defaults(&judge->options);
	random_bytes(judge->job_mac_key, sizeof(judge->job_mac_key));
	judge->cache = positive_cache_new(
		judge->options.cache_max, judge->options.cache_ttl_ms);
	judge->sources = source_list_new(SOURCES_KEPT_MAX);
	judge->jobs = map_new();
	judge->sweep = evtimer_new(options->loop, sweep_late, judge);
	lane_start(judge, LANE_PEOPLE, judge->options.threads,
		judge->options.queue_max, judge->options.source_max);
	lane_start(judge, LANE_GUESSERS, judge->options.guesser_threads,
		GUESSERS_MAX, judge->options.guesser_max);
	return judge;
}

void
judge_free(struct judge **judge_pointer)
{
	struct judge *judge = *judge_pointer;
	struct fair_item *item;

	if (judge == NULL)
		return;
	for (int i = 0; i < LANE_COUNT; i++) {
		struct lane *lane = &judge->lanes[i];

		while ((item = fair_queue_pop(lane->queue)) != NULL)
			job_refuse(judge, job_of_item(item), JUDGE_TEMP,
				"stopping");
		pool_free(&lane->pool);
		fair_queue_free(&lane->queue);
	}
	event_free(judge->sweep);
	source_list_free(&judge->sources);
	positive_cache_free(&judge->cache);
	map_free(&judge->jobs);
	sodium_memzero(judge->job_mac_key, sizeof(judge->job_mac_key));
	x_free(judge_pointer);
}
