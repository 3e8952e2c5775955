/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is remembered, for how long, and what leaves first. */
#include "auth/positive_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/compiler.h"

#define TTL_MS 1000

static bool
has(struct positive_cache *cache, const char *hash, const char *service,
	const char *password, int64_t now_ms)
{
	return positive_cache_has(
		cache, hash, service, span_from(password), now_ms);
}

static void
only_the_same_triple_hits(void **state UNUSED)
{
	struct positive_cache *cache = positive_cache_new(4, TTL_MS);

	assert_false(has(cache, "h", "imap", "p", 0));
	positive_cache_add(cache, "h", "imap", span_from("p"), 0);
	assert_true(has(cache, "h", "imap", "p", 0));
	assert_false(has(cache, "H", "imap", "p", 0));
	assert_false(has(cache, "h", "smtp", "p", 0));
	assert_false(has(cache, "h", "imap", "P", 0));
	/* Fields do not run into each other. */
	assert_false(has(cache, "hi", "map", "p", 0));
	positive_cache_free(&cache);
	assert_null(cache);
}

static void
entries_expire(void **state UNUSED)
{
	struct positive_cache *cache = positive_cache_new(4, TTL_MS);

	positive_cache_add(cache, "h", "imap", span_from("p"), 0);
	assert_true(has(cache, "h", "imap", "p", TTL_MS - 1));
	assert_false(has(cache, "h", "imap", "p", TTL_MS));
	assert_int_equal(positive_cache_count(cache), 0);
	positive_cache_free(&cache);
}

static void
the_least_used_leaves(void **state UNUSED)
{
	struct positive_cache *cache = positive_cache_new(2, TTL_MS);

	positive_cache_add(cache, "1", "imap", span_from("p"), 0);
	positive_cache_add(cache, "2", "imap", span_from("p"), 0);
	assert_true(has(cache, "1", "imap", "p", 1));
	positive_cache_add(cache, "3", "imap", span_from("p"), 2);
	assert_int_equal(positive_cache_count(cache), 2);
	assert_true(has(cache, "1", "imap", "p", 3));
	assert_false(has(cache, "2", "imap", "p", 3));
	assert_true(has(cache, "3", "imap", "p", 3));
	positive_cache_free(&cache);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_same_triple_hits),
		cmocka_unit_test(entries_expire),
		cmocka_unit_test(the_least_used_leaves),
	};

	return cmocka_run_group_tests_name("positive_cache", tests, NULL, NULL);
}
