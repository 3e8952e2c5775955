/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The part of changing objects that is the same for every resource: it is
 * driven by the resource's table and its statements.
 */
#include "model/model.h"

#include <string.h>

#include "base/fs.h"
#include "base/strbuf.h"
#include "model/audit.h"
#include "model/core_sql.h"
#include "model/instance.h"
#include "model/seal.h"
#include "store/schema.h"

#define AUDIT_JSON_MAX (256 * 1024)
#define LIST_SLICE 500

int
model_open(const struct paths *paths, const char *actor, struct arena *arena,
	struct model *model_out, struct err *err)
{
	struct model model = { .arena = arena, .actor = actor };
	struct instance instance;

	if (instance_load_or_last(paths, arena, &instance, err) < 0)
		return -1;
	model.hostname = instance.hostname;
	if (!fs_exists(paths->core_db)) {
		(void)err_set(err, ERR_NOT_FOUND, "there is no database %s",
			paths->core_db);
		return err_remedy(err,
			"on a new machine run mailherd setup, else put core.db back");
	}
	if (db_open(paths->core_db, DB_WRITE, DB_SYNC_FULL, MODEL_BUSY_MS,
		    &model.core, err) != 0)
		return -1;
	if (schema_check(model.core, SCHEMA_CORE, err) != 0 ||
		seal_load(paths, &model.seal, err) != 0) {
		model_close(&model);
		return -1;
	}
	*model_out = model;
	return 0;
}

void
model_close(struct model *model)
{
	db_close(&model->core);
	secret_deinit(&model->seal);
}

int
model_begin(struct model *model, struct err *err)
{
	return model->in_batch ? 0 : db_begin(model->core, err);
}

int
model_end(struct model *model, int status, struct err *err)
{
	if (model->in_batch)
		return status;
	if (status == 0 && db_commit(model->core, err) == 0)
		return 0;
	db_rollback(model->core);
	return -1;
}

int
model_batch_begin(struct model *model, struct err *err)
{
	if (db_begin(model->core, err) != 0)
		return -1;
	model->in_batch = true;
	return 0;
}

int
model_batch_end(struct model *model, int status, struct err *err)
{
	model->in_batch = false;
	return model_end(model, status, err);
}

static void
bind_key(const struct resource *resource, struct db_query *q, int index,
	const char *key)
{
	uint64_t number = 0;

	if (resource_key(resource)->type != FIELD_NUMBER) {
		db_bind_text(q, index, key);
		return;
	}
	/* A key that is no number names no row. */
	if (span_parse_uint64(span_from(key), INT64_MAX, &number) != 0)
		number = 0;
	db_bind_number(q, index, (int64_t)number);
}

int
model_find(struct model *model, const struct resource *resource,
	const char *key, void *object_out, struct err *err)
{
	struct db_query q =
		db_query(model->core, &resource->sql[RESOURCE_FIND]);
	int got;

	bind_key(resource, &q, 1, key);
	got = db_step(&q, err);
	if (got == 1)
		resource_read(resource, &q, object_out, model->arena);
	db_finish(&q);
	return got;
}

int
model_load(struct model *model, const struct resource *resource,
	const char *key, void *object_out, struct err *err)
{
	int got = model_find(model, resource, key, object_out, err);

	if (got != 0)
		return got < 0 ? -1 : 0;
	(void)err_field(err, ERR_NOT_FOUND, resource_key(resource)->name,
		"there is no %s %.200s", resource->name, key);
	return err_remedy(
		err, "mailherd %s list shows what there is", resource->name);
}

/* One slice into arena; *after_out is the key of its last row. */
static int
list_slice(struct model *model, const struct resource *resource,
	const struct model_list *list, int64_t limit, const char *after,
	void **objects_out, struct arena *arena, struct err *err)
{
	enum resource_sql which =
		list->owner == NULL ? RESOURCE_LIST : RESOURCE_LIST_OF;
	struct db_query q = db_query(model->core, &resource->sql[which]);
	char *objects =
		arena_alloc(arena, (size_t)limit * resource->object_size);
	int count = 0;
	int got;

	bind_key(resource, &q, 1, after);
	db_bind_text(&q, 2, list->search);
	db_bind_number(&q, 3, limit);
	if (list->owner != NULL)
		db_bind_text(&q, 4, list->owner);
	while ((got = db_step(&q, err)) == 1 && count < limit) {
		resource_read(resource, &q,
			objects + (size_t)count * resource->object_size, arena);
		count++;
	}
	db_finish(&q);
	*objects_out = objects;
	return got < 0 ? -1 : count;
}

int
model_list(struct model *model, const struct resource *resource,
	const struct model_list *list, model_row_fn *row, void *context,
	struct err *err)
{
	struct arena *arena = arena_new();
	const struct field *key = resource_key(resource);
	int64_t left = list->limit == 0 ? INT64_MAX : list->limit;
	struct strbuf after;
	int count = LIST_SLICE;
	int status = 0;

	strbuf_init(&after, 1024);
	if (list->after != NULL)
		strbuf_add_text(&after, list->after);
	while (status == 0 && left > 0 && count == LIST_SLICE) {
		int64_t slice = left < LIST_SLICE ? left : LIST_SLICE;
		void *objects;

		count = list_slice(model, resource, list, slice, after.data,
			&objects, arena, err);
		if (count < 0)
			status = -1;
		for (int i = 0; i < count && status == 0; i++) {
			char *object = (char *)objects +
				       (size_t)i * resource->object_size;

			if (i + 1 == count) {
				strbuf_reset(&after);
				strbuf_add_text(&after,
					resource_format(key, object, arena));
			}
			status = row(context, object, arena, err);
		}
		left -= count > 0 ? count : 0;
		arena_reset(arena);
	}
	strbuf_deinit(&after);
	arena_free(&arena);
	return status;
}

static int
write_audit(struct model *model, const struct resource *resource,
	const char *action, const void *old, const void *object,
	struct err *err)
{
	const void *known = object != NULL ? object : old;
	struct strbuf old_json;
	struct strbuf new_json;
	struct json_writer w;
	struct audit_entry entry = {
		.action = action,
		.type = resource->name,
		.object = resource_format(
			resource_key(resource), known, model->arena),
		/* The id is the first field of every resource. */
		.object_id = *(const int64_t *)((const char *)known +
						resource->fields[0].offset),
	};
	int status;

	strbuf_init(&old_json, AUDIT_JSON_MAX);
	strbuf_init(&new_json, AUDIT_JSON_MAX);
	if (old != NULL) {
		json_writer_init(&w, &old_json);
		resource_write_audit(resource, old, &w);
		entry.old = old_json.data;
	}
	if (object != NULL) {
		json_writer_init(&w, &new_json);
		resource_write_audit(resource, object, &w);
		entry.changed = new_json.data;
	}
	status = audit_write(model, &entry, err);
	strbuf_deinit(&old_json);
	strbuf_deinit(&new_json);
	return status;
}

int
model_insert(struct model *model, const struct resource *resource, void *object,
	struct err *err)
{
	struct db_query q =
		db_query(model->core, &resource->sql[RESOURCE_INSERT]);

	resource_bind(resource, &q, object);
	if (db_run(&q, err) != 0)
		return -1;
	*(int64_t *)((char *)object + resource->fields[0].offset) =
		db_last_id(model->core);
	return write_audit(model, resource, "add", NULL, object, err);
}

int
model_update(struct model *model, const struct resource *resource,
	const void *old, const void *object, struct err *err)
{
	struct db_query q =
		db_query(model->core, &resource->sql[RESOURCE_UPDATE]);

	resource_bind(resource, &q, object);
	if (db_run(&q, err) != 0)
		return -1;
	return write_audit(model, resource, "edit", old, object, err);
}

int
model_delete(struct model *model, const struct resource *resource,
	const void *object, struct err *err)
{
	int64_t id = *(const int64_t *)((const char *)object +
					resource->fields[0].offset);

	if (model_run_numbers(
		    model, &resource->sql[RESOURCE_DELETE], &id, 1, err) != 0)
		return -1;
	return write_audit(model, resource, "remove", object, NULL, err);
}

int
model_run_numbers(struct model *model, const struct db_statement *statement,
	const int64_t *numbers, int count, struct err *err)
{
	struct db_query q = db_query(model->core, statement);

	for (int i = 0; i < count; i++)
		db_bind_number(&q, i + 1, numbers[i]);
	return db_run(&q, err);
}

const struct db_statement *
model_statements(size_t table, size_t *count_out)
{
	static const struct {
		const struct db_statement *statements;
		size_t count;
	} tables[] = {
		{ DOMAIN_SQL, DOMAIN_SQL_COUNT },
		{ ALIAS_DOMAIN_SQL, ALIAS_DOMAIN_SQL_COUNT },
		{ MAILBOX_SQL, MAILBOX_SQL_COUNT },
		{ ALIAS_SQL, ALIAS_SQL_COUNT },
		{ APP_PASSWORD_SQL, APP_PASSWORD_SQL_COUNT },
		{ REMOVED_SQL, REMOVED_SQL_COUNT },
		{ OUTBOX_SQL, OUTBOX_SQL_COUNT },
		{ SETTING_SQL, SETTING_SQL_COUNT },
		{ AUDIT_SQL, AUDIT_SQL_COUNT },
		{ DKIM_SQL, DKIM_SQL_COUNT },
	};

	if (table >= ARRAY_LENGTH(tables))
		return NULL;
	*count_out = tables[table].count;
	return tables[table].statements;
}
