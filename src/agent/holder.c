/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A dump of s6-fdholderd is a duplicate of each descriptor with its id. */
#include "agent/holder.h"

#include <s6/fdholder.h>
#include <skalibs/genalloc.h>
#include <skalibs/tai.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

#define DEADLINE_MS 500

struct connection {
	s6_fdholder_t peer;
	tain deadline, now;
};

static bool
open_connection(struct connection *c, const struct paths *paths)
{
	static const s6_fdholder_t empty = S6_FDHOLDER_ZERO;
	char path[PATHS_MAX + sizeof("/fdholder/s")];
	tain wait;

	snprintf(path, sizeof(path), "%s/fdholder/s", paths->run);
	c->peer = empty;
	tain_now(&c->now);
	tain_from_millisecs(&wait, DEADLINE_MS);
	tain_add(&c->deadline, &c->now, &wait);
	return s6_fdholder_start(&c->peer, path, &c->deadline, &c->now) != 0;
}

static void
forget_all(struct holder *holder)
{
	for (size_t i = 0; i < holder->count; i++) {
		close(holder->sockets[i].fd);
		x_free(&holder->sockets[i].id);
	}
	holder->count = 0;
}

static void
keep(struct holder *holder, const char *id, int fd)
{
	if (holder->count == HOLDER_SOCKETS_MAX) {
		log_warn("more sockets than are kept twice, ignoring one",
			LOG_TEXT("socket", id));
		close(fd);
		return;
	}
	holder->sockets[holder->count++] =
		(struct holder_socket){ .id = xstrdup(id), .fd = fd };
}

/* Our copies become those of the holder, whatever they were. */
static bool
take_copies(struct holder *holder, struct connection *c)
{
	genalloc dump = GENALLOC_ZERO;
	const s6_fdholder_fd_t *items;
	size_t count;

	if (!s6_fdholder_getdump(&c->peer, &dump, &c->deadline, &c->now))
		return false;
	forget_all(holder);
	items = genalloc_s(s6_fdholder_fd_t, &dump);
	count = genalloc_len(s6_fdholder_fd_t, &dump);
	for (size_t i = 0; i < count; i++)
		keep(holder, items[i].id, items[i].fd);
	genalloc_free(s6_fdholder_fd_t, &dump);
	return true;
}

/*
 * A new holder gets what it lacks; it refuses an id that it has, because
 * the program itself stored a newer socket: that one counts.
 */
static int
give_back(const struct holder *holder, struct connection *c)
{
	int given = 0;
	tain limit;

	tain_add(&limit, &c->now, &tain_infinite_relative);
	for (size_t i = 0; i < holder->count; i++)
		if (s6_fdholder_store(&c->peer, holder->sockets[i].fd,
			    holder->sockets[i].id, &limit, &c->deadline,
			    &c->now))
			given++;
	return given;
}

void
holder_turn(struct holder *holder, const struct paths *paths, pid_t pid,
	bool changed)
{
	struct connection c;
	bool is_new = holder->pid != pid;

	if (!is_new && !changed)
		return;
	if (!open_connection(&c, paths)) {
		log_warn("the descriptor holder does not answer, trying again");
		return;
	}
	if (is_new && holder->count > 0)
		log_info("descriptor holder is new",
			LOG_NUMBER(
				"sockets_given_back", give_back(holder, &c)));
	if (take_copies(holder, &c))
		holder->pid = pid;
	s6_fdholder_end(&c.peer);
}

void
holder_deinit(struct holder *holder)
{
	forget_all(holder);
}
