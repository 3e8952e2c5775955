/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd status: the agent's report as a table or as it is (JSON). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/lifecycle.h"
#include "supervise/s6.h"

#define ASK_DEADLINE_MS 10000
#define EXIT_FAILED 1
#define EXIT_NOT_RUNNING 3

static const char *
text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static json_int_t
number_of(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

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
	json_int_t signal = number_of(end, "signal");

	if (json_object_get(service, "retry_in_s") == NULL)
		return;
	printf(" ended by %s %d, next start in %d s (mailherd restart %s);",
		signal > 0 ? "signal" : "status",
		(int)(signal > 0 ? signal : number_of(end, "code")),
		(int)number_of(service, "retry_in_s"),
		text_of(service, "name"));
}

static void
print_service(const json_t *service)
{
	printf("%-12s %-9s", text_of(service, "name"),
		json_is_true(json_object_get(service, "degraded"))
			? "degraded"
			: text_of(service, "state"));
	if (json_object_get(service, "pid") != NULL) {
		printf(" %8d", (int)number_of(service, "pid"));
		print_age(number_of(service, "uptime_s"));
	} else {
		printf(" %8s%9s", "-", "-");
	}
	printf(" %8d ", (int)number_of(service, "restarts"));
	if (number_of(service, "crashes") > 0)
		printf(" %d crashes;", (int)number_of(service, "crashes"));
	if (json_is_true(json_object_get(service, "program_replaced")))
		printf(" runs a replaced program: mailherd restart %s;",
			text_of(service, "name"));
	print_back_off(service);
	printf(" %s\n", text_of(service, "note"));
}

static void
print_report(json_t *report)
{
	json_t *item;
	size_t i;

	printf("%s: %s (profile %s, mailherd %s, %s)\n",
		text_of(report, "hostname"), text_of(report, "state"),
		text_of(report, "profile"), text_of(report, "version"),
		text_of(report, "architecture"));
	printf("%-12s %-9s %8s %8s %8s\n", "SERVICE", "STATE", "PID", "UPTIME",
		"RESTARTS");
	json_array_foreach(json_object_get(report, "services"), i, item)
		print_service(item);
	json_array_foreach(json_object_get(report, "health"), i, item)
		printf("%s: %s %s\n", text_of(item, "name"),
			json_is_true(json_object_get(item, "ok")) ? "healthy"
								  : "failed",
			text_of(item, "text"));
	if (json_object_get(report, "render_error") != NULL)
		printf("The newest configuration is not in force: %s\n",
			text_of(report, "render_error"));
}

static int
say_not_running(const struct command_call *call)
{
	puts(call->json ? "{\"state\":\"down\",\"services\":[]}"
			: "not running");
	return EXIT_NOT_RUNNING;
}

int
lifecycle_status(struct command_call *call)
{
	struct err err = { 0 };
	json_t *report;
	int status;

	if (!s6_scan_running(call->paths.services))
		return say_not_running(call);
	if (lifecycle_ask(
		    call, "status", NULL, ASK_DEADLINE_MS, &report, &err) == -1)
		return command_fail(call, &err);
	status = strcmp(text_of(report, "state"), "failed") == 0 ? EXIT_FAILED
								 : 0;
	(void)json_object_del(report, "ok"); /* the protocol's, not ours */
	if (call->json) {
		json_dumpf(report, stdout, JSON_COMPACT);
		putchar('\n');
	} else {
		print_report(report);
	}
	json_decref(report);
	return status;
}
