/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-garbage: moves and deletes the mail of removed mailboxes
 * (garbage_area.h). Started by the agent as user vmail:
 *
 *	mailherd-garbage --root R keep|return|purge STORE-ID
 *	mailherd-garbage --root R drop NAME
 *	mailherd-garbage --root R list [NAME]
 *
 * keep prints "bytes N", purge and drop "more" when it is to be asked again, list a
 * line per entry behind NAME.
 */
#include <stdio.h>
#include <string.h>

#include "agent/garbage_area.h"
#include "agent/vmail_program.h"
#include "base/compiler.h"

#define PURGE_MS 2000 /* others wait for so long */
#define MEASURE_MS 20000
#define LIST_MAX 200

struct action {
	const char *name;
	int (*run)(
		struct garbage_area *area, const char *word, struct err *err);
	bool (*takes)(const char *word); /* NULL: any word, or none */
};

static int
run_keep(struct garbage_area *area, const char *store_id, struct err *err)
{
	if (garbage_keep(area, store_id, err) == -1)
		return -1;
	garbage_area_unlock(area);
	printf("bytes %lld\n",
		(long long)garbage_measure(area, store_id, MEASURE_MS));
	return 0;
}

typedef int remove_fn(struct garbage_area *area, const char *name,
	int budget_ms, bool *more_out, struct err *err);

static int
remove_some(struct garbage_area *area, const char *name, remove_fn *step,
	struct err *err)
{
	bool more;

	if (step(area, name, PURGE_MS, &more, err) == -1)
		return -1;
	if (more)
		puts("more");
	return 0;
}

static int
run_purge(struct garbage_area *area, const char *store_id, struct err *err)
{
	return remove_some(area, store_id, garbage_purge, err);
}

static int
run_drop(struct garbage_area *area, const char *name, struct err *err)
{
	return remove_some(area, name, garbage_drop, err);
}

static void
print_entry(const char *name, UNUSED void *context)
{
	printf("entry %s\n", name);
}

static int
run_list(struct garbage_area *area, const char *after, struct err *err)
{
	garbage_area_unlock(area);
	return garbage_list(area, after, LIST_MAX, print_entry, NULL, err);
}

static const struct action ACTIONS[] = {
	{ "keep", run_keep, garbage_is_store_id },
	{ "return", garbage_return, garbage_is_store_id },
	{ "purge", run_purge, garbage_is_store_id },
	{ "drop", run_drop, garbage_is_earlier },
	{ "list", run_list, NULL },
};

static int
run(struct vmail_call *call, struct err *err)
{
	const char *word = call->word_count > 1 ? call->words[1] : "";

	for (size_t i = 0; i < ARRAY_LENGTH(ACTIONS); i++) {
		struct garbage_area area;
		int status;

		if (strcmp(ACTIONS[i].name, call->words[0]) != 0)
			continue;
		if (ACTIONS[i].takes != NULL && !ACTIONS[i].takes(word))
			return err_set(err, ERR_INVALID, "not such a name");
		if (garbage_area_open(
			    &area, call->vmail, call->paths.index, err) == -1)
			return -1;
		status = ACTIONS[i].run(&area, word, err);
		garbage_area_close(&area);
		return status;
	}
	return err_set(err, ERR_INVALID, "no such action");
}

int
main(int argc, char **argv)
{
	return vmail_program_main(argc, argv, 1, 2, run);
}
