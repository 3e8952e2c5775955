/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: policy_input() on any bytes, and behind it the look-up
 * of the recipient and the room in the mailbox. Each whole request gets
 * exactly one "action=" and an empty line.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/policy.h"
#include "directory/test_core.h"
#include "directory/usage.h"
#include "fuzz.h"

struct fixture {
	struct test_core core;
	struct directory directory;
	struct strbuf output;
};

/* One for the process: a database for each input would be slow. */
static struct fixture *
fixture(void)
{
	static struct fixture fixture;

	return &fixture;
}

static void
fixture_deinit(void)
{
	struct fixture *f = fixture();

	lookup_free(&f->directory.lookup);
	usage_free(&f->directory.usage_writer);
	event_base_free(f->directory.loop);
	strbuf_deinit(&f->output);
	test_core_deinit(&f->core);
}

static void
ignore_line(const char *line, void *context)
{
	(void)line;
	(void)context;
}

static void
fixture_init(struct fixture *f)
{
	log_set_sink(ignore_line, NULL);
	test_core_init(&f->core);
	f->directory.loop = event_base_new();
	f->directory.usage = f->core.usage;
	f->directory.usage_writer =
		usage_new(f->directory.loop, &f->directory.usage);
	f->directory.lookup = lookup_new();
	lookup_set_database(f->directory.lookup, f->core.core);
	strbuf_init(&f->output, 64 * 1024);
	(void)atexit(fixture_deinit);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fixture *f = fixture();
	struct span rest = { (const char *)data, size };
	ptrdiff_t used;

	if (f->directory.lookup == NULL)
		fixture_init(f);
	for (;;) {
		const struct strbuf *output = &f->output;

		strbuf_reset(&f->output);
		used = policy_input(&f->directory, rest, &f->output);
		BUG_ON(used > (ptrdiff_t)rest.length);
		if (used <= 0)
			break;
		BUG_ON(strncmp(output->data, "action=", 7) != 0);
		BUG_ON(strstr(output->data, "\n\n") + 2 !=
			output->data + output->length);
		rest.data += used;
		rest.length -= (size_t)used;
	}
	BUG_ON(f->output.length != 0);
	lookup_end(f->directory.lookup);
	return 0;
}
