/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the files of `mailherd doctor` share. A check looks at one thing of
 * this machine and adds what it found: one finding or more, each with the
 * cause and, when something is to be done, the remedy. Checks change
 * nothing and send nothing to other machines; only the names are asked of
 * our own resolver.
 */
#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

#include <jansson.h>

#include "cli/command.h"
#include "model/instance.h"

#define DOCTOR_FINDINGS_MAX 128

enum doctor_level {
	DOCTOR_GOOD,
	DOCTOR_SKIPPED, /* it could not be looked at; the text says why */
	DOCTOR_WARNING, /* works, but not for ever or not for everybody */
	DOCTOR_BAD,
	DOCTOR_LEVEL_COUNT
};

struct doctor_finding {
	const char *check;
	enum doctor_level level;
	const char *text;
	const char *remedy; /* "" when there is nothing to do */
};

struct doctor {
	struct command_call *call;
	struct instance instance;
	json_t *report; /* of the agent; NULL: it does not answer */
	const char *check; /* that runs now */
	struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
	size_t finding_count;
};

/* doctor_finding.c: text and remedy are copied. */
void doctor_add(struct doctor *doctor, enum doctor_level level,
	const char *remedy, const char *format, ...) PRINTF_LIKE(4, 5);

/* doctor_suite.c */
void doctor_suite(struct doctor *doctor);
void doctor_facts(struct doctor *doctor);
/* doctor_machine.c */
void doctor_memory(struct doctor *doctor);
void doctor_disk(struct doctor *doctor);
void doctor_clock(struct doctor *doctor);
void doctor_inotify(struct doctor *doctor);
/* doctor_files.c */
void doctor_certificate(struct doctor *doctor);
void doctor_keys(struct doctor *doctor);
/* doctor_garbage.c */
void doctor_garbage(struct doctor *doctor);
/* doctor_ports.c */
void doctor_owners(struct doctor *doctor);
void doctor_greetings(struct doctor *doctor);
/* doctor_names.c */
void doctor_resolver(struct doctor *doctor);
void doctor_host_name(struct doctor *doctor);
void doctor_reverse_name(struct doctor *doctor);

/* Pure, for their tests. */
enum doctor_level doctor_judge_expiry(int64_t seconds_left);

/* Mail that version 0.1 moved to the garbage area. */
struct doctor_earlier {
	int64_t count;
	int64_t overdue;
};

/* Who was removed by then should have been deleted by now. */
int64_t doctor_garbage_overdue_before(int64_t now, int64_t days);
void doctor_garbage_count(const char *name, int64_t overdue_before,
	struct doctor_earlier *earlier);

#endif
