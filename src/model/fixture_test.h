/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * For the tests of src/model: a core database in a directory of its own,
 * and a model on it. DKIM keys are short here, because they are slow.
 */
#ifndef MODEL_FIXTURE_TEST_H
#define MODEL_FIXTURE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/random.h"
#include "model/model.h"
#include "model/setting.h"
#include "store/schema.h"

#define FIXTURE_HASH "{SSHA256}QUJDREVGRw=="

struct fixture {
	char directory[40];
	struct model model;
	struct err err;
};

static inline int
fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char path[80];
	char key[32];

	(void)snprintf(
		f->directory, sizeof(f->directory), "/tmp/mh-model-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	(void)snprintf(path, sizeof(path), "%s/core.db", f->directory);
	assert_int_equal(db_open(path, DB_WRITE, DB_SYNC_NORMAL, 1000,
				 &f->model.core, &f->err),
		0);
	assert_int_equal(
		schema_migrate(f->model.core, SCHEMA_CORE, NULL, &f->err), 0);
	f->model.arena = arena_new();
	f->model.actor = "test";
	f->model.hostname = "mail.example.org";
	random_bytes(key, sizeof(key));
	secret_set(&f->model.seal, key, sizeof(key));
	/* Without its audit, which tests look at. */
	assert_int_equal(
		db_script(f->model.core,
			"INSERT INTO setting VALUES ('dkim_bits', '1024', 0)",
			&f->err),
		0);
	*state = f;
	return 0;
}

static inline int
fixture_teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->model.arena);
	model_close(&f->model);
	assert_int_equal(fs_remove_tree(f->directory, NULL), 0);
	x_free(&f);
	return 0;
}

/* One number or text of a query, for assertions. */
static inline int64_t
fixture_number(struct fixture *f, const char *sql)
{
	struct db_statement *statement =
		arena_alloc(f->model.arena, sizeof(*statement));
	struct db_query q;
	int64_t number = -1;

	*statement = (struct db_statement){ "test", sql, NULL };
	q = db_query(f->model.core, statement);
	if (db_step(&q, &f->err) == 1)
		number = db_number(&q, 0);
	db_finish(&q);
	return number;
}

static inline const char *
fixture_text(struct fixture *f, const char *sql)
{
	struct db_statement *statement =
		arena_alloc(f->model.arena, sizeof(*statement));
	struct db_query q;
	const char *text = NULL;

	*statement = (struct db_statement){ "test", sql, NULL };
	q = db_query(f->model.core, statement);
	if (db_step(&q, &f->err) == 1 && !db_is_null(&q, 0))
		text = arena_strdup(f->model.arena, db_text(&q, 0));
	db_finish(&q);
	return text;
}

#endif
