/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This exercises: socketmap_input() on any bytes, and behind it the maps on
 * a small database. No input may use more than it has, each request gets
 * exactly one well-formed netstring, a request that was cut short waits.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "directory/directory.h"
#include "directory/lookup.h"
#include "directory/socketmap.h"
#include "directory/test_core.h"
#include "fuzz.h"

struct fixture {
	struct test_core core;
	struct directory directory;
	struct strbuf scratch;
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
	strbuf_deinit(&f->scratch);
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
	f->directory.lookup = lookup_new();
	lookup_set_database(f->directory.lookup, f->core.core);
	strbuf_init(&f->scratch, SOCKETMAP_REPLY_MAX);
	strbuf_init(&f->output, 1024 * 1024);
	(void)atexit(fixture_deinit);
}

static void
check_reply(const struct strbuf *output)
{
	char *colon;
	unsigned long length = strtoul(output->data, &colon, 10);

	BUG_ON(*colon != ':' || length > SOCKETMAP_REPLY_MAX);
	BUG_ON((size_t)(colon - output->data) + 1 + length + 1 !=
		output->length);
	BUG_ON(output->data[output->length - 1] != ',');
	BUG_ON(strncmp(colon + 1, "OK ", 3) != 0 &&
		strncmp(colon + 1, "NOTFOUND ", 9) != 0 &&
		strncmp(colon + 1, "TEMP ", 5) != 0);
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
		struct span cut = { rest.data, rest.length / 2 };
		bool waits;

		strbuf_reset(&f->output);
		waits = socketmap_input(&f->directory, cut, &f->scratch,
				&f->output) == 0;
		strbuf_reset(&f->output);
		used = socketmap_input(
			&f->directory, rest, &f->scratch, &f->output);
		BUG_ON(used > (ptrdiff_t)rest.length);
		BUG_ON(used > (ptrdiff_t)cut.length && !waits);
		if (used <= 0)
			break;
		check_reply(&f->output);
		rest.data += used;
		rest.length -= (size_t)used;
	}
	BUG_ON(f->output.length != 0);
	lookup_end(f->directory.lookup);
	return 0;
}
