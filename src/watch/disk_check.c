/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A change of level is logged once; while a level is bad the fact follows
 * the free bytes, so that whoever cleans up sees it.
 */
#include "watch/disk_check.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "io/disk_space.h"
#include "io/health.h"

#define GOOD_S 5
#define BAD_S 1
#define FACT_SIZE 33

struct watched {
	const struct disk_place *place;
	char path[DISK_PATH_MAX];
	char text[DISK_TEXT_SIZE]; /* reported last */
	enum disk_level level;
	struct health *health;
};

struct disk_check {
	struct watched watched[DISK_PLACES_MAX];
	struct event *timer;
};

static void
note_level(const struct watched *watched, enum disk_level level)
{
	if (level == watched->level)
		return;
	if (level == DISK_FULL)
		log_error("file system is full",
			LOG_TEXT("place", watched->place->name),
			LOG_TEXT("text", watched->text));
	else if (level == DISK_LOW)
		log_warn("file system has little room left, going on",
			LOG_TEXT("place", watched->place->name),
			LOG_TEXT("text", watched->text));
	else
		log_info("file system has room again",
			LOG_TEXT("place", watched->place->name),
			LOG_TEXT("text", watched->text));
}

static void
look_at(struct watched *watched)
{
	enum disk_level level = DISK_FULL;
	char text[DISK_TEXT_SIZE];
	struct disk_space space;
	struct err err;
	bool news;

	if (disk_space_measure(watched->path, &space, &err) < 0) {
		snprintf(text, sizeof(text), "%.150s; mount or restore it",
			err.text);
	} else {
		level = disk_space_judge(
			watched->place, &space, watched->level);
		disk_space_describe(
			watched->place, watched->path, &space, level, text);
	}
	/* The exact room of a good one is nobody's news. */
	news = watched->text[0] == '\0' || level != watched->level ||
	       (level != DISK_GOOD && strcmp(text, watched->text) != 0);
	if (!news)
		return;
	snprintf(watched->text, sizeof(watched->text), "%s", text);
	note_level(watched, level);
	watched->level = level;
	health_set(watched->health, level == DISK_GOOD, text);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	struct disk_check *check = context;
	struct timeval wait = { .tv_sec = GOOD_S };

	for (size_t i = 0; i < DISK_PLACES_MAX; i++) {
		look_at(&check->watched[i]);
		if (check->watched[i].level != DISK_GOOD)
			wait.tv_sec = BAD_S;
	}
	event_add(check->timer, &wait);
}

struct disk_check *
disk_check_new(struct event_base *loop, const struct paths *paths,
	const char *agent_socket)
{
	struct disk_check *check = xmalloc(sizeof(*check));

	for (size_t i = 0; i < DISK_PLACES_MAX; i++) {
		struct watched *watched = &check->watched[i];
		char fact[FACT_SIZE];

		watched->place = &DISK_PLACES[i];
		disk_place_path(watched->place, paths, watched->path);
		snprintf(fact, sizeof(fact), "disk.%s", watched->place->name);
		watched->health = health_new(loop, agent_socket, fact);
	}
	check->timer = evtimer_new(loop, on_timer, check);
	on_timer(-1, 0, check);
	return check;
}

void
disk_check_free(struct disk_check **check)
{
	if (!*check)
		return;
	for (size_t i = 0; i < DISK_PLACES_MAX; i++)
		health_free(&(*check)->watched[i].health);
	event_free((*check)->timer);
	x_free(check);
}
