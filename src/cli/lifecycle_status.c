/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd status: the agent's report as a table or as it is (JSON). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/lifecycle.h"
#include "cli/suite.h"
#include "supervise/s6.h"

#define ASK_DEADLINE_MS 10000
#define EXIT_FAILED 1
#define EXIT_NOT_RUNNING 3
#define EXIT_TRY_AGAIN 75

static void
print_age(json_int_t seconds)
{
	if (seconds < 60)
		printf("%8ds", (int)seconds);
	else if (seconds < 3600)
		printf("%8dm", (int)(seconds / 60));
	else if (seconds < 48 * 3600)
		printf("%8dh", (int)(seconds / 3600));
	else
		printf("%8dd", (int)(seconds / 86400));
}

/* A service that ends again and again waits longer each time. */
static void
print_back_off(const json_t *service)
{
	const json_t *end = json_object_get(service, "last_exit");
	json_int_t signal = suite_number(end, "signal");

	if (json_object_get(service, "retry_in_s") == NULL)
		return;
	printf(" ended by %s %d, next start in %d s (mailherd restart %s);",
		signal > 0 ? "signal" : "status",
		(int)(signal > 0 ? signal : suite_number(end, "code")),
		(int)suite_number(service, "retry_in_s"),
		suite_text(service, "name"));
}

static void
print_service(const json_t *service)
{
	printf("%-12s %-9s", suite_text(service, "name"),
		json_is_true(json_object_get(service, "degraded"))
			? "degraded"
			: suite_text(service, "state"));
	if (json_object_get(service, "pid") != NULL) {
		printf(" %8d", (int)suite_number(service, "pid"));
		print_age(suite_number(service, "uptime_s"));
	} else {
		printf(" %8s%9s", "-", "-");
	}
	printf(" %8d ", (int)suite_number(service, "restarts"));
	if (suite_number(service, "crashes") > 0)
		printf(" %d crashes;", (int)suite_number(service, "crashes"));
	print_back_off(service);
	printf(" %s\n", suite_text(service, "note"));
}

static void
print_refused(const json_t *services)
{
	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *service = json_array_get(services, i);
		const char *text = suite_text(service, "refused");

		if (*text != '\0')
			printf("%s is not started: %s\n",
				suite_text(service, "name"), text);
	}
}

/* Several services with one reason: one line, at the first of them. */
static bool
is_told(const json_t *services, size_t until, const char *reason)
{
	for (size_t i = 0; i < until; i++)
		if (strcmp(suite_text(json_array_get(services, i), "stale"),
			    reason) == 0)
			return true;
	return false;
}

static void
print_stale(const json_t *services)
{
	bool some = false;

	for (size_t i = 0; i < json_array_size(services); i++) {
		const char *reason =
			suite_text(json_array_get(services, i), "stale");

		if (*reason == '\0' || is_told(services, i, reason))
			continue;
		printf("Stale, %s:", reason);
		for (size_t j = i; j < json_array_size(services); j++) {
			const json_t *service = json_array_get(services, j);

			if (strcmp(suite_text(service, "stale"), reason) == 0)
				printf(" %s", suite_text(service, "name"));
		}
		putchar('\n');
		some = true;
	}
	if (some)
		puts("  mailherd restart --changed brings them up to date");
}

/* What is bad is told in full, what is well only by its name. */
static void
print_facts(const json_t *facts)
{
	const char *before = "Well: ";

	for (size_t i = 0; i < json_array_size(facts); i++) {
		const json_t *fact = json_array_get(facts, i);

		if (!json_is_true(json_object_get(fact, "ok")))
			printf("%s: failed %s\n", suite_text(fact, "name"),
				suite_text(fact, "text"));
	}
	for (size_t i = 0; i < json_array_size(facts); i++) {
		const json_t *fact = json_array_get(facts, i);

		if (!json_is_true(json_object_get(fact, "ok")))
			continue;
		printf("%s%s", before, suite_text(fact, "name"));
		before = ", ";
	}
	if (*before == ',')
		putchar('\n');
}

static void
print_report(const json_t *report)
{
	const json_t *services = json_object_get(report, "services");

	printf("%s: %s (profile %s, mailherd %s, %s)\n",
		suite_text(report, "hostname"), suite_text(report, "state"),
		suite_text(report, "profile"), suite_text(report, "version"),
		suite_text(report, "architecture"));
	printf("%-12s %-9s %8s %8s %8s\n", "SERVICE", "STATE", "PID", "UPTIME",
		"RESTARTS");
	for (size_t i = 0; i < json_array_size(services); i++)
		print_service(json_array_get(services, i));
	if (json_object_get(report, "render_error") != NULL)
		printf("The newest configuration is not in force: %s\n",
			suite_text(report, "render_error"));
	print_refused(services);
	print_stale(services);
	print_facts(json_object_get(report, "health"));
	lifecycle_print_mail(report);
}

static int
say_not_running(const struct command_call *call)
{
	puts(call->json ? "{\"state\":\"down\",\"services\":[]}"
			: "not running");
	return EXIT_NOT_RUNNING;
}

/* "healthy" and "degraded" run. */
static int
judge_state(const char *state)
{
	static const struct {
		const char *state;
		int status;
	} STATES[] = { { "failed", EXIT_FAILED },
		{ "starting", EXIT_TRY_AGAIN },
		{ "stopping", EXIT_TRY_AGAIN } };

	for (size_t i = 0; i < ARRAY_LENGTH(STATES); i++)
		if (strcmp(state, STATES[i].state) == 0)
			return STATES[i].status;
	return 0;
}

int
lifecycle_status(struct command_call *call)
{
	struct err err = { 0 };
	json_t *report;
	int status;

	if (!s6_scan_running(call->paths.services))
		return say_not_running(call);
	if (suite_ask(call, "status", NULL, ASK_DEADLINE_MS, &report, &err) ==
		-1)
		return command_fail(call, &err);
	status = judge_state(suite_text(report, "state"));
	(void)json_object_del(report, "ok"); /* the protocol's, not ours */
	lifecycle_add_mail(call, report);
	if (call->json) {
		json_dumpf(report, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_report(report);
	}
	json_decref(report);
	return status;
}
