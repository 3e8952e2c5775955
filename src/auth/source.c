/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A leaking bucket per source, kept as the time at which the last of its
 * failures will be forgiven: each failure moves that time on. A list in
 * order of the last failure gives the one to forget.
 */
#include "auth/source.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#include "base/alloc.h"
#include "base/map.h"

/* Guessing on does not push the time of being forgiven away for ever. */
#define BUCKET_MS ((int64_t)2 * SOURCE_FAILURES_MAX * SOURCE_FORGIVE_MS)

struct source {
	TAILQ_ENTRY(source) by_age;
	int64_t forgiven_ms;
	char key[SOURCE_KEY_MAX];
};

TAILQ_HEAD(sources, source);

struct source_list {
	struct map *by_key;
	struct sources by_age; /* the head failed longest ago */
	size_t sources_max;
};

static void
key_of_ipv4(struct in_addr address, const char *user, char out[SOURCE_KEY_MAX])
{
	uint32_t number = ntohl(address.s_addr);

	if (number >> 24 == 127)
		(void)snprintf(out, SOURCE_KEY_MAX, "local %s", user);
	else
		(void)snprintf(out, SOURCE_KEY_MAX, "4 %06x", number >> 8);
}

static void
key_of_ipv6(const struct in6_addr *address, const char *user,
	char out[SOURCE_KEY_MAX])
{
	const unsigned char *b = address->s6_addr;
	struct in_addr v4;

	if (IN6_IS_ADDR_V4MAPPED(address)) {
		memcpy(&v4, b + 12, sizeof(v4));
		key_of_ipv4(v4, user, out);
	} else if (IN6_IS_ADDR_LOOPBACK(address)) {
		(void)snprintf(out, SOURCE_KEY_MAX, "local %s", user);
	} else {
		(void)snprintf(out, SOURCE_KEY_MAX,
			"6 %02x%02x%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
			b[3], b[4], b[5], b[6], b[7]);
	}
}

void
source_key(const char *ip, const char *user, char out[SOURCE_KEY_MAX])
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET6, ip, &v6) == 1)
		key_of_ipv6(&v6, user, out);
	else if (inet_pton(AF_INET, ip, &v4) == 1)
		key_of_ipv4(v4, user, out);
	else
		(void)snprintf(out, SOURCE_KEY_MAX, "local %s", user);
}

struct source_list *
source_list_new(size_t sources_max)
{
	struct source_list *list = xmalloc(sizeof(*list));

	list->by_key = map_new();
	list->sources_max = sources_max;
	TAILQ_INIT(&list->by_age);
	return list;
}

static void
forget(struct source_list *list, struct source *source)
{
	TAILQ_REMOVE(&list->by_age, source, by_age);
	map_remove(list->by_key, source->key);
	x_free(&source);
}

void
source_list_free(struct source_list **list_pointer)
{
	struct source_list *list = *list_pointer;
	struct source *source;

	if (list == NULL)
		return;
	while ((source = TAILQ_FIRST(&list->by_age)) != NULL)
		forget(list, source);
	map_free(&list->by_key);
	x_free(list_pointer);
}

/* Two at a time: the list shrinks again after an attack from everywhere. */
static void
forget_forgiven(struct source_list *list, int64_t now_ms)
{
	struct source *source;

	for (int i = 0; i < 2; i++) {
		source = TAILQ_FIRST(&list->by_age);
		if (source == NULL || source->forgiven_ms > now_ms)
			return;
		forget(list, source);
	}
}

static struct source *
source_add(struct source_list *list, const char *key)
{
	struct source *source = xmalloc(sizeof(*source));

	if (map_count(list->by_key) >= list->sources_max)
		forget(list, TAILQ_FIRST(&list->by_age));
	(void)snprintf(source->key, sizeof(source->key), "%s", key);
	TAILQ_INSERT_TAIL(&list->by_age, source, by_age);
	map_set(list->by_key, source->key, source);
	return source;
}

void
source_failed(struct source_list *list, const char *key, int64_t now_ms)
{
	struct source *source;

	forget_forgiven(list, now_ms);
	source = map_find(list->by_key, key);
	if (source == NULL)
		source = source_add(list, key);
	TAILQ_REMOVE(&list->by_age, source, by_age);
	TAILQ_INSERT_TAIL(&list->by_age, source, by_age);
	if (source->forgiven_ms < now_ms)
		source->forgiven_ms = now_ms;
	source->forgiven_ms += SOURCE_FORGIVE_MS;
	if (source->forgiven_ms > now_ms + BUCKET_MS)
		source->forgiven_ms = now_ms + BUCKET_MS;
}

bool
source_guesses(const struct source_list *list, const char *key, int64_t now_ms)
{
	const struct source *source = map_find(list->by_key, key);

	return source != NULL &&
	       source->forgiven_ms - now_ms >
		       (int64_t)SOURCE_FAILURES_MAX * SOURCE_FORGIVE_MS;
}

size_t
source_count(const struct source_list *list)
{
	return map_count(list->by_key);
}
