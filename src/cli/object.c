/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands on objects, driven by their kinds and resource tables. */
#include "cli/object.h"

#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "cli/table.h"
#include "model/domain.h"
#include "model/mailbox.h"

#define JSON_MAX (1024 * 1024)
#define LABEL_WIDTH 22

int
object_open(struct command_call *call, struct model *model_out, struct err *err)
{
	return model_open(
		&call->paths, call->actor, call->arena, model_out, err);
}

int
object_load(struct command_call *call, void *object_out, struct err *err)
{
	struct model model;
	int status;

	if (object_open(call, &model, err) != 0)
		return -1;
	status = call->command->object->load(
		&model, command_argument(call, 0), object_out, err);
	model_close(&model);
	return status;
}

int
object_fill(struct command_call *call, void *object, uint64_t *given,
	struct err *err)
{
	const struct resource *resource = call->command->resource;

	for (size_t i = 0; i < call->given_count; i++) {
		const struct field *field =
			resource_field(resource, call->given[i].name);

		if (field == NULL ||
			(field->flags & call->command->resource_flags) == 0)
			continue;
		if (resource_set(resource, field, call->given[i].value, object,
			    given, call->arena, err) != 0)
			return -1;
	}
	return 0;
}

/* ERR_INVALID when an edit names nothing to change. */
static int
check_given(const struct command_call *call, uint64_t given, struct err *err)
{
	if (given != 0)
		return 0;
	(void)err_set(err, ERR_INVALID, "nothing to change was given");
	return err_remedy(err, "mailherd %s --help shows what can be changed",
		call->command->name);
}

static void
print_json(const struct resource *resource, const void *object,
	object_extra_fn *extra, void *context)
{
	struct strbuf text;
	struct json_writer w;

	strbuf_init(&text, JSON_MAX);
	json_writer_init(&w, &text);
	json_object_open(&w, NULL);
	resource_write_json(resource, object, &w);
	if (extra != NULL)
		extra(&w, context);
	json_object_close(&w);
	(void)puts(text.data);
	strbuf_deinit(&text);
}

void
object_print(struct command_call *call, const struct resource *resource,
	const void *object, object_extra_fn *extra, void *context)
{
	if (call->json) {
		print_json(resource, object, extra, context);
		return;
	}
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if ((field->flags & FIELD_SECRET) == 0)
			(void)printf("%-*s %s\n", LABEL_WIDTH, field->name,
				resource_format(field, object, call->arena));
	}
}

void
object_print_changed(struct command_call *call, const struct resource *resource,
	const void *object, const char *done)
{
	if (call->json)
		print_json(resource, object, NULL, NULL);
	else
		(void)printf("%s %s %s\n", resource->name,
			resource_format(
				resource_key(resource), object, call->arena),
			done);
}

void
object_print_removed(const struct command_call *call, const char *name)
{
	struct strbuf text;
	struct json_writer w;

	if (!call->json) {
		(void)printf("%s removed\n", name);
		return;
	}
	strbuf_init(&text, JSON_MAX);
	json_writer_init(&w, &text);
	json_object_open(&w, NULL);
	json_text(&w, "removed", name);
	json_object_close(&w);
	(void)puts(text.data);
	strbuf_deinit(&text);
}

struct list_output {
	const struct resource *resource;
	bool json;
	struct table *table;
	struct strbuf text;
	struct json_writer w;
};

static void
flush_json(struct list_output *out)
{
	(void)fwrite(out->text.data, 1, out->text.length, stdout);
	strbuf_reset(&out->text);
}

static int
list_row(void *context, const void *object, struct arena *arena,
	UNUSED struct err *err)
{
	struct list_output *out = context;
	const struct resource *resource = out->resource;

	if (out->json) {
		json_object_open(&out->w, NULL);
		resource_write_json(resource, object, &out->w);
		json_object_close(&out->w);
		flush_json(out);
		return 0;
	}
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if ((field->flags & FIELD_SHORT) != 0)
			table_cell(out->table,
				resource_format(field, object, arena));
	}
	table_row_end(out->table);
	return 0;
}

static void
begin_list(struct list_output *out)
{
	strbuf_init(&out->text, JSON_MAX);
	json_writer_init(&out->w, &out->text);
	out->table = table_new();
	if (out->json) {
		json_array_open(&out->w, NULL);
		return;
	}
	for (size_t i = 0; i < out->resource->field_count; i++) {
		const struct field *field = &out->resource->fields[i];

		if ((field->flags & FIELD_SHORT) != 0)
			table_cell(out->table, field->name);
	}
	table_row_end(out->table);
}

static void
end_list(struct list_output *out, bool complete)
{
	if (out->json && complete) {
		json_array_close(&out->w);
		flush_json(out);
		(void)puts("");
	}
	table_flush(out->table);
	table_free(&out->table);
	strbuf_deinit(&out->text);
}

static int
read_list(const struct command_call *call, const struct resource *resource,
	struct model_list *list, struct err *err)
{
	const char *limit = command_option(call, "limit");
	uint64_t number;

	list->owner = command_option(call, resource->owner);
	if (list->owner == NULL)
		list->owner = command_argument(call, 0);
	list->search = command_option(call, "search");
	if (limit == NULL)
		return 0;
	if (span_parse_uint64(span_from(limit), INT64_MAX, &number) != 0 ||
		number == 0) {
		(void)err_field(err, ERR_INVALID, "limit",
			"--limit can not be \"%.60s\"", limit);
		return err_remedy(err, "write a whole number above 0");
	}
	list->limit = (int64_t)number;
	return 0;
}

/* The owner must exist, and is known by its canonical name. */
static int
find_owner(struct model *model, const struct resource *resource,
	struct model_list *list, struct err *err)
{
	struct domain domain;
	struct mailbox mailbox;

	if (list->owner == NULL)
		return 0;
	if (strcmp(resource->owner, mailbox_resource.name) == 0) {
		if (mailbox_load(model, list->owner, &mailbox, err) != 0)
			return -1;
		list->owner = mailbox.address;
		return 0;
	}
	if (domain_load(model, list->owner, &domain, err) != 0)
		return -1;
	list->owner = domain.name;
	return 0;
}

int
object_run_list(struct command_call *call)
{
	const struct resource *resource = call->command->object->resource;
	struct list_output out = { .resource = resource, .json = call->json };
	struct model_list list = { 0 };
	struct model model;
	struct err err = { 0 };
	int status;

	if (read_list(call, resource, &list, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	if (find_owner(&model, resource, &list, &err) != 0) {
		model_close(&model);
		return command_fail(call, &err);
	}
	begin_list(&out);
	status = model_list(&model, resource, &list, list_row, &out, &err);
	end_list(&out, status == 0);
	model_close(&model);
	return status == 0 ? 0 : command_fail(call, &err);
}

int
object_run_show(struct command_call *call)
{
	const struct object_kind *kind = call->command->object;
	void *object = arena_alloc(call->arena, kind->resource->object_size);
	struct err err = { 0 };

	if (object_load(call, object, &err) != 0)
		return command_fail(call, &err);
	if (kind->print != NULL)
		kind->print(call, object);
	else
		object_print(call, kind->resource, object, NULL, NULL);
	return 0;
}

int
object_run_edit(struct command_call *call)
{
	const struct object_kind *kind = call->command->object;
	void *object = arena_alloc(call->arena, kind->resource->object_size);
	struct model model;
	struct err err = { 0 };
	uint64_t given = 0;
	int status;

	if (object_fill(call, object, &given, &err) != 0 ||
		check_given(call, given, &err) != 0 ||
		object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = kind->edit(
		&model, command_argument(call, 0), object, given, &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	if (kind->print_edited != NULL)
		kind->print_edited(call, object);
	else
		object_print_changed(call, kind->resource, object, "changed");
	return 0;
}

int
object_run_remove(struct command_call *call)
{
	struct model model;
	struct err err = { 0 };
	int status;

	if (object_open(call, &model, &err) != 0)
		return command_fail(call, &err);
	status = call->command->object->remove(
		&model, command_argument(call, 0), &err);
	model_close(&model);
	if (status != 0)
		return command_fail(call, &err);
	object_print_removed(call, command_argument(call, 0));
	return 0;
}
