/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Its arguments, its output, and how a failure is told. */
#include "agent/preparing.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define DEADLINE_MS 180000
#define ARGUMENTS_MAX 80
#define OUTPUT_MAX 4096

void
preparing_start(const struct service_state *service,
	const char *const *arguments, child_done_fn *done, void *context)
{
	const struct paths *paths = &service->paths;
	struct arena *arena = arena_new();
	const char *argv[ARGUMENTS_MAX] = {
		arena_printf(arena, "%s/mailherd-prepare", paths->programs),
		"--root", arena_printf(arena, "%s/", paths->root), NULL
	};
	struct child_spec spec = { .argv = argv,
		.output_max = OUTPUT_MAX,
		.deadline_ms = DEADLINE_MS };

	for (size_t i = 3; *arguments != NULL && i + 1 < ARGUMENTS_MAX; i++)
		argv[i] = *arguments++;
	child_start(service->loop, &spec, done, context);
	arena_free(&arena); /* the child has its own by now */
}

void
preparing_output_error(struct err *err, const char *what,
	const struct child_result *result, const struct strbuf *output)
{
	int length = (int)output->length;

	while (length > 0 && output->data[length - 1] == '\n')
		length--;
	if (result->timed_out)
		err_set(err, ERR_SYSTEM, "%s did not end in time", what);
	else if (length == 0)
		err_set(err, ERR_SYSTEM, "%s failed with status %d", what,
			result->status);
	else
		err_set(err, ERR_INVALID, "%.*s", length, output->data);
}

bool
preparing_failed(const struct child_result *result, const struct strbuf *output,
	const struct err *start_error, struct err *err)
{
	if (start_error != NULL) {
		*err = *start_error;
		return true;
	}
	if (!result->timed_out && result->status == 0)
		return false;
	preparing_output_error(err, "preparing the restart", result, output);
	return true;
}

int
preparing_number(const struct strbuf *output, const char *name)
{
	struct span rest = strbuf_span(output), line;
	size_t length = strlen(name);

	while (span_split(&rest, '\n', &line))
		if (span_starts_with(line, name) && line.length > length)
			/* A NUL stands behind the whole output. */
			return (int)strtol(line.data + length, NULL, 10);
	return 0;
}
