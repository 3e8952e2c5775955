/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * By the agent's report, then by the greeting of every public port, which
 * is asked for as a user without rights.
 */
#include "cli/upgrade_health.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cli/doctor.h"
#include "cli/owner.h"
#include "cli/suite.h"
#include "io/jail.h"
#include "supervise/s6.h"

#define ASK_DEADLINE_MS 10000
#define POLL_MS 100
#define SILENT "silent" /* member of what is kept: a port was silent before */
#define OUR_ENGINE "mailherd"

/* Facts about the world outside. */
static const char *const OUTSIDE[] = { "resolver", "disk" };

static const json_t *
find_named(const json_t *list, const char *name)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		if (strcmp(suite_text(item, "name"), name) == 0)
			return item;
	}
	return NULL;
}

static bool
is_good(const json_t *service)
{
	const char *state = suite_text(service, "state");

	if (strcmp(state, "off") == 0)
		return true;
	return strcmp(state, "ready") == 0 &&
	       !json_is_true(json_object_get(service, "degraded"));
}

/* Whether the service has to be well for the suite to be as good. */
static bool
has_to_be_good(const json_t *before, const json_t *service)
{
	const json_t *was = find_named(json_object_get(before, "services"),
		suite_text(service, "name"));

	if (was != NULL)
		return is_good(was);
	return json_is_true(json_object_get(service, "essential"));
}

static bool
judge_service(
	const json_t *before, const json_t *service, char *why, size_t size)
{
	if (strcmp(suite_text(service, "engine"), OUR_ENGINE) == 0 &&
		json_is_true(json_object_get(service, "program_replaced"))) {
		(void)snprintf(why, size, "%s still runs the program of before",
			suite_text(service, "name"));
		return false;
	}
	if (is_good(service) || !has_to_be_good(before, service))
		return true;
	/* Of a suite that was down nobody knows how good it was. */
	if (before == NULL &&
		strcmp(suite_text(service, "state"), "ready") == 0)
		return true;
	(void)snprintf(why, size, "%s is %s%s%s", suite_text(service, "name"),
		json_is_true(json_object_get(service, "degraded"))
			? "degraded"
			: suite_text(service, "state"),
		suite_text(service, "note")[0] == '\0' ? "" : ": ",
		suite_text(service, "note"));
	return false;
}

static bool
is_outside(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(OUTSIDE); i++) {
		if (strncmp(name, OUTSIDE[i], strlen(OUTSIDE[i])) == 0)
			return true;
	}
	return false;
}

static bool
judge_fact(const json_t *before, const json_t *fact, char *why, size_t size)
{
	const json_t *was = find_named(
		json_object_get(before, "health"), suite_text(fact, "name"));

	if (json_is_true(json_object_get(fact, "ok")) || was == NULL ||
		!json_is_true(json_object_get(was, "ok")) ||
		is_outside(suite_text(fact, "name")))
		return true;
	(void)snprintf(why, size, "%s: %s", suite_text(fact, "name"),
		suite_text(fact, "text"));
	return false;
}

bool
upgrade_health_judge(
	const json_t *before, const json_t *after, char *why, size_t size)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(after, "services"), i, item)
	{
		if (!judge_service(before, item, why, size))
			return false;
	}
	json_array_foreach(json_object_get(after, "health"), i, item)
	{
		if (!judge_fact(before, item, why, size))
			return false;
	}
	return true;
}

static int
enter_nobody(const struct paths *paths, struct err *err)
{
	static const struct jail JAIL = {
		.user = "mailherd-watch",
		.network = JAIL_INET,
	};

	return jail_enter(&JAIL, paths, err);
}

static int
run_greetings(void *context, struct err *err)
{
	struct doctor *doctor = context;

	doctor_greetings(doctor);
	for (size_t i = 0; i < doctor->finding_count; i++) {
		if (doctor->findings[i].level == DOCTOR_BAD)
			return err_set(err, ERR_UNAVAILABLE, "%s",
				doctor->findings[i].text);
	}
	return 0;
}

static int
check_greetings(struct command_call *call, json_t *report, struct err *err)
{
	struct doctor doctor = {
		.call = call, .check = "greetings", .report = report
	};

	if (instance_load(&call->paths, call->arena, &doctor.instance, err) ==
		-1)
		return -1;
	return owner_run(
		&call->paths, enter_nobody, run_greetings, &doctor, err);
}

static int
ask(struct command_call *call, json_t **report_out, struct err *err)
{
	return suite_ask(
		call, "status", NULL, ASK_DEADLINE_MS, report_out, err);
}

json_t *
upgrade_health_look(struct command_call *call)
{
	json_t *report, *kept;
	struct err err = { 0 };
	bool silent;

	if (!s6_scan_running(call->paths.services) ||
		ask(call, &report, &err) == -1)
		return NULL;
	silent = check_greetings(call, report, &err) == -1;
	kept = json_pack("{s:s, s:O, s:O, s:b}", "state",
		suite_text(report, "state"), "services",
		json_object_get(report, "services"), "health",
		json_object_get(report, "health"), SILENT, silent);
	json_decref(report);
	return kept;
}

/* 0, or -1 and why. */
static int
look_once(struct command_call *call, const json_t *before, struct err *err)
{
	char why[256] = "";
	json_t *report;
	int result = 0;

	if (ask(call, &report, err) == -1)
		return -1;
	if (!upgrade_health_judge(before, report, why, sizeof(why)))
		result = err_set(err, ERR_UNAVAILABLE, "%s", why);
	else if (!json_is_true(json_object_get(before, SILENT)))
		result = check_greetings(call, report, err);
	json_decref(report);
	return result;
}

int
upgrade_health_wait(struct command_call *call, const json_t *before,
	int deadline_ms, struct err *err)
{
	int64_t until_ms = clock_monotonic_ms() + deadline_ms;

	for (;;) {
		err_clear(err);
		if (look_once(call, before, err) == 0)
			return 0;
		if (clock_monotonic_ms() >= until_ms)
			break;
		suite_pause(POLL_MS);
	}
	return err_prefix(
		err, "not as well as before after %d s", deadline_ms / 1000);
}
