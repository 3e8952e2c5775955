/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Domains are few and asked for with every address, so they are remembered
 * in a small direct-mapped table until SQLite's data version changes.
 * Addresses are many: they are asked of the index each time.
 */
#include "directory/resolve.h"

#include <string.h>

#include "base/compiler.h"

/* An address taken apart; the pieces live in its own buffers. */
struct parts {
	char full[ADDRESS_MAX]; /* local part, with detail */
	char base[ADDRESS_MAX]; /* local part without detail */
	char detail[ADDRESS_MAX]; /* "+x" or "" */
	const char *domain;
};

static bool
is_ascii(struct span text)
{
	for (size_t i = 0; i < text.length; i++)
		if ((unsigned char)text.data[i] >= 0x80)
			return false;
	return true;
}

static int
fold_foreign_script(struct span text, char address_out[ADDRESS_MAX])
{
	char copy[ADDRESS_MAX];
	struct err ignored = { 0 };

	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	if (memchr(copy, '@', text.length) == NULL)
		return address_domain(copy, "", address_out, &ignored);
	return address_canonical(copy, true, "", address_out, &ignored);
}

int
resolve_fold(struct span text, char address_out[ADDRESS_MAX])
{
	if (text.length == 0 || text.length >= ADDRESS_MAX ||
		memchr(text.data, '\0', text.length) != NULL)
		return -1;
	if (!is_ascii(text))
		return fold_foreign_script(text, address_out);
	for (size_t i = 0; i < text.length; i++) {
		char byte = text.data[i];

		if (byte >= 'A' && byte <= 'Z')
			byte = (char)(byte - 'A' + 'a');
		address_out[i] = byte;
	}
	address_out[text.length] = '\0';
	return 0;
}

/* FNV-1a: a peer that chooses collisions only costs itself the memory. */
static size_t
domain_slot_index(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash % DOMAIN_SLOTS;
}

int
resolve_domain(struct lookup *lookup, const char *name,
	const struct lookup_domain **domain_out, struct err *err)
{
	struct domain_slot *slot = &lookup->domains[domain_slot_index(name)];
	size_t length = strlen(name);

	if (length == 0 || length >= DOMAIN_MAX)
		return 0;
	if (strcmp(slot->name, name) != 0) {
		slot->name[0] = '\0';
		slot->found = lookup_sql_domain(
			lookup->core, name, &slot->domain, err);
		if (slot->found < 0)
			return -1;
		memcpy(slot->name, name, length + 1);
	}
	if (slot->found == 0 || !slot->domain.active)
		return 0;
	*domain_out = &slot->domain;
	return 1;
}

static int
parts_split(const char *address, struct parts *parts_out)
{
	const char *at = strrchr(address, '@');
	const char *plus;
	size_t local_length;
	size_t base_length;

	if (at == NULL || at == address)
		return -1;
	local_length = (size_t)(at - address);
	plus = memchr(address + 1, '+', local_length - 1);
	base_length = plus == NULL ? local_length : (size_t)(plus - address);
	memcpy(parts_out->full, address, local_length);
	parts_out->full[local_length] = '\0';
	memcpy(parts_out->base, address, base_length);
	parts_out->base[base_length] = '\0';
	memcpy(parts_out->detail, address + base_length,
		local_length - base_length);
	parts_out->detail[local_length - base_length] = '\0';
	parts_out->domain = at + 1;
	return 0;
}

/* "local@domain", or false when that is longer than any address of ours. */
static bool
join(char address_out[ADDRESS_MAX], const char *local, const char *domain)
{
	size_t local_length = strlen(local);
	size_t domain_length = strlen(domain);

	if (local_length + domain_length + 2 > ADDRESS_MAX)
		return false;
	memcpy(address_out, local, local_length);
	address_out[local_length] = '@';
	memcpy(address_out + local_length + 1, domain, domain_length + 1);
	return true;
}

/* The row of exactly this address: 1 found (resolved is complete), 0, -1. */
static int
resolve_exact(struct lookup *lookup, const char *local, const char *domain,
	struct resolved *resolved, struct err *err)
{
	int found;

	if (!join(resolved->address, local, domain))
		return 0;
	found = lookup_sql_address(
		lookup->core, resolved->address, &resolved->row, err);
	if (found <= 0)
		return found;
	if (!resolved->row.active)
		resolved->kind = RESOLVED_OFF;
	else
		resolved->kind = resolved->row.is_alias ? RESOLVED_ALIAS
							: RESOLVED_MAILBOX;
	return 1;
}

/* With the detail, then without it. */
static int
resolve_local(struct lookup *lookup, const struct parts *parts,
	const char *domain, struct resolved *resolved, struct err *err)
{
	int found = resolve_exact(lookup, parts->full, domain, resolved, err);

	if (found != 0 || parts->detail[0] == '\0')
		return found;
	found = resolve_exact(lookup, parts->base, domain, resolved, err);
	if (found > 0 && strlen(parts->detail) < sizeof(resolved->detail))
		memcpy(resolved->detail, parts->detail,
			strlen(parts->detail) + 1);
	return found;
}

static int
resolve_catch_all(struct lookup *lookup, const char *domain,
	const struct lookup_domain *row, struct resolved *resolved,
	struct err *err)
{
	int found = resolve_exact(lookup, "", domain, resolved, err);

	if (found == 0 && row->alias)
		found = resolve_exact(lookup, "", row->target, resolved, err);
	/* A catch-all that is off leaves the address unknown. */
	if (found > 0 && resolved->kind == RESOLVED_OFF)
		return 0;
	return found;
}

int
resolve_address(struct lookup *lookup, const char *address,
	struct resolved *resolved_out, struct err *err)
{
	const struct lookup_domain *domain;
	struct parts parts;
	int found;

	resolved_out->kind = RESOLVED_FOREIGN;
	resolved_out->detail[0] = '\0';
	if (parts_split(address, &parts) == -1)
		return 0;
	found = resolve_domain(lookup, parts.domain, &domain, err);
	if (found <= 0)
		return found;
	found = 0;
	if (domain->alias)
		found = resolve_local(
			lookup, &parts, parts.domain, resolved_out, err);
	if (found == 0)
		found = resolve_local(
			lookup, &parts, domain->target, resolved_out, err);
	if (found == 0 && domain->catch_all)
		found = resolve_catch_all(
			lookup, parts.domain, domain, resolved_out, err);
	if (found == 0)
		resolved_out->kind = RESOLVED_UNKNOWN;
	return found < 0 ? -1 : 0;
}

void
resolve_mailbox(
	const struct resolved *resolved, struct lookup_mailbox *mailbox_out)
{
	mailbox_out->id = resolved->row.id;
	mailbox_out->quota_bytes = resolved->row.quota_bytes;
	memcpy(mailbox_out->address, resolved->address,
		strlen(resolved->address) + 1);
}
