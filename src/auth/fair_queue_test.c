/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is served in which order, and who has to leave a full queue. */
#include "auth/fair_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"

#define ITEMS_MAX 16

/* "s1/a" is one item of source s1, account a. */
struct order_case {
	const char *name;
	const char *push[ITEMS_MAX];
	const char *want; /* indices in the order of service */
};

static const struct order_case orders[] = {
	{ "empty", { NULL }, "" },
	{ "one account: by arrival", { "s/a", "s/a", "s/a", NULL }, "012" },
	{ "two sources alternate", { "s/a", "s/a", "s/a", "t/b", NULL },
		"0312" },
	{ "two accounts of a source alternate",
		{ "s/a", "s/a", "s/b", "s/b", NULL }, "0213" },
	{ "a flood does not delay the bystander by more than one",
		{ "f/a", "f/b", "f/c", "f/d", "b/x", "f/e", NULL }, "041235" },
	{ "the same account name in two sources is two accounts",
		{ "s/a", "t/a", "s/a", "t/a", NULL }, "0123" },
};

static void
split_key(const char *text, char *source, char *account)
{
	const char *slash = strchr(text, '/');

	memcpy(source, text, (size_t)(slash - text));
	source[slash - text] = '\0';
	memcpy(account, slash + 1, strlen(slash));
}

static bool
push(struct fair_queue *queue, struct fair_item *item, const char *key,
	struct fair_item **pushed_out)
{
	char source[32];
	char account[32];

	split_key(key, source, account);
	return fair_queue_push(queue, item, source, account, pushed_out);
}

static void
serves_round_robin(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(orders); i++) {
		struct fair_queue *queue = fair_queue_new(100, 100);
		struct fair_item items[ITEMS_MAX] = { 0 };
		struct fair_item *item;
		char got[ITEMS_MAX + 1] = "";
		int count = 0;

		for (int j = 0; orders[i].push[j] != NULL; j++) {
			assert_true(push(
				queue, &items[j], orders[i].push[j], &item));
			assert_null(item);
		}
		while ((item = fair_queue_pop(queue)) != NULL)
			got[count++] = (char)('0' + (item - items));
		if (strcmp(got, orders[i].want) != 0)
			fail_msg("%s: got %s, want %s", orders[i].name, got,
				orders[i].want);
		assert_int_equal(fair_queue_count(queue), 0);
		fair_queue_free(&queue);
	}
}

struct full_case {
	const char *name;
	size_t total_max;
	size_t source_max;
	const char *push[ITEMS_MAX];
	int want; /* of the last push: index pushed out, -1 fits, -2 refused */
};

static const struct full_case fulls[] = {
	{ "room", 2, 2, { "s/a", "s/a", NULL }, -1 },
	{ "own account is the largest", 9, 2, { "s/a", "s/a", "s/a", NULL },
		-2 },
	{ "another account of the source leaves", 9, 3,
		{ "s/a", "s/a", "s/a", "s/b", NULL }, 2 },
	{ "nobody has more", 9, 2, { "s/a", "s/b", "s/c", NULL }, -2 },
	{ "another source leaves", 3, 3, { "s/a", "s/a", "s/b", "t/c", NULL },
		1 },
	{ "sources are even", 2, 2, { "s/a", "t/b", "u/c", NULL }, -2 },
	{ "the flood itself is refused", 3, 3,
		{ "t/x", "s/a", "s/b", "s/c", NULL }, -2 },
};

static void
full_case_run(const struct full_case *c)
{
	struct fair_queue *queue = fair_queue_new(c->total_max, c->source_max);
	struct fair_item items[ITEMS_MAX] = { 0 };
	struct fair_item *pushed_out = NULL;
	bool queued = true;
	int got;

	for (int j = 0; c->push[j] != NULL; j++)
		queued = push(queue, &items[j], c->push[j], &pushed_out);
	got = !queued              ? -2
	      : pushed_out == NULL ? -1
				   : (int)(pushed_out - items);
	if (got != c->want)
		fail_msg("%s: got %d, want %d", c->name, got, c->want);
	assert_true(fair_queue_count(queue) <= c->total_max);
	fair_queue_free(&queue);
}

static void
who_has_most_leaves_a_full_queue(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(fulls); i++)
		full_case_run(&fulls[i]);
}

static void
the_oldest_is_found_and_removed(void **state UNUSED)
{
	struct fair_queue *queue = fair_queue_new(9, 9);
	struct fair_item items[3] = { 0 };
	struct fair_item *pushed_out;

	assert_null(fair_queue_oldest(queue));
	assert_true(push(queue, &items[0], "s/a", &pushed_out));
	assert_true(push(queue, &items[1], "t/a", &pushed_out));
	assert_true(push(queue, &items[2], "s/a", &pushed_out));
	assert_ptr_equal(fair_queue_oldest(queue), &items[0]);
	fair_queue_remove(queue, &items[0]);
	assert_ptr_equal(fair_queue_oldest(queue), &items[1]);
	assert_int_equal(fair_queue_count(queue), 2);
	fair_queue_free(&queue);
}

static void
long_keys_are_cut_not_overrun(void **state UNUSED)
{
	struct fair_queue *queue = fair_queue_new(9, 9);
	struct fair_item item = { 0 };
	struct fair_item *pushed_out;
	char key[2 * FAIR_QUEUE_KEY_MAX];

	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	assert_true(fair_queue_push(queue, &item, key, key, &pushed_out));
	assert_ptr_equal(fair_queue_pop(queue), &item);
	fair_queue_free(&queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(serves_round_robin),
		cmocka_unit_test(who_has_most_leaves_a_full_queue),
		cmocka_unit_test(the_oldest_is_found_and_removed),
		cmocka_unit_test(long_keys_are_cut_not_overrun),
	};

	return cmocka_run_group_tests_name("fair_queue", tests, NULL, NULL);
}
