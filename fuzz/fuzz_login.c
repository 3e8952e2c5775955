/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What fuzz_sasl.c, fuzz_login_line.c and fuzz_dict.c stand on. */
#include "fuzz_login.h"

#include <stdlib.h>

#include "base/log.h"
#include "directory/test_login.h"
#include "directory/test_stream.h"

#define SETTLE_MS 5000
#define HASTY 0x7f /* last byte of an input whose peer does not wait */

static void
forget_line(const char *line UNUSED, void *context UNUSED)
{
}

static struct test_login *
shared_directory(void)
{
	static struct test_login login;

	if (login.directory.loop == NULL) {
		log_set_sink(forget_line, NULL);
		test_login_init(&login);
	}
	return &login;
}

static void
remove_directory(void)
{
	test_login_deinit(shared_directory());
}

void
fuzz_login_conversation(const struct stream_protocol *protocol,
	const char *prefix, const uint8_t *data, size_t size)
{
	static bool registered;
	struct test_login *login = shared_directory();
	struct stream *stream = test_stream_new(
		login->directory.loop, protocol, &login->directory);
	bool hasty = size > 0 && data[size - 1] == HASTY;

	if (!registered)
		registered = atexit(remove_directory) == 0;
	test_stream_feed(stream, span_from(prefix));
	test_stream_feed(stream, (struct span){ (const char *)data, size });
	if (!hasty)
		test_stream_settle(stream, SETTLE_MS);
	BUG_ON(!hasty && test_stream_paused(stream));
	test_stream_hang_up(stream);
	(void)event_base_loop(login->directory.loop, EVLOOP_NONBLOCK);
}
