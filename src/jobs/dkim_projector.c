/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Redis executes the commands of one connection in order. So a change of
 * one domain that is sent after a full copy was read cannot be undone by
 * that copy.
 */
#include "jobs/dkim_projector.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/log.h"
#include "jobs/redis_link.h"
#include "model/dkim.h"

#define REPLY_DEADLINE_S 5
#define AGAIN_MS 1000 /* a copy that was refused */
#define REFUSAL_SIZE 128
#define LOADING "LOADING" /* the first word of what Redis says meanwhile */
#define SELECTORS "DKIM_SELECTORS"
#define PRIVATE_KEYS "DKIM_PRIV_KEYS"

/* Removes a domain's key, whatever its selector, and sets the new one. */
static const char REPLACE[] =
	"local old = redis.call('HGET', KEYS[1], ARGV[1]) "
	"if old then "
	"redis.call('HDEL', KEYS[2], old .. '.' .. ARGV[1]) "
	"redis.call('HDEL', KEYS[1], ARGV[1]) "
	"end "
	"if ARGV[2] then "
	"redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) "
	"redis.call('HSET', KEYS[2], ARGV[2] .. '.' .. ARGV[1], ARGV[3]) "
	"end "
	"return 1";

struct dkim_projector {
	struct dkim_projector_options options;
	struct redis_link *link;
	struct event *deadline; /* pending while replies are */
	int waiting; /* replies */
	int good; /* keys in the copy that is being made */
	int bad; /* keys that do not open */
	struct event *again; /* pending after a copy that was refused */
	char refusal[REFUSAL_SIZE]; /* why the copy is refused; "" */
	bool failing; /* and that was said */
};

struct request {
	struct dkim_projector *projector;
	dkim_projector_done_fn *done;
	void *context;
};

static void
expect_reply(struct dkim_projector *projector)
{
	struct timeval wait = { .tv_sec = REPLY_DEADLINE_S };

	projector->waiting++;
	event_add(projector->deadline, &wait);
}

static void
end_reply(struct dkim_projector *projector)
{
	if (--projector->waiting == 0)
		event_del(projector->deadline);
}

static void
on_deadline(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct dkim_projector *projector = context;

	log_warn("redis is silent, connecting again", LOG_END);
	redis_link_reset(projector->link);
}

static int
check_reply(const redisReply *reply, struct err *err)
{
	if (!reply)
		return err_set(
			err, ERR_UNAVAILABLE, "connection to redis was lost");
	if (reply->type == REDIS_REPLY_ERROR)
		return err_set(err, ERR_SYSTEM, "redis says: %s", reply->str);
	if (reply->type == REDIS_REPLY_NIL)
		return err_set(err, ERR_SYSTEM, "redis gave it up");
	for (size_t i = 0;
		reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++)
		if (check_reply(reply->element[i], err) < 0)
			return -1;
	return 0;
}

static void
report(struct dkim_projector *projector, bool ok, const char *text)
{
	if (projector->options.health)
		health_set(projector->options.health, ok, text);
}

static bool
is_loading(const struct dkim_projector *projector)
{
	return strncmp(projector->refusal, LOADING, strlen(LOADING)) == 0;
}

/*
 * Redis refuses while its memory or disk is full, and while it loads what
 * it has stored: that is a part of its start, and no error.
 */
static void
copy_again_later(struct dkim_projector *projector, const char *sentence,
	const struct err *cause)
{
	int ms = projector->options.again_ms > 0 ? projector->options.again_ms
						 : AGAIN_MS;
	struct timeval wait = { .tv_sec = ms / 1000,
		.tv_usec = ms % 1000 * 1000 };

	if (!is_loading(projector)) {
		if (!projector->failing)
			log_error(sentence, LOG_ERR(cause));
		projector->failing = true;
	}
	report(projector, false, cause->text);
	event_add(projector->again, &wait);
}

/* Why a copy is refused: its EXEC says only that a command was. */
static void
on_queued(redisAsyncContext *redis UNUSED, void *reply, void *context)
{
	struct dkim_projector *projector = context;
	const redisReply *answer = reply;

	if (answer && answer->type == REDIS_REPLY_ERROR &&
		projector->refusal[0] == '\0')
		snprintf(projector->refusal, sizeof(projector->refusal), "%s",
			answer->str);
}

static void
on_copied(redisAsyncContext *redis UNUSED, void *reply, void *context)
{
	struct dkim_projector *projector = context;
	char text[HEALTH_TEXT_SIZE];
	struct err err;

	end_reply(projector);
	if (check_reply(reply, &err) < 0) {
		if (projector->refusal[0] != '\0')
			(void)err_set(&err, ERR_SYSTEM, "redis says: %s",
				projector->refusal);
		copy_again_later(projector,
			"DKIM keys were not handed to the spam filter, mail"
			" may go out unsigned; trying on",
			&err);
		return;
	}
	projector->failing = false;
	snprintf(text, sizeof(text), "%d keys in place, %d do not open",
		projector->good, projector->bad);
	log_info("DKIM keys are in place", LOG_NUMBER("keys", projector->good),
		LOG_NUMBER("unreadable", projector->bad));
	report(projector, projector->bad == 0, text);
}

static int
copy_key(void *context, const struct dkim_key *key, struct err *err UNUSED)
{
	struct dkim_projector *projector = context;
	redisAsyncContext *redis = redis_link_commands(projector->link);
	struct secret pem = { 0 };
	struct err cause;

	if (dkim_unseal(key, projector->options.seal, &pem, &cause) < 0) {
		log_error("DKIM key cannot be opened, leaving it out",
			LOG_TEXT("domain", key->domain), LOG_ERR(&cause),
			LOG_TEXT("remedy", cause.remedy));
		projector->bad++;
		return 0;
	}
	redisAsyncCommand(redis, on_queued, projector,
		"HSET " SELECTORS " %s %s", key->domain, key->selector);
	redisAsyncCommand(redis, on_queued, projector,
		"HSET " PRIVATE_KEYS " %s.%s %b", key->selector, key->domain,
		pem.bytes, pem.length);
	secret_deinit(&pem);
	projector->good++;
	return 0;
}

/* What the database cannot tell is not put in place of what is there. */
static void
copy_all(void *context)
{
	struct dkim_projector *projector = context;
	redisAsyncContext *redis = redis_link_commands(projector->link);
	struct err err;

	/* Again, and the connection is lost: then a new one brings us here. */
	if (!redis)
		return;
	event_del(projector->again);
	projector->good = 0;
	projector->bad = 0;
	projector->refusal[0] = '\0';
	redisAsyncCommand(redis, NULL, NULL, "MULTI");
	redisAsyncCommand(
		redis, on_queued, projector, "DEL " SELECTORS " " PRIVATE_KEYS);
	if (dkim_each(projector->options.core, copy_key, projector, &err) < 0) {
		redisAsyncCommand(redis, NULL, NULL, "DISCARD");
		copy_again_later(
			projector, "DKIM keys cannot be read, trying on", &err);
		return;
	}
	expect_reply(projector);
	redisAsyncCommand(redis, on_copied, projector, "EXEC");
}

static void
on_again(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	copy_all(context);
}

struct dkim_projector *
dkim_projector_new(
	struct event_base *loop, const struct dkim_projector_options *options)
{
	struct dkim_projector *projector = xmalloc(sizeof(*projector));

	projector->options = *options;
	projector->deadline = evtimer_new(loop, on_deadline, projector);
	projector->again = evtimer_new(loop, on_again, projector);
	BUG_ON(!projector->deadline || !projector->again);
	projector->link = redis_link_new(
		loop, options->redis_socket, copy_all, projector);
	return projector;
}

void
dkim_projector_free(struct dkim_projector **projector)
{
	if (!*projector)
		return;
	redis_link_free(&(*projector)->link);
	event_free((*projector)->deadline);
	event_free((*projector)->again);
	x_free(projector);
}

static void
on_replaced(redisAsyncContext *redis UNUSED, void *reply, void *context)
{
	struct request *request = context;
	struct err err;

	end_reply(request->projector);
	request->done(
		check_reply(reply, &err) < 0 ? &err : NULL, request->context);
	x_free(&request);
}

static int
send_domain(struct dkim_projector *projector, const char *domain,
	struct request *request, struct err *err)
{
	redisAsyncContext *redis = redis_link_commands(projector->link);
	struct arena *arena = arena_new();
	struct secret pem = { 0 };
	struct dkim_key key;
	int got = dkim_find(projector->options.core, domain, arena, &key, err);

	if (got == 1 &&
		dkim_unseal(&key, projector->options.seal, &pem, err) < 0)
		got = -1;
	if (got >= 0)
		expect_reply(projector);
	if (got == 1)
		redisAsyncCommand(redis, on_replaced, request,
			"EVAL %s 2 " SELECTORS " " PRIVATE_KEYS " %s %s %b",
			REPLACE, domain, key.selector, pem.bytes, pem.length);
	else if (got == 0)
		redisAsyncCommand(redis, on_replaced, request,
			"EVAL %s 2 " SELECTORS " " PRIVATE_KEYS " %s", REPLACE,
			domain);
	secret_deinit(&pem);
	arena_free(&arena);
	return got < 0 ? -1 : 0;
}

void
dkim_projector_project(struct dkim_projector *projector, const char *domain,
	dkim_projector_done_fn *done, void *context)
{
	struct request *request;
	struct err err;

	if (!redis_link_commands(projector->link)) {
		(void)err_set(&err, ERR_UNAVAILABLE, "redis does not answer");
		done(&err, context);
		return;
	}
	request = xmalloc(sizeof(*request));
	*request = (struct request){ projector, done, context };
	if (send_domain(projector, domain, request, &err) < 0) {
		x_free(&request);
		done(&err, context);
	}
}
