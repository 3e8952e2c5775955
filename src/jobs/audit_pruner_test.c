/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of audit_pruner.c with more rows than one slice. */
#include "jobs/audit_pruner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/schema.h"

#define PATIENCE_MS 10000

static void
ignore_line(const char *line UNUSED, void *context UNUSED)
{
}

static int64_t
rows(struct db *core)
{
	static const struct db_statement COUNT = { "count",
		"SELECT count(*) FROM audit", NULL };
	struct db_query q = db_query(core, &COUNT);
	int64_t count = -1;
	struct err err;

	if (db_step(&q, &err) == 1)
		count = db_number(&q, 0);
	db_finish(&q);
	return count;
}

/* Of ages around the default of a year, and 1200 that are far older. */
static const char FILL[] =
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	" WHERE i < 1200) INSERT INTO audit (at, actor, action, type, object,"
	" object_id) SELECT i, 'test', 'edit', 'mailbox', 'x', 1 FROM n;"
	"INSERT INTO audit (at, actor, action, type, object, object_id)"
	" SELECT unixepoch() - d * 86400, 'test', 'edit', 'mailbox', 'x', 1"
	" FROM (SELECT 0 AS d UNION SELECT 364 UNION SELECT 366)";

static void
test_all_that_is_old_goes(void **state UNUSED)
{
	char directory[] = "/tmp/mh-audit-XXXXXX", path[80];
	struct event_base *loop = event_base_new();
	int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;
	struct audit_pruner *pruner;
	struct db *core;
	struct err err;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/core.db", directory);
	assert_int_equal(
		db_open(path, DB_WRITE, DB_SYNC_FULL, 1000, &core, &err), 0);
	assert_int_equal(schema_migrate(core, SCHEMA_CORE, NULL, &err), 0);
	assert_int_equal(db_script(core, FILL, &err), 0);
	assert_int_equal(rows(core), 1203);
	log_set_sink(ignore_line, NULL);
	pruner = audit_pruner_new(loop, core);
	event_base_loop(loop, EVLOOP_NONBLOCK);
	assert_int_equal(rows(core), 1203); /* not at once */
	audit_pruner_wake(pruner);
	while (rows(core) > 2 && clock_monotonic_ms() < until_ms)
		event_base_loop(loop, EVLOOP_ONCE);
	assert_int_equal(rows(core), 2);
	log_set_sink(NULL, NULL);
	audit_pruner_free(&pruner);
	db_close(&core);
	event_base_free(loop);
	assert_int_equal(fs_remove_tree(directory, NULL), 0);
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_all_that_is_old_goes),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
