/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When is a suite as good as it was? Reports as JSON, one row a case. */
#include "cli/upgrade_health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define SERVICE(name, engine, state, more)                                     \
	"{\"name\":\"" name "\",\"engine\":\"" engine "\",\"state\":\"" state  \
	"\"" more "}"
#define REPORT(services, facts)                                                \
	"{\"services\":[" services "],\"health\":[" facts "]}"
#define FACT(name, ok) "{\"name\":\"" name "\",\"ok\":" ok ",\"text\":\"t\"}"
#define JOBS(state, more) SERVICE("jobs", "mailherd", state, more)
#define DOVECOT(state, more) SERVICE("dovecot", "dovecot", state, more)
#define ESSENTIAL ",\"essential\":true"
#define DEGRADED ",\"degraded\":true"
#define REPLACED ",\"program_replaced\":true"

/* clang-format off */
static const struct {
	const char *name;
	const char *before; /* NULL: it was down */
	const char *after;
	const char *why; /* NULL: as good */
} ROWS[] = {
	{ "all well", REPORT(JOBS("ready", ""), ""),
		REPORT(JOBS("ready", ""), ""), NULL },
	{ "one starts for ever", REPORT(JOBS("ready", ""), ""),
		REPORT(JOBS("starting", ""), ""), "jobs is starting" },
	{ "degraded as before", REPORT(DOVECOT("ready", DEGRADED), ""),
		REPORT(DOVECOT("ready", DEGRADED), ""), NULL },
	{ "newly degraded", REPORT(DOVECOT("ready", ""), ""),
		REPORT(DOVECOT("ready", DEGRADED), ""), "dovecot is degraded" },
	{ "down before, down after", REPORT(DOVECOT("down", ""), ""),
		REPORT(DOVECOT("down", ""), ""), NULL },
	{ "an old program of ours", REPORT(JOBS("ready", ""), ""),
		REPORT(JOBS("ready", REPLACED), ""),
		"jobs still runs the program of before" },
	{ "an old program of an engine", REPORT(DOVECOT("ready", ""), ""),
		REPORT(DOVECOT("ready", REPLACED), ""), NULL },
	{ "a new service that is needed", REPORT("", ""),
		REPORT(JOBS("down", ESSENTIAL), ""), "jobs is down" },
	{ "a new service that is not", REPORT("", ""),
		REPORT(JOBS("down", ""), ""), NULL },
	{ "a service is gone", REPORT(JOBS("ready", ""), ""),
		REPORT("", ""), NULL },
	{ "switched off", REPORT(JOBS("ready", ""), ""),
		REPORT(JOBS("off", ""), ""), NULL },
	{ "was down, is degraded", NULL,
		REPORT(JOBS("ready", DEGRADED ESSENTIAL), ""), NULL },
	{ "was down, is not ready", NULL,
		REPORT(JOBS("starting", ESSENTIAL), ""), "jobs is starting" },
	{ "a fact went bad", REPORT("", FACT("dkim", "true")),
		REPORT("", FACT("dkim", "false")), "dkim: t" },
	{ "a fact was bad", REPORT("", FACT("dkim", "false")),
		REPORT("", FACT("dkim", "false")), NULL },
	{ "a fact is not known yet", REPORT("", FACT("dkim", "true")),
		REPORT("", ""), NULL },
	{ "the world outside", REPORT("", FACT("resolver", "true")),
		REPORT("", FACT("resolver", "false")), NULL },
};

/* clang-format on */

static void
test_judge(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(ROWS); i++) {
		json_t *before = ROWS[i].before == NULL
					 ? NULL
					 : json_loads(ROWS[i].before, 0, NULL);
		json_t *after = json_loads(ROWS[i].after, 0, NULL);
		char why[128] = "";
		bool good =
			upgrade_health_judge(before, after, why, sizeof(why));

		assert_non_null(after);
		if (good != (ROWS[i].why == NULL) ||
			(!good && strcmp(why, ROWS[i].why) != 0))
			fail_msg("%s: got \"%s\", want \"%s\"", ROWS[i].name,
				why, ROWS[i].why ? ROWS[i].why : "");
		json_decref(before);
		json_decref(after);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_judge) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
