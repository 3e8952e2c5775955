/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a resource is: one C table of fields per kind of object. Reading
 * rows, binding statements, JSON, command line options, help and man pages
 * come from it, so a field is described once. Rules that need more than
 * one field or object are functions of the resource's own module.
 *
 * An object is the module's plain struct; a field knows its offset. Texts
 * and lists live in the arena that was handed in. A set of fields is a bit
 * mask by index in the table ("given": what a request contained).
 */
#ifndef MODEL_RESOURCE_H
#define MODEL_RESOURCE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json_write.h"
#include "store/db.h"

#define RESOURCE_LIST_MAX 1000 /* items of a list field */
#define RESOURCE_WORDS_MAX 4

enum field_type {
	FIELD_TEXT, /* const char *; min and max count bytes */
	FIELD_NUMBER, /* int64_t; words name the numbers from 0 */
	FIELD_SIZE, /* int64_t bytes; "3G" is understood */
	FIELD_BOOL, /* bool */
	FIELD_TIME, /* int64_t Unix seconds; never given */
	FIELD_LIST /* const char *const *, NULL-ended; max counts items */
};

enum field_flags {
	FIELD_KEY = 1, /* names the object: an argument, not an option */
	FIELD_ADD = 2, /* may be given when it is added */
	FIELD_EDIT = 4, /* may be given when it is edited */
	FIELD_STORED = 8, /* bound by resource_bind(), in the table's order */
	FIELD_SHORT = 16, /* a column of the table that `list` prints */
	FIELD_SECRET = 32 /* never shown: "***" in the audit */
};

struct field {
	const char *name; /* "max_mailboxes"; the option is --max-mailboxes */
	enum field_type type;
	int64_t min;
	int64_t max;
	const char *default_text; /* NULL: empty, 0, no */
	const char *column; /* of the resource's SELECTs; NULL: none */
	unsigned flags;
	size_t offset;
	const char *words[RESOURCE_WORDS_MAX]; /* of a FIELD_NUMBER */
	const char *sentence;
};

/* Statements that each resource has; parameters as said. */
enum resource_sql {
	RESOURCE_FIND, /* ?1 key: all columns */
	RESOURCE_INSERT, /* stored fields from ?1 */
	RESOURCE_UPDATE, /* stored fields from ?1, the first is the id */
	RESOURCE_DELETE, /* ?1 id */
	RESOURCE_LIST, /* ?1 after this key, ?2 search or NULL, ?3 limit */
	RESOURCE_LIST_OF, /* the same of the owner ?4 (a domain, a mailbox) */
	RESOURCE_SQL_COUNT
};

struct resource {
	const char *name; /* "mailbox" */
	const char *plural; /* "mailboxes" */
	const char *owner; /* what list filters by: "domain" */
	const struct field *fields;
	size_t field_count;
	size_t object_size;
	const struct db_statement *sql; /* [RESOURCE_SQL_COUNT] */
};

/* Underscore or hyphen; NULL: no such field. */
const struct field *resource_field(
	const struct resource *resource, const char *name);
const struct field *resource_key(const struct resource *resource);
/* The bit of a field in a mask. */
uint64_t resource_bit(const struct resource *resource, const char *name);

/* Fills object with the defaults of its table. */
void resource_defaults(const struct resource *resource, void *object);
/*
 * Judges text by the field's table entry and puts the value into object,
 * its bit into *given. A list takes items separated by blanks or commas
 * and may be set several times. ERR_INVALID names the field.
 */
MUST_CHECK int resource_set(const struct resource *resource,
	const struct field *field, const char *text, void *object,
	uint64_t *given, struct arena *arena, struct err *err);
/* Copies the fields of the mask. */
void resource_merge(const struct resource *resource, const void *from,
	uint64_t given, void *to);

/* Reads a row whose columns stand in the table's order. */
void resource_read(const struct resource *resource, struct db_query *q,
	void *object, struct arena *arena);
/* Binds the stored fields to ?1, ?2 ...; an id of 0 becomes NULL. */
void resource_bind(const struct resource *resource, struct db_query *q,
	const void *object);

/* Members for every field that is no secret, into an open object. */
void resource_write_json(const struct resource *resource, const void *object,
	struct json_writer *w);
/* One object with secrets masked, for the audit. */
void resource_write_audit(const struct resource *resource, const void *object,
	struct json_writer *w);
/*
 * Members for every stored field, secrets too, and back: a copy of a row
 * that outlives it. A member that is missing takes the field's default;
 * ERR_CORRUPT names one of another type.
 */
void resource_write_stored(const struct resource *resource, const void *object,
	struct json_writer *w);
MUST_CHECK int resource_load_stored(const struct resource *resource,
	const json_t *members, void *object, struct arena *arena,
	struct err *err);
/* "1.5 GiB" */
const char *resource_size_text(int64_t bytes, struct arena *arena);
/* "2026-01-31 12:00:00Z", or "never" */
const char *resource_time_text(int64_t at, struct arena *arena);
/* As people read it: sizes as "3 GiB", words, dates in UTC. */
const char *resource_format(
	const struct field *field, const void *object, struct arena *arena);

#endif
