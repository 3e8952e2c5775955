/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at the services, with the agent's eyes. */
#include <string.h>

#include "cli/doctor.h"
#include "cli/suite.h"

/* "off" is a service whose condition is not met, and no fault. */
static bool
is_well(const json_t *service)
{
	const char *state = suite_text(service, "state");

	return (strcmp(state, "ready") == 0 || strcmp(state, "off") == 0) &&
	       !json_is_true(json_object_get(service, "degraded"));
}

static void
add_service(struct doctor *doctor, const json_t *service)
{
	const char *name = suite_text(service, "name");
	bool essential = json_is_true(json_object_get(service, "essential"));

	if (*suite_text(service, "refused") != '\0') {
		doctor_add(doctor, DOCTOR_BAD,
			"do what it says; it is tried again within a minute",
			"%s is not started: %s", name,
			suite_text(service, "refused"));
		return;
	}
	doctor_add(doctor, essential ? DOCTOR_BAD : DOCTOR_WARNING,
		arena_printf(doctor->call->arena, "mailherd logs %s", name),
		"%s is %s: %s", name, suite_text(service, "state"),
		suite_text(service, "note"));
}

static void
add_replaced(struct doctor *doctor, const char *name)
{
	doctor_add(doctor, DOCTOR_WARNING,
		arena_printf(doctor->call->arena, "mailherd restart %s", name),
		"%s runs a program that was replaced on disk", name);
}

void
doctor_suite(struct doctor *doctor)
{
	const char *obstacle = suite_text(doctor->report, "render_error");
	json_t *service;
	size_t i, well = 0;

	if (doctor->report == NULL) {
		doctor_add(doctor, DOCTOR_BAD, "mailherd up",
			"the suite does not run");
		return;
	}
	json_array_foreach(
		json_object_get(doctor->report, "services"), i, service)
	{
		if (is_well(service))
			well++;
		else
			add_service(doctor, service);
		if (json_is_true(json_object_get(service, "program_replaced")))
			add_replaced(doctor, suite_text(service, "name"));
	}
	if (obstacle[0] != '\0')
		doctor_add(doctor, DOCTOR_BAD,
			"mend the file that it names, then: mailherd restart",
			"the newest configuration is not in force: %s",
			obstacle);
	if (well == i)
		doctor_add(doctor, DOCTOR_GOOD, "", "all %zu services are well",
			well);
}

/* What the services themselves found out about the world. */
void
doctor_facts(struct doctor *doctor)
{
	json_t *fact;
	size_t i, good = 0;

	if (doctor->report == NULL) {
		doctor_add(doctor, DOCTOR_SKIPPED, "",
			"the suite does not run, so nobody watched");
		return;
	}
	json_array_foreach(json_object_get(doctor->report, "health"), i, fact)
	{
		if (json_is_true(json_object_get(fact, "ok")))
			good++;
		else
			doctor_add(doctor, DOCTOR_BAD,
				"see troubleshooting.md for this cause",
				"%s: %s", suite_text(fact, "name"),
				suite_text(fact, "text"));
	}
	if (good == i)
		doctor_add(doctor, DOCTOR_GOOD, "",
			"%zu facts are watched, all are good", good);
}
