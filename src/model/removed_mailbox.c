/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The memory is an object {"mailbox": row, "app_passwords": [rows],
 * "aliases": [rows]} of stored fields, hashes among them: as secret as the
 * tables that it comes from, and gone with the purge.
 */
#include "model/removed_mailbox.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/span.h"
#include "model/address.h"
#include "model/alias.h"
#include "model/app_password.h"
#include "model/audit.h"
#include "model/core_sql.h"
#include "model/setting.h"

#define MEMORY_MAX (64 * 1024 * 1024)
#define REFUSED_TEXT_MAX 400
#define LIST_SLICE 200
#define STORE_ID_LENGTH 32
#define ENTRY_DIGITS_MAX 12 /* of seconds: some ten thousand years */
#define DUE_FIRST 0 /* a mailbox that waits for its mail */

/* Remembering. */

static int
write_app_password(void *context, const void *object,
	UNUSED struct arena *arena, UNUSED struct err *err)
{
	struct json_writer *w = context;

	json_object_open(w, NULL);
	resource_write_stored(&app_password_resource, object, w);
	json_object_close(w);
	return 0;
}

static int
write_alias(void *context, const struct alias *alias, UNUSED struct err *err)
{
	struct json_writer *w = context;

	json_object_open(w, NULL);
	resource_write_stored(&alias_resource, alias, w);
	json_object_close(w);
	return 0;
}

static int
write_memory(struct model *model, const struct mailbox *mailbox,
	struct json_writer *w, struct err *err)
{
	const struct model_list list = { .owner = mailbox->address };
	const struct alias_forget forget = { write_alias, w };

	json_object_open(w, NULL);
	json_object_open(w, "mailbox");
	resource_write_stored(&mailbox_resource, mailbox, w);
	json_object_close(w);
	json_array_open(w, "app_passwords");
	if (model_list(model, &app_password_resource, &list, write_app_password,
		    w, err) != 0)
		return -1;
	json_array_close(w);
	json_array_open(w, "aliases");
	if (alias_forget_mailbox(model, mailbox->address, mailbox->domain_id,
		    &forget, err) != 0)
		return -1;
	json_array_close(w);
	json_object_close(w);
	return 0;
}

static int
insert_row(struct db *core, const struct removed_mailbox *row, int64_t due_ms,
	struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_INSERT]);

	db_bind_number(&q, 1, row->id);
	db_bind_text(&q, 2, row->store_id);
	db_bind_text(&q, 3, row->address);
	db_bind_number(&q, 4, row->state);
	db_bind_number(&q, 5, clock_wall_seconds());
	db_bind_text(&q, 6, row->memory);
	db_bind_number(&q, 7, due_ms);
	return db_run(&q, err);
}

static int
too_much(const struct mailbox *mailbox, struct err *err)
{
	(void)err_field(err, ERR_TOO_BIG, "address",
		"more aliases lead to %s than can be remembered",
		mailbox->address);
	return err_remedy(err, "remove it for good, with --now");
}

int
removed_mailbox_remember(struct model *model, const struct mailbox *mailbox,
	enum removed_state state, struct err *err)
{
	struct removed_mailbox row = { .id = mailbox->id,
		.store_id = mailbox->store_id,
		.address = mailbox->address,
		.state = state };
	struct strbuf memory;
	struct json_writer w;
	int status;

	strbuf_init(&memory, MEMORY_MAX);
	json_writer_init(&w, &memory);
	status = write_memory(model, mailbox, &w, err);
	if (status == 0 && state == REMOVED_KEPT && strbuf_overflowed(&memory))
		status = too_much(mailbox, err);
	row.memory = state == REMOVED_KEPT ? memory.data : "{}";
	if (status == 0)
		status = insert_row(model->core, &row, clock_wall_ms(), err);
	strbuf_deinit(&memory);
	return status;
}

/* Reading. */

static void
read_row(struct db_query *q, struct removed_mailbox *out, struct arena *arena)
{
	*out = (struct removed_mailbox){
		.id = db_number(q, 0),
		.store_id = arena_strdup(arena, db_text(q, 1)),
		.address = arena_strdup(arena, db_text(q, 2)),
		.state = db_number(q, 3),
		.removed = db_number(q, 4),
		.bytes = db_number(q, 5),
		.memory = arena_strdup(arena, db_text(q, 6)),
		.settled = db_number(q, 7) != 0,
	};
}

static int
not_there(struct model *model, const char *key, struct err *err)
{
	int64_t days;

	if (setting_number(model->core, SETTING_GARBAGE_DAYS, &days, err) != 0)
		return -1;
	(void)err_field(err, ERR_NOT_FOUND, "address",
		"there is no removed mailbox %.200s; they are kept for %lld days",
		key, (long long)days);
	return err_remedy(err, "mailherd mailbox deleted shows what there is");
}

/* A store id as it is, an address in its one spelling. */
static int
find(struct model *model, const char *key, struct removed_mailbox *out,
	struct err *err)
{
	struct db_query q = db_query(model->core, &REMOVED_SQL[REMOVED_FIND]);
	char address[ADDRESS_MAX];
	int got;

	if (strchr(key, '@') != NULL) {
		if (address_canonical(key, false, "address", address, err) != 0)
			return -1;
		key = address;
	}
	db_bind_text(&q, 1, key);
	got = db_step(&q, err);
	if (got == 1)
		read_row(&q, out, model->arena);
	db_finish(&q);
	return got;
}

int
removed_mailbox_load(struct model *model, const char *key,
	struct removed_mailbox *out, struct err *err)
{
	int got = find(model, key, out, err);

	if (got == 0)
		return not_there(model, key, err);
	return got < 0 ? -1 : 0;
}

static int
list_slice(struct model *model, const char *search, int64_t after,
	struct removed_mailbox *rows, struct arena *arena, struct err *err)
{
	struct db_query q = db_query(model->core, &REMOVED_SQL[REMOVED_LIST]);
	int count = 0;
	int got;

	db_bind_number(&q, 1, after);
	db_bind_text(&q, 2, search);
	db_bind_number(&q, 3, LIST_SLICE);
	while ((got = db_step(&q, err)) == 1 && count < LIST_SLICE)
		read_row(&q, &rows[count++], arena);
	db_finish(&q);
	return got < 0 ? -1 : count;
}

int
removed_mailbox_list(struct model *model, const char *search,
	removed_row_fn *row, void *context, struct err *err)
{
	struct removed_mailbox rows[LIST_SLICE];
	struct arena *arena = arena_new();
	int64_t after = 0;
	int count = LIST_SLICE;
	int status = 0;

	while (status == 0 && count == LIST_SLICE) {
		arena_reset(arena);
		count = list_slice(model, search, after, rows, arena, err);
		if (count < 0)
			status = -1;
		for (int i = 0; i < count && status == 0; i++) {
			after = rows[i].id;
			status = row(context, &rows[i], arena, err);
		}
	}
	arena_free(&arena);
	return status;
}

int
removed_mailbox_until(struct model *model, const struct removed_mailbox *row,
	int64_t *until_out, struct err *err)
{
	int64_t days;

	if (setting_number(model->core, SETTING_GARBAGE_DAYS, &days, err) != 0)
		return -1;
	*until_out = row->state == REMOVED_KEPT
			     ? row->removed + days * REMOVED_DAY_SECONDS
			     : row->removed;
	return 0;
}

int
removed_mailbox_total(struct db *core, int64_t overdue_before,
	struct removed_total *total_out, struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_TOTAL]);
	int got;

	db_bind_number(&q, 1, overdue_before);
	got = db_step(&q, err);
	if (got == 1)
		*total_out = (struct removed_total){ db_number(&q, 0),
			db_number(&q, 1), db_number(&q, 2), db_number(&q, 3) };
	db_finish(&q);
	return got == 1 ? 0 : -1;
}

/* Bringing back. */

struct returning {
	struct model *model;
	const json_t *memory;
	struct removed_return *out;
	size_t alias_count;
	size_t refused_count;
};

static int
check_returnable(const struct removed_mailbox *row, struct err *err)
{
	if (row->state == REMOVED_KEPT)
		return 0;
	if (row->state == REMOVED_RETURNING) {
		(void)err_field(err, ERR_DENIED, "address",
			"%s was brought back already", row->address);
		return err_remedy(err, "mailherd mailbox list shows it");
	}
	return err_field(err, ERR_NOT_FOUND, "address",
		"%s is being deleted for good", row->address);
}

static int
set_returning(
	struct model *model, const struct removed_mailbox *row, struct err *err)
{
	const int64_t numbers[] = { row->id, REMOVED_RETURNING, DUE_FIRST };

	return model_run_numbers(
		model, &REMOVED_SQL[REMOVED_SET_STATE], numbers, 3, err);
}

static int
return_mailbox(struct returning *r, const char *as, struct err *err)
{
	struct mailbox mailbox;

	if (resource_load_stored(&mailbox_resource,
		    json_object_get(r->memory, "mailbox"), &mailbox,
		    r->model->arena, err) != 0)
		return -1;
	if (as != NULL)
		mailbox.address = as;
	mailbox.modified = clock_wall_seconds();
	if (mailbox_add_again(r->model, &mailbox, err) != 0)
		return -1;
	r->out->mailbox = mailbox;
	return 0;
}

static int
return_app_passwords(struct returning *r, struct err *err)
{
	const json_t *list = json_object_get(r->memory, "app_passwords");
	size_t i;
	json_t *row;

	json_array_foreach((json_t *)list, i, row)
	{
		struct app_password password;

		if (resource_load_stored(&app_password_resource, row, &password,
			    r->model->arena, err) != 0)
			return -1;
		password.mailbox = r->out->mailbox.address;
		if (model_insert(r->model, &app_password_resource, &password,
			    err) != 0)
			return -1;
		r->out->app_passwords++;
	}
	return 0;
}

static int
return_alias(struct returning *r, const struct alias *alias, struct err *err)
{
	const char **aliases = (const char **)r->out->aliases;
	const char **refused = (const char **)r->out->refused;
	enum alias_regained regained;
	struct err why = { 0 };

	if (alias_regain(r->model, alias, r->out->mailbox.address, &regained,
		    &why, err) != 0)
		return -1;
	if (regained == ALIAS_REGAINED)
		aliases[r->alias_count++] = alias->address;
	else if (regained == ALIAS_REFUSED)
		refused[r->refused_count++] = arena_printf(r->model->arena,
			"%s: %.*s", alias->address, REFUSED_TEXT_MAX, why.text);
	return 0;
}

static int
return_aliases(struct returning *r, struct err *err)
{
	const json_t *list = json_object_get(r->memory, "aliases");
	size_t room = json_array_size(list) + 1;
	size_t i;
	json_t *row;

	r->out->aliases =
		arena_alloc(r->model->arena, room * sizeof(*r->out->aliases));
	r->out->refused =
		arena_alloc(r->model->arena, room * sizeof(*r->out->refused));
	json_array_foreach((json_t *)list, i, row)
	{
		struct alias alias;

		if (resource_load_stored(&alias_resource, row, &alias,
			    r->model->arena, err) != 0 ||
			return_alias(r, &alias, err) != 0)
			return -1;
	}
	return 0;
}

static int
return_rows(struct model *model, const char *key, const char *as,
	struct removed_return *out, struct err *err)
{
	struct returning r = { .model = model, .out = out };
	struct removed_mailbox row;
	json_t *memory;
	int status;

	if (removed_mailbox_load(model, key, &row, err) != 0 ||
		check_returnable(&row, err) != 0)
		return -1;
	memory = json_loads(row.memory, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(memory)) {
		json_decref(memory);
		return err_set(err, ERR_CORRUPT,
			"what is remembered of %s can not be read",
			row.address);
	}
	r.memory = memory;
	status = return_mailbox(&r, as, err) != 0 ||
				 return_app_passwords(&r, err) != 0 ||
				 return_aliases(&r, err) != 0 ||
				 set_returning(model, &row, err) != 0
			 ? -1
			 : 0;
	json_decref(memory);
	return status;
}

int
removed_mailbox_return(struct model *model, const char *key, const char *as,
	struct removed_return *out, struct err *err)
{
	struct removed_return returned = { 0 };

	if (model_begin(model, err) != 0 ||
		model_end(model, return_rows(model, key, as, &returned, err),
			err) != 0)
		return -1;
	*out = returned;
	return 0;
}

/* Deleting for good. */

static int
audit_purge(
	struct model *model, const struct removed_mailbox *row, struct err *err)
{
	const struct audit_entry entry = { "purge", mailbox_resource.name,
		row->address, row->id, NULL, NULL };

	return audit_write(model, &entry, err);
}

static int
purge_row(
	struct model *model, const struct removed_mailbox *row, struct err *err)
{
	const int64_t numbers[] = { row->id, clock_wall_ms() };

	if (model_run_numbers(
		    model, &REMOVED_SQL[REMOVED_FORGET], numbers, 2, err) != 0)
		return -1;
	return audit_purge(model, row, err);
}

static int
purge_rows(struct model *model, const char *key, int64_t *count_out,
	struct err *err)
{
	struct removed_mailbox row;
	int64_t count = 0;
	int got;

	while ((got = find(model, key, &row, err)) == 1 &&
		row.state == REMOVED_KEPT) {
		if (purge_row(model, &row, err) != 0)
			return -1;
		count++;
	}
	if (got < 0)
		return -1;
	if (count == 0)
		return not_there(model, key, err);
	*count_out = count;
	return 0;
}

int
removed_mailbox_purge(struct model *model, const char *key, int64_t *count_out,
	struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(model, purge_rows(model, key, count_out, err), err);
}

static int
expire_rows(struct model *model, int64_t before, int64_t *count_out,
	struct err *err)
{
	struct removed_mailbox row;
	int64_t count = 0;
	int got = 1;

	while (got == 1) {
		struct db_query q =
			db_query(model->core, &REMOVED_SQL[REMOVED_EXPIRED]);

		db_bind_number(&q, 1, before);
		got = db_step(&q, err);
		if (got == 1)
			read_row(&q, &row, model->arena);
		db_finish(&q);
		if (got == 1 && purge_row(model, &row, err) != 0)
			return -1;
		count += got == 1;
	}
	*count_out = count;
	return got;
}

int
removed_mailbox_expire(struct model *model, int64_t before, int64_t *count_out,
	struct err *err)
{
	if (model_begin(model, err) != 0)
		return -1;
	return model_end(
		model, expire_rows(model, before, count_out, err), err);
}

/* What the jobs ask. */

int
removed_store_next(struct db *core, struct arena *arena,
	struct removed_store *store_out, struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_NEXT]);
	int got = db_step(&q, err);

	if (got == 1)
		*store_out = (struct removed_store){
			.store_id = arena_strdup(arena, db_text(&q, 0)),
			.state = (enum removed_state)db_number(&q, 1),
			.due_ms = db_number(&q, 2),
		};
	db_finish(&q);
	return got;
}

int
removed_store_settled(struct db *core, const struct removed_store *store,
	int64_t bytes, struct err *err)
{
	bool kept = store->state == REMOVED_KEPT;
	struct db_query q = db_query(
		core, &REMOVED_SQL[kept ? REMOVED_SETTLED : REMOVED_DELETE]);

	db_bind_text(&q, 1, store->store_id);
	db_bind_number(&q, 2, kept ? bytes : (int64_t)store->state);
	return db_run(&q, err);
}

int
removed_store_postpone(
	struct db *core, const char *store_id, int64_t due_ms, struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_POSTPONE]);

	db_bind_text(&q, 1, store_id);
	db_bind_number(&q, 2, due_ms);
	return db_run(&q, err);
}

static int
is_removed(struct db *core, const char *store_id, struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_STATE]);
	int got;

	db_bind_text(&q, 1, store_id);
	got = db_step(&q, err);
	db_finish(&q);
	return got;
}

/* Mail of a mailbox that there is: core.db was put back to an older state. */
static int
claim(struct db *core, const char *store_id, enum removed_owner *owner_out,
	struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_OWNER]);
	struct removed_mailbox row = {
		.store_id = store_id, .state = REMOVED_RETURNING, .memory = "{}"
	};
	char address[ADDRESS_MAX];
	int got;

	db_bind_text(&q, 1, store_id);
	got = db_step(&q, err);
	if (got == 1) {
		row.id = db_number(&q, 0);
		(void)snprintf(address, sizeof(address), "%s", db_text(&q, 1));
		row.address = address;
	}
	db_finish(&q);
	if (got == 1 && insert_row(core, &row, DUE_FIRST, err) != 0)
		return -1;
	if (got >= 0)
		*owner_out =
			got == 1 ? REMOVED_OWNER_MAILBOX : REMOVED_OWNER_NOBODY;
	return got < 0 ? -1 : 0;
}

int64_t
removed_entry_time(const char *name)
{
	size_t digits = strspn(name, "0123456789");
	const char *store_id = name + digits + 1;
	uint64_t seconds;

	if (digits == 0 || digits > ENTRY_DIGITS_MAX || name[digits] != '_' ||
		strlen(store_id) != STORE_ID_LENGTH ||
		strspn(store_id, "0123456789abcdef") != STORE_ID_LENGTH ||
		span_parse_uint64((struct span){ name, digits }, INT64_MAX,
			&seconds) != 0)
		return -1;
	return (int64_t)seconds;
}

/* core.db may be older than what was moved: then it is for a person. */
static int
claim_earlier(struct db *core, const char *store_id,
	enum removed_owner *owner_out, struct err *err)
{
	struct db_query q = db_query(core, &REMOVED_SQL[REMOVED_OWNER]);
	int got;

	db_bind_text(&q, 1, store_id);
	got = db_step(&q, err);
	db_finish(&q);
	if (got == 0)
		got = is_removed(core, store_id, err);
	if (got >= 0)
		*owner_out =
			got == 1 ? REMOVED_OWNER_NOBODY : REMOVED_OWNER_EARLIER;
	return got < 0 ? -1 : 0;
}

int
removed_store_claim(struct db *core, const char *name,
	enum removed_owner *owner_out, struct err *err)
{
	int got;

	if (removed_entry_time(name) >= 0)
		return claim_earlier(
			core, strchr(name, '_') + 1, owner_out, err);
	got = is_removed(core, name, err);
	if (got == 0)
		return claim(core, name, owner_out, err);
	if (got == 1)
		*owner_out = REMOVED_OWNER_REMOVED;
	return got < 0 ? -1 : 0;
}
