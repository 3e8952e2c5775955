/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Findings are kept until all checks have run. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/doctor.h"

#define TEXT_MAX 512

void
doctor_add(struct doctor *doctor, enum doctor_level level, const char *remedy,
	const char *format, ...)
{
	struct doctor_finding *finding;
	char text[TEXT_MAX];
	va_list arguments;

	if (doctor->finding_count == DOCTOR_FINDINGS_MAX)
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	finding = &doctor->findings[doctor->finding_count++];
	finding->check = doctor->check;
	finding->level = level;
	finding->text = arena_strdup(doctor->call->arena, text);
	finding->remedy = arena_strdup(doctor->call->arena, remedy);
}
