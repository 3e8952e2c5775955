/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The maps of Postfix, each one function over resolve.c and expand.c. */
#include "directory/lookup.h"

#include <string.h>

#include "base/alloc.h"
#include "directory/expand.h"
#include "directory/resolve.h"

typedef enum lookup_answer lookup_map_fn(struct lookup *lookup, const char *key,
	struct strbuf *value_out, struct err *err);

struct lookup_map {
	const char *name;
	lookup_map_fn *answer;
	bool constant; /* the same whatever core.db says */
};

/* virtual_mailbox_domains: asked with a domain. */
static enum lookup_answer
answer_domains(struct lookup *lookup, const char *key, struct strbuf *value,
	struct err *err)
{
	const struct lookup_domain *domain;
	int found = resolve_domain(lookup, key, &domain, err);

	if (found < 0)
		return LOOKUP_TEMP;
	if (found == 0)
		return LOOKUP_NOT_FOUND;
	strbuf_add_text(value, key);
	return LOOKUP_FOUND;
}

/* virtual_mailbox_maps: only whether there is one matters to Postfix. */
static enum lookup_answer
answer_mailboxes(struct lookup *lookup, const char *key, struct strbuf *value,
	struct err *err)
{
	struct resolved resolved;

	if (resolve_address(lookup, key, &resolved, err) == -1)
		return LOOKUP_TEMP;
	if (resolved.kind != RESOLVED_MAILBOX)
		return LOOKUP_NOT_FOUND;
	strbuf_add_text(value, resolved.address);
	return LOOKUP_FOUND;
}

static void
add_with_detail(struct strbuf *value, const char *address, const char *detail)
{
	const char *at = strrchr(address, '@');

	strbuf_add(value, address, (size_t)(at - address));
	strbuf_add_text(value, detail);
	strbuf_add_text(value, at);
}

static void
add_finals(struct strbuf *value, const struct expansion *expansion)
{
	for (size_t i = 0; i < expansion->final_count; i++) {
		if (i > 0)
			strbuf_add_char(value, ',');
		strbuf_add_text(value, expansion->finals[i]);
	}
}

static enum lookup_answer
answer_alias(struct lookup *lookup, const struct resolved *resolved,
	struct strbuf *value, struct err *err)
{
	struct expansion *expansion = expansion_begin(lookup, false);

	if (expand_alias(expansion, resolved, err) == -1)
		return LOOKUP_TEMP;
	if (expansion->live_count > 0)
		add_finals(value, expansion);
	else if (expansion->null_seen)
		strbuf_add_text(value, LOOKUP_NULL_ADDRESS);
	else
		return LOOKUP_NOT_FOUND;
	return LOOKUP_FOUND;
}

/* virtual_alias_maps: a mailbox is answered as itself. */
static enum lookup_answer
answer_aliases(struct lookup *lookup, const char *key, struct strbuf *value,
	struct err *err)
{
	struct resolved resolved;

	if (resolve_address(lookup, key, &resolved, err) == -1)
		return LOOKUP_TEMP;
	if (resolved.kind == RESOLVED_ALIAS)
		return answer_alias(lookup, &resolved, value, err);
	if (resolved.kind != RESOLVED_MAILBOX)
		return LOOKUP_NOT_FOUND;
	add_with_detail(value, resolved.address, resolved.detail);
	return LOOKUP_FOUND;
}

/* smtpd_sender_login_maps: the logins that may use this sender. */
static enum lookup_answer
answer_sender_login(struct lookup *lookup, const char *key,
	struct strbuf *value, struct err *err)
{
	struct expansion *expansion = expansion_begin(lookup, true);
	struct resolved resolved;

	if (resolve_address(lookup, key, &resolved, err) == -1)
		return LOOKUP_TEMP;
	if (resolved.kind == RESOLVED_MAILBOX) {
		strbuf_add_text(value, resolved.address);
		return LOOKUP_FOUND;
	}
	if (resolved.kind != RESOLVED_ALIAS)
		return LOOKUP_NOT_FOUND;
	if (expand_alias(expansion, &resolved, err) == -1)
		return LOOKUP_TEMP;
	add_finals(value, expansion);
	return expansion->final_count > 0 ? LOOKUP_FOUND : LOOKUP_NOT_FOUND;
}

/*
 * An access map for smtpd_relay_restrictions. smtpd keeps what an address
 * resolved to as long as it lives, so that a domain which came after the
 * first try stayed "relay denied" there; this is asked each time. Local
 * parts that could hide another address are left to Postfix's own rule.
 */
static enum lookup_answer
answer_relay_access(struct lookup *lookup, const char *key,
	struct strbuf *value, struct err *err)
{
	struct resolved resolved;
	const char *at = strrchr(key, '@');

	if (at == NULL || strcspn(key, "@%!") != (size_t)(at - key))
		return LOOKUP_NOT_FOUND;
	if (resolve_address(lookup, key, &resolved, err) == -1)
		return LOOKUP_TEMP;
	if (resolved.kind != RESOLVED_MAILBOX &&
		resolved.kind != RESOLVED_ALIAS)
		return LOOKUP_NOT_FOUND;
	strbuf_add_text(value, "OK");
	return LOOKUP_FOUND;
}

/*
 * transport_maps. trivial-rewrite asks for "*" first and fails everything
 * for 30 s when that failed: it is answered though the database is away.
 */
static enum lookup_answer
answer_transport(struct lookup *lookup, const char *key, struct strbuf *value,
	struct err *err)
{
	(void)lookup;
	(void)err;
	if (strcmp(key, LOOKUP_NULL_ADDRESS) != 0)
		return LOOKUP_NOT_FOUND;
	strbuf_add_text(value, "discard:");
	return LOOKUP_FOUND;
}

/* relay_domains: no domain is relayed yet. */
static enum lookup_answer
answer_nothing(struct lookup *lookup, const char *key, struct strbuf *value,
	struct err *err)
{
	(void)lookup;
	(void)key;
	(void)value;
	(void)err;
	return LOOKUP_NOT_FOUND;
}

static const struct lookup_map maps[] = {
	{ "aliases", answer_aliases },
	{ "domains", answer_domains },
	{ "mailboxes", answer_mailboxes },
	{ "relay-access", answer_relay_access },
	{ "relay-domains", answer_nothing, .constant = true },
	{ "sender-login", answer_sender_login },
	{ "transport", answer_transport, .constant = true },
};

const struct lookup_map *
lookup_map_find(struct span name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(maps); i++)
		if (span_equal_text(name, maps[i].name))
			return &maps[i];
	return NULL;
}

struct lookup *
lookup_new(void)
{
	struct lookup *lookup = xmalloc(sizeof(*lookup));

	lookup->arena = arena_new();
	lookup->expansion = xmalloc(sizeof(*lookup->expansion));
	return lookup;
}

void
lookup_free(struct lookup **lookup)
{
	if (*lookup == NULL)
		return;
	lookup_end(*lookup);
	arena_free(&(*lookup)->arena);
	x_free(&(*lookup)->expansion);
	x_free(lookup);
}

static void
forget_domains(struct lookup *lookup)
{
	for (size_t i = 0; i < DOMAIN_SLOTS; i++)
		lookup->domains[i].name[0] = '\0';
}

void
lookup_set_database(struct lookup *lookup, struct db *core)
{
	lookup_end(lookup);
	lookup->core = core;
	lookup->data_version = -1;
}

int
lookup_begin(struct lookup *lookup, struct err *err)
{
	int64_t data_version;

	if (lookup->is_open)
		return 0;
	if (lookup->core == NULL)
		return err_set(
			err, ERR_UNAVAILABLE, "the database is not available");
	if (db_begin_read(lookup->core, err) == -1)
		return -1;
	lookup->is_open = true;
	data_version = db_data_version(lookup->core);
	if (data_version != lookup->data_version) {
		forget_domains(lookup);
		lookup->data_version = data_version;
	}
	return 0;
}

void
lookup_end(struct lookup *lookup)
{
	struct err ignored = { 0 };

	if (!lookup->is_open)
		return;
	lookup->is_open = false;
	/* Nothing was written: the end of a snapshot cannot lose anything. */
	if (db_commit(lookup->core, &ignored) == -1)
		db_rollback(lookup->core);
}

enum lookup_answer
lookup_ask(struct lookup *lookup, const struct lookup_map *map, struct span key,
	struct strbuf *value_out, struct err *err)
{
	char address[ADDRESS_MAX];
	enum lookup_answer answer;
	size_t length = value_out->length;

	if (!map->constant && lookup_begin(lookup, err) == -1)
		return LOOKUP_TEMP;
	if (resolve_fold(key, address) == -1)
		return LOOKUP_NOT_FOUND;
	answer = map->answer(lookup, address, value_out, err);
	arena_reset(lookup->arena);
	BUG_ON(answer != LOOKUP_FOUND && value_out->length != length);
	return answer;
}

static enum lookup_answer
only_mailbox_of_alias(struct lookup *lookup, const struct resolved *resolved,
	struct lookup_mailbox *mailbox_out, struct err *err)
{
	struct expansion *expansion = expansion_begin(lookup, false);

	if (expand_alias(expansion, resolved, err) == -1)
		return LOOKUP_TEMP;
	if (expansion->final_count != 1 || expansion->mailbox_count != 1)
		return LOOKUP_NOT_FOUND;
	*mailbox_out = expansion->last_mailbox;
	return LOOKUP_FOUND;
}

enum lookup_answer
lookup_only_mailbox(struct lookup *lookup, struct span address,
	struct lookup_mailbox *mailbox_out, struct err *err)
{
	char folded[ADDRESS_MAX];
	struct resolved resolved;
	enum lookup_answer answer = LOOKUP_NOT_FOUND;

	if (lookup_begin(lookup, err) == -1)
		return LOOKUP_TEMP;
	if (resolve_fold(address, folded) == -1)
		return LOOKUP_NOT_FOUND;
	if (resolve_address(lookup, folded, &resolved, err) == -1)
		return LOOKUP_TEMP;
	if (resolved.kind == RESOLVED_MAILBOX) {
		resolve_mailbox(&resolved, mailbox_out);
		return LOOKUP_FOUND;
	}
	if (resolved.kind == RESOLVED_ALIAS)
		answer = only_mailbox_of_alias(
			lookup, &resolved, mailbox_out, err);
	arena_reset(lookup->arena);
	return answer;
}
