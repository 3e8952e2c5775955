/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Depth first, in the order of the targets. An alias that is entered a
 * second time while it is still open is a loop; one that is done was only
 * named twice. Lists are short in practice, so what was seen is searched
 * from its beginning by hash.
 */
#include "directory/expand.h"

#include <string.h>

#include "base/compiler.h"

struct step {
	const char *detail; /* of the request, on its way to mailboxes */
	int depth;
};

static int expand_rows(struct expansion *e, const struct resolved *resolved,
	struct step step, struct err *err);

static uint32_t
hash_text(const char *text)
{
	uint32_t hash = 2166136261u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 16777619u;
	return hash;
}

/* 1 added, 0 was there, -1 too many. address lives in the arena. */
static int
add_final(struct expansion *e, const char *address, struct err *err)
{
	uint32_t hash = hash_text(address);

	for (size_t i = 0; i < e->final_count; i++)
		if (e->hashes[i] == hash && strcmp(e->finals[i], address) == 0)
			return 0;
	if (e->final_count == LOOKUP_TARGETS_MAX)
		return err_set(err, ERR_LIMIT,
			"alias has more than %d recipients",
			LOOKUP_TARGETS_MAX);
	e->hashes[e->final_count] = hash;
	e->finals[e->final_count++] = address;
	return 1;
}

static const char *
with_detail(struct arena *arena, const char *address, const char *detail)
{
	const char *at = strrchr(address, '@');

	if (detail[0] == '\0' || at == NULL)
		return arena_strdup(arena, address);
	return arena_printf(
		arena, "%.*s%s%s", (int)(at - address), address, detail, at);
}

static int
expand_mailbox(struct expansion *e, const struct resolved *resolved,
	const char *detail, struct err *err)
{
	const char *address = with_detail(e->lookup->arena, resolved->address,
		e->for_sender ? "" : detail);
	int added = add_final(e, address, err);

	if (added == 1) {
		e->mailbox_count++;
		e->live_count++;
		resolve_mailbox(resolved, &e->last_mailbox);
	}
	return added < 0 ? -1 : 0;
}

/* Somebody whose mailbox is not ours, or whom nobody knows. */
static int
expand_foreign(
	struct expansion *e, const char *address, bool live, struct err *err)
{
	int added;

	if (e->for_sender)
		return 0;
	added = add_final(e, address, err);
	if (added == 1 && live)
		e->live_count++;
	return added < 0 ? -1 : 0;
}

static int
expand_nested(struct expansion *e, const struct resolved *resolved,
	struct step step, struct err *err)
{
	for (size_t i = 0; i < e->alias_count; i++) {
		if (e->aliases[i] != resolved->row.id)
			continue;
		if (e->alias_open[i])
			return err_set(err, ERR_INVALID, "alias loop at %s",
				resolved->address);
		return 0;
	}
	return expand_rows(e, resolved, step, err);
}

static int
expand_target(struct expansion *e, const char *target, struct step step,
	struct err *err)
{
	struct resolved resolved;

	if (e->steps++ == LOOKUP_STEPS_MAX)
		return err_set(err, ERR_LIMIT, "alias needs more than %d steps",
			LOOKUP_STEPS_MAX);
	if (strcmp(target, LOOKUP_TARGET_NULL) == 0) {
		e->null_seen = true;
		return 0;
	}
	if (resolve_address(e->lookup, target, &resolved, err) == -1)
		return -1;
	if (resolved.detail[0] != '\0')
		step.detail = resolved.detail;
	switch (resolved.kind) {
	case RESOLVED_FOREIGN:
		return expand_foreign(e, target, true, err);
	case RESOLVED_UNKNOWN:
		return expand_foreign(e, target, false, err);
	case RESOLVED_OFF:
		return 0;
	case RESOLVED_MAILBOX:
		return expand_mailbox(e, &resolved, step.detail, err);
	case RESOLVED_ALIAS:
		return expand_nested(e, &resolved, step, err);
	}
	return 0;
}

static int
expand_rows(struct expansion *e, const struct resolved *resolved,
	struct step step, struct err *err)
{
	const struct lookup_target *target;
	size_t opened = e->alias_count;

	if (e->for_sender && !resolved->row.sender_allowed)
		return 0;
	if (step.depth == LOOKUP_DEPTH_MAX || opened == LOOKUP_TARGETS_MAX)
		return err_set(err, ERR_LIMIT, "alias chain too long at %s",
			resolved->address);
	if (lookup_sql_targets(e->lookup->core, resolved->row.id,
		    e->lookup->arena, &target, err) == -1)
		return -1;
	e->aliases[opened] = resolved->row.id;
	e->alias_open[opened] = true;
	e->alias_count++;
	step.depth++;
	for (; target != NULL; target = target->next)
		if (expand_target(e, target->address, step, err) == -1)
			return -1;
	e->alias_open[opened] = false;
	return 0;
}

struct expansion *
expansion_begin(struct lookup *lookup, bool for_sender)
{
	struct expansion *e = lookup->expansion;

	e->lookup = lookup;
	e->for_sender = for_sender;
	e->final_count = 0;
	e->mailbox_count = 0;
	e->live_count = 0;
	e->null_seen = false;
	e->alias_count = 0;
	e->steps = 0;
	return e;
}

int
expand_alias(
	struct expansion *e, const struct resolved *resolved, struct err *err)
{
	struct step step = { .detail = resolved->detail };

	return expand_rows(e, resolved, step, err);
}
