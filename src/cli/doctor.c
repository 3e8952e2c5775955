/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd doctor`: runs the checks of a table and says what is wrong,
 * why, and what to do. What needs root comes first; then privileges are
 * given up, because the rest reads what peers answer.
 */
#include "cli/doctor.h"

#include <stdio.h>

#include "base/json_write.h"
#include "cli/suite.h"
#include "io/jail.h"
#include "supervise/s6.h"

#define ASK_DEADLINE_MS 5000
#define OUTPUT_MAX (1024 * 1024)
#define EXIT_BAD 1

struct check {
	const char *name;
	void (*run)(struct doctor *doctor);
	bool unprivileged; /* it hears others */
};

/* clang-format off */
static const struct check CHECKS[] = {
	{ "suite", doctor_suite, false },
	{ "health", doctor_facts, false },
	{ "memory", doctor_memory, false },
	{ "disk", doctor_disk, false },
	{ "clock", doctor_clock, false },
	{ "inotify", doctor_inotify, false },
	{ "certificate", doctor_certificate, false },
	{ "keys", doctor_keys, false },
	{ "garbage", doctor_garbage, false },
	{ "ports", doctor_owners, false },
	{ "greetings", doctor_greetings, true },
	{ "resolver", doctor_resolver, true },
	{ "host-name", doctor_host_name, true },
	{ "reverse-name", doctor_reverse_name, true },
};

static const struct {
	const char *name; /* in JSON */
	const char *mark; /* for people */
} LEVELS[DOCTOR_LEVEL_COUNT] = {
	[DOCTOR_GOOD] = { "ok", "ok" },
	[DOCTOR_SKIPPED] = { "skipped", "skipped" },
	[DOCTOR_WARNING] = { "warning", "warning" },
	[DOCTOR_BAD] = { "failed", "FAILED" },
};

/* clang-format on */

/* The user whose program asks the resolver anyway; nothing is started. */
static int
give_up_privileges(struct doctor *doctor, struct err *err)
{
	static const struct jail jail = {
		.user = "mailherd-watch",
		.network = JAIL_INET,
		.exec = false,
	};

	return jail_enter(&jail, &doctor->call->paths, err);
}

static int
run_checks(struct doctor *doctor, struct err *err)
{
	bool privileged = true;

	for (size_t i = 0; i < ARRAY_LENGTH(CHECKS); i++) {
		if (CHECKS[i].unprivileged && privileged) {
			if (give_up_privileges(doctor, err) == -1)
				return -1;
			privileged = false;
		}
		doctor->check = CHECKS[i].name;
		CHECKS[i].run(doctor);
	}
	return 0;
}

static size_t
count_level(const struct doctor *doctor, enum doctor_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < doctor->finding_count; i++)
		count += doctor->findings[i].level == level;
	return count;
}

static void
print_json(const struct doctor *doctor)
{
	struct json_writer w;
	struct strbuf out;

	strbuf_init(&out, OUTPUT_MAX);
	json_writer_init(&w, &out);
	json_object_open(&w, NULL);
	json_bool(&w, "healthy", count_level(doctor, DOCTOR_BAD) == 0);
	json_array_open(&w, "findings");
	for (size_t i = 0; i < doctor->finding_count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		json_object_open(&w, NULL);
		json_text(&w, "check", finding->check);
		json_text(&w, "level", LEVELS[finding->level].name);
		json_text(&w, "text", finding->text);
		json_text(&w, "remedy", finding->remedy);
		json_object_close(&w);
	}
	json_array_close(&w);
	json_object_close(&w);
	puts(out.data);
	strbuf_deinit(&out);
}

static void
print_text(const struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->finding_count; i++) {
		const struct doctor_finding *finding = &doctor->findings[i];

		printf("%-8s %-13s %s\n", LEVELS[finding->level].mark,
			finding->check, finding->text);
		if (finding->remedy[0] != '\0')
			printf("%-22s -> %s\n", "", finding->remedy);
	}
	printf("%zu failed, %zu to look at, %zu good, %zu skipped\n",
		count_level(doctor, DOCTOR_BAD),
		count_level(doctor, DOCTOR_WARNING),
		count_level(doctor, DOCTOR_GOOD),
		count_level(doctor, DOCTOR_SKIPPED));
}

/* A suite that is down has no report; the checks of the machine go on. */
static void
ask_agent(struct doctor *doctor)
{
	struct command_call *call = doctor->call;

	if (!s6_scan_running(call->paths.services) ||
		suite_ask(call, "status", NULL, ASK_DEADLINE_MS,
			&doctor->report, NULL) == -1)
		doctor->report = NULL;
}

static int
run_doctor(struct command_call *call)
{
	struct doctor doctor = { .call = call };
	struct err err = { 0 };
	int result;

	if (instance_load(&call->paths, call->arena, &doctor.instance, &err) ==
		-1)
		return command_fail(call, &err);
	ask_agent(&doctor);
	result = run_checks(&doctor, &err);
	json_decref(doctor.report);
	if (result == -1)
		return command_fail(call, &err);
	if (call->json)
		print_json(&doctor);
	else
		print_text(&doctor);
	return count_level(&doctor, DOCTOR_BAD) == 0 ? 0 : EXIT_BAD;
}

const struct command doctor_commands[] = {
	{ .name = "doctor",
		.usage = "",
		.summary = "Look for what is wrong, and say what to do",
		.privilege = COMMAND_ROOT,
		.run = run_doctor,
		.description =
			"Services, memory, disk, clock, limits of the kernel, certificate, backup of the keys, mail of removed mailboxes, who answers on the public ports and with what, the resolver, the host's name and reverse name. Changes nothing; only this machine's own resolver is asked. Exit status 1 when something failed; a warning alone is 0." },
	{ .name = NULL },
};
