/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One caller's hold on the objects: the core database, who acts, what the
 * rules need to know about the instance. Every change is one transaction
 * with its audit row, its generation and its outbox rows:
 *
 *	if (model_begin(model, err) != 0)
 *		return -1;
 *	return model_end(model, add_rows(model, ...), err);
 *
 * Rules of objects are in domain.h, alias_domain.h, mailbox.h, alias.h and
 * app_password.h; what they share on rows is below.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "base/secret.h"
#include "model/resource.h"
#include "store/db.h"

#define MODEL_BUSY_MS 5000 /* a person waits: transactions take milliseconds */

struct model {
	struct db *core; /* owned when model_open() made it */
	struct arena *arena; /* for what functions return; the caller's */
	const char *actor; /* "cli:root"; for the audit */
	const char *hostname; /* may not be a mail domain */
	struct secret seal; /* key of sealed columns; empty: none here */
	bool in_batch;
};

/* Opens core.db for writing, reads the host name and the seal's key. */
MUST_CHECK int model_open(const struct paths *paths, const char *actor,
	struct arena *arena, struct model *model_out, struct err *err);
void model_close(struct model *model);

MUST_CHECK int model_begin(struct model *model, struct err *err);
/* Commits when status is 0, else rolls back; returns -1 or 0. */
MUST_CHECK int model_end(struct model *model, int status, struct err *err);
/* Many changes in one transaction; an error inside spoils them all. */
MUST_CHECK int model_batch_begin(struct model *model, struct err *err);
MUST_CHECK int model_batch_end(
	struct model *model, int status, struct err *err);

/* What lists ask for; texts may be NULL, limit 0 is no limit. */
struct model_list {
	const char *owner;
	const char *search;
	const char *after; /* begins behind this key */
	int64_t limit;
};

/* -1 with err set ends the list. */
typedef int model_row_fn(void *context, const void *object, struct arena *arena,
	struct err *err);

/* For the modules of objects: 1 found, 0 not there, -1. */
MUST_CHECK int model_find(struct model *model, const struct resource *resource,
	const char *key, void *object_out, struct err *err);
/* The same, but "not there" is an error that names it. */
MUST_CHECK int model_load(struct model *model, const struct resource *resource,
	const char *key, void *object_out, struct err *err);
/* Rows in the order of their key, in slices, each read from one snapshot. */
MUST_CHECK int model_list(struct model *model, const struct resource *resource,
	const struct model_list *list, model_row_fn *row, void *context,
	struct err *err);
/* Insert sets the id in object; all three write audit and generation. */
MUST_CHECK int model_insert(struct model *model,
	const struct resource *resource, void *object, struct err *err);
MUST_CHECK int model_update(struct model *model,
	const struct resource *resource, const void *old, const void *object,
	struct err *err);
MUST_CHECK int model_delete(struct model *model,
	const struct resource *resource, const void *object, struct err *err);
/* One statement with numbers ?1, ?2, no row. */
MUST_CHECK int model_run_numbers(struct model *model,
	const struct db_statement *statement, const int64_t *numbers, int count,
	struct err *err);

/* Every statement of src/model on core.db, for the test that explains them. */
const struct db_statement *model_statements(size_t table, size_t *count_out);

#endif
