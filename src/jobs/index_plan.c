/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A list in the order of change: batches take from its head, and the mark
 * (all up to it is indexed) is what stands before its first entry that did
 * not fail. Who failed is saved by name, so that the mark can pass it.
 */
#include "jobs/index_plan.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_write.h"

#define AGAIN_MS 5000 /* one that was beside a failure */
#define BACK_OFF_MS 60000 /* after the first failure; doubles */
#define BACK_OFF_MAX_MS (6 * 3600 * 1000)

struct index_plan {
	struct index_entry *first;
	struct index_entry **end;
	int64_t seen;
};

struct index_plan *
index_plan_new(void)
{
	struct index_plan *plan = xmalloc(sizeof(*plan));

	plan->end = &plan->first;
	return plan;
}

static void
free_entries(struct index_plan *plan)
{
	struct index_entry *next;

	for (struct index_entry *e = plan->first; e != NULL; e = next) {
		next = e->next;
		x_free(&e);
	}
}

void
index_plan_free(struct index_plan **plan)
{
	if (*plan == NULL)
		return;
	free_entries(*plan);
	x_free(plan);
}

size_t
index_plan_count(const struct index_plan *plan)
{
	size_t count = 0;

	for (const struct index_entry *e = plan->first; e != NULL; e = e->next)
		count++;
	return count;
}

const struct index_entry *
index_plan_first(const struct index_plan *plan)
{
	return plan->first;
}

int64_t
index_plan_seen(const struct index_plan *plan)
{
	return plan->seen;
}

static struct index_entry *
find(struct index_plan *plan, int64_t mailbox_id)
{
	for (struct index_entry *e = plan->first; e != NULL; e = e->next)
		if (e->mailbox_id == mailbox_id)
			return e;
	return NULL;
}

static void
append(struct index_plan *plan, struct index_entry *entry)
{
	entry->next = NULL;
	*plan->end = entry;
	plan->end = &entry->next;
}

static void
unlink_entry(struct index_plan *plan, struct index_entry *entry)
{
	struct index_entry **at = &plan->first;

	while (*at != entry)
		at = &(*at)->next;
	*at = entry->next;
	if (plan->end == &entry->next)
		plan->end = at;
}

void
index_plan_pass(struct index_plan *plan, int64_t mailbox_id, int64_t change)
{
	struct index_entry *entry = find(plan, mailbox_id);

	if (change > plan->seen)
		plan->seen = change;
	if (entry == NULL || entry->batch != 0)
		return; /* its batch will say so */
	unlink_entry(plan, entry);
	x_free(&entry);
}

void
index_plan_add(struct index_plan *plan, int64_t mailbox_id, int64_t change,
	const char *address)
{
	struct index_entry *entry = find(plan, mailbox_id);

	if (change > plan->seen)
		plan->seen = change;
	if (entry != NULL) {
		/* It stays where it is: whoever waits longest is next. */
		entry->changed_again = entry->batch != 0;
		snprintf(entry->address, sizeof(entry->address), "%s", address);
		return;
	}
	entry = xmalloc(sizeof(*entry));
	entry->mailbox_id = mailbox_id;
	entry->change = change;
	snprintf(entry->address, sizeof(entry->address), "%s", address);
	append(plan, entry);
}

/* One put off for longer than any is: the clock was set back since. */
static bool
is_due(const struct index_entry *entry, int64_t now_ms)
{
	int64_t wait_ms = entry->due_ms - now_ms;

	return wait_ms <= 0 || wait_ms > BACK_OFF_MAX_MS;
}

size_t
index_plan_take(struct index_plan *plan, int batch, size_t max, int64_t now_ms,
	bool *has_failed_out)
{
	size_t count = 0;

	*has_failed_out = false;
	for (struct index_entry *e = plan->first; e != NULL && count < max;
		e = e->next) {
		if (e->batch != 0 || !is_due(e, now_ms))
			continue;
		if (e->alone && count > 0)
			continue;
		e->batch = batch;
		e->changed_again = false;
		e->text[0] = '\0';
		*has_failed_out = e->failures > 0;
		count++;
		if (e->alone)
			break;
	}
	return count;
}

void
index_plan_blame(struct index_plan *plan, int batch, const char *address,
	const char *text)
{
	for (struct index_entry *e = plan->first; e != NULL; e = e->next)
		if (e->batch == batch && strcmp(e->address, address) == 0 &&
			e->text[0] == '\0')
			snprintf(e->text, sizeof(e->text), "%s", text);
}

static void
put_off(struct index_entry *entry, int64_t now_ms)
{
	int64_t wait_ms = BACK_OFF_MS;

	for (int i = 0; i < entry->failures && wait_ms < BACK_OFF_MAX_MS; i++)
		wait_ms *= 2;
	if (wait_ms > BACK_OFF_MAX_MS)
		wait_ms = BACK_OFF_MAX_MS;
	entry->failures++;
	entry->alone = true;
	entry->due_ms = now_ms + wait_ms;
}

/* True when the entry is done with. */
static bool
finish_entry(
	struct index_entry *entry, enum index_result result, int64_t now_ms)
{
	bool was_alone = entry->alone;
	int batch = entry->batch;

	entry->batch = 0;
	if (result == INDEX_NOT_TRIED) {
		entry->text[0] = '\0';
		entry->due_ms = now_ms + AGAIN_MS;
		return false;
	}
	if (result == INDEX_UNKNOWN && entry->text[0] == '\0') {
		if (was_alone)
			snprintf(entry->text, sizeof(entry->text),
				"indexing was ended before it was done");
		entry->alone = true;
		entry->due_ms = now_ms + AGAIN_MS;
	}
	if (entry->text[0] != '\0') {
		entry->failed_batch = batch;
		put_off(entry, now_ms);
		return false;
	}
	if (result == INDEX_UNKNOWN)
		return false;
	entry->failures = 0;
	entry->alone = false;
	return !entry->changed_again;
}

size_t
index_plan_finish(struct index_plan *plan, int batch, enum index_result result,
	int64_t now_ms)
{
	struct index_entry *next;
	size_t done = 0;

	for (struct index_entry *e = plan->first; e != NULL; e = next) {
		next = e->next;
		if (e->batch != batch)
			continue;
		if (!finish_entry(e, result, now_ms)) {
			done += e->text[0] == '\0' && result == INDEX_DONE;
			continue;
		}
		unlink_entry(plan, e);
		x_free(&e);
		done++;
	}
	return done;
}

/* Entries stay: who is in a batch, who failed; each is added again. */
void
index_plan_restart(struct index_plan *plan)
{
	plan->seen = 0;
	for (struct index_entry *e = plan->first; e != NULL; e = e->next)
		e->change = 0;
}

static int64_t
mark_of(const struct index_plan *plan)
{
	for (const struct index_entry *e = plan->first; e != NULL; e = e->next)
		if (e->failures == 0)
			return e->change > 0 ? e->change - 1 : 0;
	return plan->seen;
}

void
index_plan_save(
	const struct index_plan *plan, int64_t optimized_ms, struct strbuf *out)
{
	struct json_writer w;
	size_t waiting = 0;

	json_writer_init(&w, out);
	json_object_open(&w, NULL);
	json_number(&w, "mark", mark_of(plan));
	json_array_open(&w, "failing");
	for (const struct index_entry *e = plan->first; e; e = e->next) {
		waiting += e->failures == 0;
		if (e->failures == 0)
			continue;
		json_object_open(&w, NULL);
		json_number(&w, "mailbox_id", e->mailbox_id);
		json_text(&w, "address", e->address);
		json_number(&w, "failures", e->failures);
		json_number(&w, "due_ms", e->due_ms);
		json_text(&w, "text", e->text);
		json_object_close(&w);
	}
	json_array_close(&w);
	json_number(&w, "waiting", (int64_t)waiting);
	json_number(&w, "optimized_ms", optimized_ms);
	json_object_close(&w);
}

static int64_t
number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static void
load_failing(struct index_plan *plan, const json_t *item)
{
	const char *address =
		json_string_value(json_object_get(item, "address"));
	const char *text = json_string_value(json_object_get(item, "text"));
	struct index_entry *entry;

	if (address == NULL || number_of(item, "mailbox_id") <= 0)
		return;
	index_plan_add(plan, number_of(item, "mailbox_id"), 0, address);
	entry = find(plan, number_of(item, "mailbox_id"));
	entry->failures = (int)number_of(item, "failures");
	entry->alone = true;
	entry->due_ms = number_of(item, "due_ms");
	snprintf(entry->text, sizeof(entry->text), "%s", text ? text : "");
}

int
index_plan_load(struct index_plan *plan, const char *text,
	int64_t *optimized_ms_out, struct err *err)
{
	json_t *state = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
	size_t index;
	json_t *item;

	if (!json_is_object(state) || number_of(state, "mark") < 0) {
		json_decref(state);
		return err_set(err, ERR_CORRUPT, "not what was written");
	}
	plan->seen = number_of(state, "mark");
	*optimized_ms_out = number_of(state, "optimized_ms");
	json_array_foreach(json_object_get(state, "failing"), index, item)
		load_failing(plan, item);
	json_decref(state);
	return 0;
}
